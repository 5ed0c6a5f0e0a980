"""Clips, read back frame by frame: which frames they hold, when each is shown, and whether the sound fits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from core.errors import DiskFull, InvalidRequest, MediaBroken, MediaRefused, TimeOutOfRange
from core.settings import DecodeSettings
from ingest.clip_encode import shown_between
from ingest.clips import ClipLimits, ClipStopped, Cut, Cutter, Part
from ingest.frames import open_source
from tests.support.media_factory import (
    corners_of,
    count_up,
    number_of,
    numbered,
    quarters,
    to_frame,
    write_video,
)

NTSC = Fraction(30000, 1001)


@pytest.fixture(scope="module")
def cutter() -> Iterator[Cutter]:
    with Cutter(DecodeSettings(), ClipLimits(free_disk_mb=0)) as shared:
        yield shared


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 s at 25 frames a second with B-frames and sound; frame n shows n modulo 256."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    images = (numbered(number % 256) for number in range(500))
    return write_video(path, images, b_frames=2, gop=60, sound_seconds=20)


def read_back(path: Path) -> tuple[list[int], list[float], float]:
    """Numbers and times of all frames, and when the last one ends."""
    with av.open(str(path)) as container:
        stream: Any = container.streams.video[0]
        frames = list(container.decode(stream))
        numbers = [number_of(frame.to_ndarray(format="rgb24")) for frame in frames]
        times = [float(frame.pts * frame.time_base) for frame in frames]
        return numbers, times, float(stream.duration * stream.time_base)


def pictures(path: Path) -> list[Any]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def sound_of(path: Path) -> tuple[np.ndarray[Any, Any], int]:
    """Samples of the first channel as they play, and their rate."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        frames = list(container.decode(stream))
        rate = stream.codec_context.sample_rate
        whole = np.zeros(round(float(frames[-1].time or 0) * rate) + 4096, np.float32)
        for frame in frames:
            samples = frame.to_ndarray()[0]
            begin = round(float(frame.time or 0) * rate)
            whole[max(begin, 0) : begin + len(samples)] = samples[max(-begin, 0) :]
        return whole, rate


def test_a_clip_is_right_to_the_frame(cutter: Cutter, long_video: Path, tmp_path: Path) -> None:
    cut = cutter.cut([Part(long_video, 12.40, 15.20)], tmp_path / "clip.mp4")
    numbers, times, length = read_back(tmp_path / "clip.mp4")
    assert numbers == [number % 256 for number in range(310, 380)]
    assert times == pytest.approx([number / 25 for number in range(70)], abs=1e-5)
    assert length == pytest.approx(2.8, abs=1e-5)
    [piece] = cut.pieces
    assert (piece.start_seconds, piece.end_seconds, piece.frames) == (12.4, 15.2, 70)
    assert cut == Cut(cut.pieces, ".mp4", 128, 72, True)


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [(0, 0.04, 0, 0), (0.41, 0.43, 10, 10), (0.39, 0.41, 9, 10), (1, 1.08, 25, 26), (19.9, 99, 497, 499)],
)
def test_the_frame_on_screen_at_the_start_is_the_first(
    cutter: Cutter, long_video: Path, tmp_path: Path, start: float, end: float, first: int, last: int
) -> None:
    cutter.cut([Part(long_video, start, end)], tmp_path / "clip.mp4")
    numbers, times, length = read_back(tmp_path / "clip.mp4")
    assert numbers == [number % 256 for number in range(first, last + 1)] and times[0] == 0
    # At the very end the picture stays until the sound is over, too.
    assert length == pytest.approx((last + 1 - first) / 25, abs=0.02 if end > 20 else 1e-5)


def test_times_of_answers_are_rounded_to_milliseconds(cutter: Cutter, tmp_path: Path) -> None:
    video = write_video(tmp_path / "ntsc.mp4", count_up(90), fps=NTSC)
    for first, last in ((10, 20), (31, 44), (7, 8)):
        start, end = round(float(first / NTSC), 3), round(float((last + 1) / NTSC), 3)
        cutter.cut([Part(video, start, end)], tmp_path / "clip.mp4")
        numbers, times, _ = read_back(tmp_path / "clip.mp4")
        assert numbers == list(range(first, last + 1))
        assert times == pytest.approx([float(n / NTSC) for n in range(last + 1 - first)], abs=1e-6)


def test_a_variable_rate_is_kept(cutter: Cutter, tmp_path: Path) -> None:
    pts = [0, 40, 80, 500, 520, 1000, 3000, 3040, 3080]
    video = write_video(tmp_path / "v.mp4", count_up(len(pts)), pts=pts, time_base=Fraction(1, 1000))
    cutter.cut([Part(video, 0.08, 3.04)], tmp_path / "clip.mp4")
    numbers, times, length = read_back(tmp_path / "clip.mp4")
    assert numbers == [2, 3, 4, 5, 6]
    assert times == pytest.approx([0, 0.42, 0.44, 0.92, 2.92], abs=1e-4)
    assert length == pytest.approx(2.96, abs=1e-4)
    # A frame that stays for two seconds is cut in the middle: the clip is as long as was asked.
    cutter.cut([Part(video, 1.5, 2.25)], tmp_path / "clip.mp4")
    numbers, times, length = read_back(tmp_path / "clip.mp4")
    assert (numbers, times) == ([5], [0.0]) and length == pytest.approx(0.75, abs=1e-4)


def write_clapper(path: Path, clap_frame: int, frames: int = 100) -> Path:
    """Sound that is silent but for a click of 20 ms as frame ``clap_frame`` (25 a second) comes on."""
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 128, 72, "yuv420p"
        sound: Any = container.add_stream("aac", rate=44100, layout="stereo")
        for number in range(frames):
            container.mux(video.encode(to_frame(numbered(number), "yuv420p")))
        container.mux(video.encode(None))
        wave = np.zeros((2, 44100 * frames // 25), np.float32)
        begin = 44100 * clap_frame // 25
        wave[:, begin : begin + 882] = np.sin(np.arange(882) * 0.5) * 0.8
        for start in range(0, wave.shape[1], 1024):
            block = np.ascontiguousarray(wave[:, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(block, "fltp", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = 44100, start, Fraction(1, 44100)
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_stays_in_sync(cutter: Cutter, tmp_path: Path, suffix: str) -> None:
    source = write_clapper(tmp_path / f"clap{suffix}", clap_frame=70)
    cutter.cut([Part(source, 2.2, 3.4)], tmp_path / "clip.mp4")
    numbers, times, length = read_back(tmp_path / "clip.mp4")
    samples, rate = sound_of(tmp_path / "clip.mp4")
    heard = np.flatnonzero(np.abs(samples) > 0.2)[0] / rate
    assert rate == 44100 and heard == pytest.approx(times[numbers.index(70)], abs=0.005)
    assert len(samples) / rate == pytest.approx(length, abs=0.15)


def test_sound_that_is_not_there_is_silence(cutter: Cutter, tmp_path: Path) -> None:
    source = write_video(tmp_path / "short.mp4", count_up(100), sound_seconds=2)
    cutter.cut([Part(source, 1.0, 3.0)], tmp_path / "clip.mp4")
    samples, rate = sound_of(tmp_path / "clip.mp4")
    assert np.abs(samples[: rate // 2]).max() > 0.1 > np.abs(samples[int(1.3 * rate) : int(1.9 * rate)]).max()


def test_a_reel(cutter: Cutter, long_video: Path, tmp_path: Path) -> None:
    other = write_video(tmp_path / "other.mp4", count_up(30, (64, 72)), fps=30)
    still = tmp_path / "still.png"
    to_frame(quarters(128, 72), "yuv420p").to_image().save(still)
    parts = [Part(long_video, 1.0, 2.0), Part(other, 0.5, 0.8), Part(still, 0, 0), Part(long_video, 0.0, 0.2)]
    cut = cutter.cut(parts, tmp_path / "reel.mp4")
    assert [piece.frames for piece in cut.pieces] == [25, 9, 75, 5] and (cut.width, cut.height) == (128, 72)
    numbers, times, length = read_back(tmp_path / "reel.mp4")
    assert len(numbers) == 114 and length == pytest.approx(1 + 0.3 + 3 + 0.2, abs=1e-4)
    assert numbers[:25] == list(range(25, 50)) and numbers[-5:] == [0, 1, 2, 3, 4]
    assert times[25] == pytest.approx(1.0, abs=1e-5) and times[-5] == pytest.approx(4.3, abs=1e-4)
    shown = pictures(tmp_path / "reel.mp4")
    assert [number_of(picture[:, 32:96]) for picture in shown[25:34]] == list(range(15, 24))
    assert shown[25][:, :28].max() < 30, "black beside what is narrower"
    assert corners_of(shown[60]) == ["red", "green", "blue", "white"]
    samples, rate = sound_of(tmp_path / "reel.mp4")
    stretches = (0.2, 0.9), (1.2, 4.1), (4.35, 4.45)
    loudest = [np.abs(samples[int(a * rate) : int(b * rate)]).max() for a, b in stretches]
    assert loudest[0] > 0.1 and loudest[1] < 0.1 and loudest[2] > 0.1


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_clips_are_the_right_way_up(cutter: Cutter, tmp_path: Path, degrees: int) -> None:
    source = write_video(tmp_path / "turned.mp4", [quarters()] * 10, rotation=degrees)
    opened = open_source(source, DecodeSettings())
    expected = corners_of(next(iter(opened.frames())).picture())
    opened.close()
    for how in ("exact", "copy"):
        cut = cutter.cut([Part(source, 0, 0.2)], tmp_path / "clip.mp4", how)  # type: ignore[arg-type]
        with open_clip(tmp_path / "clip.mp4") as clip:
            shown = next(iter(clip.frames())).picture()
        assert corners_of(shown) == expected and shown.shape[:2] == (cut.height, cut.width), how


class open_clip:
    def __init__(self, path: Path) -> None:
        self._source = open_source(path, DecodeSettings())

    def __enter__(self) -> Any:
        return self._source

    def __exit__(self, *_: object) -> None:
        self._source.close()


@pytest.mark.parametrize("options", [
    {"pixel_format": "yuv444p"}, {"pixel_aspect": Fraction(2)}, {"codec": "mpeg4"}, {"codec": "libx265"},
    {"pixel_format": "yuvj420p"}, {"codec": "ffv1"},
])  # fmt: skip
def test_other_pictures_are_converted(cutter: Cutter, tmp_path: Path, options: dict[str, Any]) -> None:
    # H.264 halves its colour planes: an odd height loses a line.
    is_odd = options.get("codec") == "ffv1"
    name = "source.mkv" if is_odd else "source.mp4"
    source = write_video(tmp_path / name, [quarters(126, 71 if is_odd else 72)] * 10, **options)
    cut = cutter.cut([Part(source, 0.08, 0.24)], tmp_path / "clip.mp4")
    with open_clip(tmp_path / "clip.mp4") as clip:
        shown = [frame.picture() for frame in clip.frames()]
    assert len(shown) == 4 and corners_of(shown[0]) == ["red", "green", "blue", "white"]
    assert (cut.width, cut.height) == (252 if "pixel_aspect" in options else 126, 70 if is_odd else 72)


def test_a_copy_begins_at_the_keyframe_before(cutter: Cutter, long_video: Path, tmp_path: Path) -> None:
    cut = cutter.cut([Part(long_video, 12.40, 15.20)], tmp_path / "clip.mp4", "copy")
    numbers, times, _ = read_back(tmp_path / "clip.mp4")
    [piece] = cut.pieces
    assert piece.start_seconds == 12.0 and piece.frames == len(numbers) and times[0] == 0
    assert numbers[:80] == [number % 256 for number in range(300, 380)]
    assert 15.2 <= piece.end_seconds <= 15.4
    samples, rate = sound_of(tmp_path / "clip.mp4")
    assert len(samples) / rate == pytest.approx(3.2, abs=0.25) and np.abs(samples).max() > 0.1


def test_a_copy_takes_a_container_that_fits(cutter: Cutter, tmp_path: Path) -> None:
    source = write_video(tmp_path / "old.avi", count_up(50), codec="ffv1")
    cut = cutter.cut([Part(source, 0.4, 0.8)], tmp_path / "clip.mkv", "copy")
    numbers = read_back_numbers(tmp_path / "clip.mkv")
    assert cut.suffix == ".mkv" and numbers == list(range(20)) and cut.pieces[0].start_seconds == 0


def read_back_numbers(path: Path) -> list[int]:
    return [number_of(picture) for picture in pictures(path)]


def test_a_broken_index_does_not_matter(tmp_path: Path, cutter: Cutter, long_video: Path) -> None:
    stream = tmp_path / "bare.ts"
    write_video(stream, count_up(100), container_format="mpegts")
    cutter.cut([Part(stream, 2.0, 2.4)], tmp_path / "clip.mp4")
    assert read_back_numbers(tmp_path / "clip.mp4") == list(range(50, 60))


def test_what_cannot_be_cut(cutter: Cutter, long_video: Path, tmp_path: Path) -> None:
    target = tmp_path / "clip.mp4"
    garbage = tmp_path / "garbage.mp4"
    garbage.write_bytes(b"no film at all" * 1000)
    playlist = tmp_path / "list.mp4"
    playlist.write_text("ffconcat version 1.0\nfile /etc/passwd\n")
    still = tmp_path / "still.png"
    to_frame(quarters(), "yuv420p").to_image().save(still)
    for how in ("exact", "copy"):
        for path, start, end, error in (
            (long_video, 25.0, 26.0, TimeOutOfRange), (garbage, 0, 1, MediaBroken),
            (playlist, 0, 1, MediaRefused), (tmp_path / "none.mp4", 0, 1, MediaBroken),
            (still, 0, 0, InvalidRequest),
        ):  # fmt: skip
            with pytest.raises(error) as raised:
                cutter.cut([Part(path, start, end)], target, how)  # type: ignore[arg-type]
            assert str(raised.value).endswith(".") and not target.exists(), (how, path.name)
    with pytest.raises(InvalidRequest, match="no length"):
        cutter.cut([Part(long_video, 1, 1)], target)
    with pytest.raises(InvalidRequest, match="2 parts"):
        cutter.cut([Part(long_video, 1, 2)] * 2, target, "copy")
    for start, end in ((-1, 1), (2, 1), (float("nan"), 1), (0, float("inf"))):
        with pytest.raises(InvalidRequest):
            Part(long_video, start, end)


def test_limits_and_giving_up_leave_nothing_behind(long_video: Path, tmp_path: Path) -> None:
    target, part = tmp_path / "clip.mp4", Part(long_video, 0, 20)
    stop = threading.Event()
    stop.set()
    for limits, given, error in (
        (ClipLimits(megabytes=0, free_disk_mb=0), None, MediaRefused),
        (ClipLimits(wall_seconds=0, free_disk_mb=0), None, MediaRefused),
        (ClipLimits(free_disk_mb=10**9), None, DiskFull), (ClipLimits(free_disk_mb=0), stop, ClipStopped),
    ):  # fmt: skip
        with Cutter(DecodeSettings(), limits) as own:
            with pytest.raises(error):
                own.cut([part], target, stop=given)
            assert not target.exists() and own.pid is None, "the child that was at it is gone"


def test_every_stretch_begins_and_ends_with_whole_frames(long_video: Path) -> None:
    source = open_source(long_video, DecodeSettings())
    shown = list(shown_between(source, 3.01, 3.09))
    source.close()
    assert [(one.begin_seconds, one.end_seconds) for one in shown] == [
        (pytest.approx(n / 25), pytest.approx((n + 1) / 25)) for n in (75, 76, 77)
    ]


def test_the_ffmpeg_program_makes_the_same_clip(long_video: Path, tmp_path: Path) -> None:
    pytest.importorskip("ffmpeg", reason="the extra ffmpeg is not installed")
    pytest.importorskip("imageio_ffmpeg", reason="the extra ffmpeg is not installed")
    from ingest.clip_ffmpeg import FfmpegCutter

    target, stop = tmp_path / "clip.mp4", threading.Event()
    with FfmpegCutter(DecodeSettings(), ClipLimits(free_disk_mb=0)) as program:
        for source, start, end, expected in (
            (long_video, 12.40, 15.20, [number % 256 for number in range(310, 380)]),
            (long_video, 0.41, 0.43, [10]),
            (write_clapper(tmp_path / "clap.mkv", 70), 2.2, 3.4, list(range(55, 85))),
        ):
            cut = program.cut([Part(source, start, end)], target)
            numbers, times, length = read_back(target)
            assert numbers == expected and cut.pieces[0].frames == len(expected) and times[0] == 0
            assert length == pytest.approx(len(expected) / 25, abs=0.001)
        samples, rate = sound_of(target)
        heard = np.flatnonzero(np.abs(samples) > 0.2)[0] / rate
        assert heard == pytest.approx(times[numbers.index(70)], abs=0.005)
        stop.set()
        with pytest.raises(ClipStopped):
            program.cut([Part(long_video, 0, 20)], target, stop=stop)
        assert not target.exists()
