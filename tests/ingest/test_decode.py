"""The child process: what it hands over, what happens when it dies, and that nothing is left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from core.errors import MediaBroken, MediaRefused, MediaSkipped, TimeOutOfRange
from core.settings import DecodeSettings, IngestSettings
from ingest.decode import Decoder, decode_frame_at
from ingest.media import DecodeSummary, MediaFacts, Sample
from tests.support.media_factory import (
    count_up,
    number_of,
    quarters,
    textured,
    to_frame,
    write_sound,
    write_video,
)


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    """One child for the tests that leave it alive. No shots: bars that count look like cuts."""
    with Decoder(DecodeSettings(), IngestSettings(shots=False)) as shared:
        yield shared


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 numbered frames at 25 a second, with B-frames and several keyframes."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return write_video(path, count_up(60), b_frames=2, gop=10)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More pixels than the queue and the pipe hold, so that a reading stays in the middle."""
    path = tmp_path_factory.mktemp("large") / "large.mp4"
    return write_video(path, [textured(i % 5, (960, 540)) for i in range(60)])


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until_gone(pid: int, patience_seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + patience_seconds
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_running(pid)


def wait_until_reaped(pid: int) -> None:
    deadline = time.monotonic() + 20
    while any(child.pid == pid for child in multiprocessing.active_children()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_facts_samples_summary(decoder: Decoder, clip: Path) -> None:
    facts, *samples, summary = decoder.read(clip)
    assert facts == MediaFacts("video", "mov", "h264", 128, 72, pytest.approx(2.4), 25.0, 0)
    assert [sample.time_seconds for sample in samples if isinstance(sample, Sample)] == pytest.approx(
        [0, 0.48, 1.0, 1.48, 2.0]
    )
    for sample in samples:
        assert isinstance(sample, Sample)
        assert number_of(sample.image) == round(sample.time_seconds * 25)
        assert sample.image.flags.writeable
        assert sample.image.dtype == np.uint8
    assert isinstance(summary, DecodeSummary)
    assert (summary.status, summary.reason, summary.frames_decoded) == ("ok", None, 60)
    assert summary.duration_seconds == pytest.approx(2.4)
    assert decoder.progress == 1.0


def test_one_child_serves_many_files(decoder: Decoder, clip: Path, tmp_path: Path) -> None:
    list(decoder.read(clip))
    pid = decoder.pid
    with pytest.raises(MediaSkipped, match="only sound"):
        list(decoder.read(write_sound(tmp_path / "sound.m4a")))
    with pytest.raises(MediaBroken, match=r"gone\.mp4 does not exist"):
        list(decoder.read(tmp_path / "gone.mp4"))
    assert len(list(decoder.read(clip))) == 7
    assert decoder.pid == pid


def test_samples_are_at_most_max_side(clip: Path, tmp_path: Path) -> None:
    path = write_video(tmp_path / "turned.mp4", [quarters(640, 360)] * 3, rotation=90)
    with Decoder(DecodeSettings(), IngestSettings(max_side_px=320)) as small:
        facts, sample, _ = small.read(path)
    assert isinstance(facts, MediaFacts)
    assert (facts.width, facts.height) == (360, 640)
    assert isinstance(sample, Sample)
    assert sample.image.shape == (320, 180, 3)


def test_a_still_is_one_sample(decoder: Decoder, tmp_path: Path) -> None:
    from PIL import Image as Pillow

    Pillow.fromarray(quarters()).save(tmp_path / "a.png")
    facts, sample, summary = decoder.read(tmp_path / "a.png")
    assert isinstance(facts, MediaFacts)
    assert facts.media_type == "image"
    assert isinstance(sample, Sample)
    assert (sample.time_seconds, sample.shot, sample.is_cut) == (0.0, 0, False)
    assert (sample.image == quarters()).all()
    assert isinstance(summary, DecodeSummary)
    assert (summary.status, summary.duration_seconds) == ("ok", 0.0)


def test_a_name_that_is_not_utf8(decoder: Decoder, clip: Path, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9 \n %03d.mp4")
    try:
        path.write_bytes(clip.read_bytes())
    except OSError:
        pytest.skip("this file system allows only UTF-8 names")
    assert len(list(decoder.read(path))) == 7


def test_a_name_that_looks_like_an_address(
    decoder: Decoder, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("concat:a|b.mp4").write_bytes(clip.read_bytes())
    assert len(list(decoder.read("concat:a|b.mp4"))) == 7


@pytest.mark.parametrize("number", [0, 1, 9, 10, 11, 29, 30, 58, 59])
def test_frame_at_is_the_frame_on_screen(decoder: Decoder, clip: Path, number: int) -> None:
    assert number_of(decoder.frame_at(clip, number / 25)) == number
    assert number_of(decoder.frame_at(clip, number / 25 + 0.035)) == number


def test_frame_at_is_full_resolution_unless_told(decoder: Decoder, clip: Path) -> None:
    assert decoder.frame_at(clip, 0.5).shape == (72, 128, 3)
    assert decoder.frame_at(clip, 0.5, max_side=64).shape == (36, 64, 3)


def test_frame_at_past_the_end(decoder: Decoder, clip: Path) -> None:
    pid = decoder.pid
    with pytest.raises(TimeOutOfRange, match=r"0:03\.00 is past the end .* 0:02\.40 long"):
        decoder.frame_at(clip, 3.0)
    with pytest.raises(TimeOutOfRange, match="start at 0"):
        decoder.frame_at(clip, -1.0)
    assert number_of(decoder.frame_at(clip, 2.4)) == 59
    assert decoder.pid == pid


def test_the_last_frame_stays_while_the_sound_goes_on(decoder: Decoder, tmp_path: Path) -> None:
    path = write_video(tmp_path / "song.mp4", count_up(30), sound_seconds=3.0)
    assert number_of(decoder.frame_at(path, 2.5)) == 29
    with pytest.raises(TimeOutOfRange):
        decoder.frame_at(path, 3.5)


def test_decode_frame_at_brings_its_own_child(clip: Path) -> None:
    assert number_of(decode_frame_at(clip, 1.0)) == 25


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [(0.0, 0.2, 0, 4), (1.01, 1.21, 25, 30), (1.0, 1.2, 25, 29), (2.3, 9.0, 57, 59), (0.5, 0.5, 12, 12)],
)
def test_an_interval_is_every_frame_shown_in_it(
    decoder: Decoder, clip: Path, start: float, end: float, first: int, last: int
) -> None:
    samples = list(decoder.read_interval(clip, start, end))
    assert [number_of(sample.image) for sample in samples] == list(range(first, last + 1))
    assert [sample.time_seconds for sample in samples] == pytest.approx(
        [i / 25 for i in range(first, last + 1)]
    )


def test_probe(decoder: Decoder, clip: Path) -> None:
    assert decoder.probe(clip).codec == "h264"


def test_progress_is_known_in_the_middle(decoder: Decoder, clip: Path) -> None:
    shares = []
    for item in decoder.read(clip):
        if isinstance(item, Sample):
            shares.append(decoder.progress)
    assert all(share is not None for share in shares)
    assert shares == sorted(shares)
    assert 0.4 < shares[2] < 0.7


def test_a_killed_child_is_one_broken_file(clip: Path, large: Path) -> None:
    with Decoder(DecodeSettings(), IngestSettings(shots=False)) as decoder:
        reading = decoder.read(large)
        next(reading)
        killed = decoder.pid
        assert killed is not None
        os.kill(killed, signal.SIGSEGV)
        with pytest.raises(MediaBroken, match=r"The decoder crashed on large\.mp4 \(signal 11, SIGSEGV\)"):
            list(reading)
        assert not is_running(killed)
        assert len(list(decoder.read(clip))) == 7
        assert decoder.pid != killed


def test_a_child_that_died_between_files_is_replaced(clip: Path) -> None:
    with Decoder(None, IngestSettings(shots=False)) as decoder:
        list(decoder.read(clip))
        assert decoder.pid is not None
        os.kill(decoder.pid, signal.SIGKILL)
        wait_until_reaped(decoder.pid)
        assert len(list(decoder.read(clip))) == 7


def test_a_child_that_hangs_is_given_up(clip: Path, large: Path) -> None:
    with Decoder(DecodeSettings(stall_seconds=5), IngestSettings(samples_per_second=25)) as decoder:
        list(decoder.read(clip))
        reading = decoder.read(large)
        next(reading)
        stopped = decoder.pid
        assert stopped is not None
        os.kill(stopped, signal.SIGSTOP)
        with pytest.raises(MediaBroken, match=r"large\.mp4 gave no frame for 5 s"):
            list(reading)
        assert not is_running(stopped)
        assert len(list(decoder.read(clip))) > 7


def test_processor_time_is_limited(tmp_path: Path, clip: Path) -> None:
    path = tmp_path / "costly.mkv"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 3840, 2160, "yuvj420p"
        (packet,) = stream.encode(to_frame(textured(1, (3840, 2160)), "yuvj420p")) + stream.encode(None)
        data = bytes(packet)
        for number in range(1000):
            again = av.Packet(data)
            again.stream, again.is_keyframe = stream, True
            again.pts = again.dts = number
            again.time_base = Fraction(1, 25)
            container.mux(again)
    with Decoder(DecodeSettings(cpu_seconds_per_file=1), IngestSettings(shots=False)) as decoder:
        with pytest.raises(MediaRefused, match=r"more than 1 s of processor time"):
            list(decoder.read(path))
        assert len(list(decoder.read(clip))) == 7


def test_memory_is_limited(tmp_path: Path, clip: Path) -> None:
    from PIL import Image as Pillow

    path = tmp_path / "wide.png"
    Pillow.new("RGB", (12_000, 12_000)).save(path)
    limits = DecodeSettings(memory_mb=256, max_pixels=200_000_000)
    with Decoder(limits, IngestSettings(shots=False)) as decoder:
        with pytest.raises(MediaRefused, match="memory"):
            list(decoder.read(path))
        assert len(list(decoder.read(clip))) == 7


def test_leaving_early_leaves_no_child(large: Path, clip: Path) -> None:
    decoder = Decoder(DecodeSettings(), IngestSettings(samples_per_second=25))
    reading = decoder.read(large)
    next(reading)
    next(reading)
    pid = decoder.pid
    assert pid is not None
    reading.close()
    assert not is_running(pid)
    assert decoder.pid is None
    assert len(list(decoder.read(clip))) > 7
    last = decoder.pid
    decoder.close()
    assert last is not None
    assert not is_running(last)
    decoder.close()


def test_two_readings_at_once_are_a_mistake(large: Path) -> None:
    with Decoder() as decoder:
        reading = decoder.read(large)
        next(reading)
        with pytest.raises(RuntimeError, match="another file"):
            next(decoder.read(large))


def test_the_child_dies_with_its_parent(large: Path, repository: Path) -> None:
    program = (
        "import sys, time\n"
        "from ingest.decode import Decoder\n"
        "if __name__ == '__main__':\n"
        "    decoder = Decoder()\n"
        "    reading = decoder.read(sys.argv[1])\n"
        "    next(reading)\n"
        "    print(decoder.pid, flush=True)\n"
        "    time.sleep(600)\n"
    )
    script = large.parent / "reader.py"
    script.write_text(program)
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    with subprocess.Popen(
        [sys.executable, str(script), str(large)], stdout=subprocess.PIPE, env=environment
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_running(child)
        parent.kill()
    assert wait_until_gone(child)
