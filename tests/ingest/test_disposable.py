"""Leaving out what nobody needs changes no sample by a bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from core.settings import DecodeSettings, IngestSettings
from ingest.frames import Frame, open_source
from ingest.media import DecodeSummary, Sample
from ingest.packet_marks import is_disposable_h264, marks_of
from ingest.reading import read_samples
from tests.support.media_factory import Image, count_up, number_of, textured, write_video

SIZE = (160, 96)
PYRAMID = {"preset": "veryfast", "bf": "3", "b-pyramid": "normal", "b-adapt": "0", "crf": "20"}


def pan(scene: int, frames: int) -> list[Image]:
    """A camera that moves over a scene, with grain."""
    wide = textured(scene, (SIZE[0] + 2 * frames, SIZE[1])).astype(int)
    grain = np.random.default_rng(scene).integers(-4, 5, (frames, SIZE[1], SIZE[0], 3))
    return [
        np.clip(wide[:, 2 * i : 2 * i + SIZE[0]] + grain[i], 0, 255).astype(np.uint8) for i in range(frames)
    ]


@dataclass
class Reading:
    samples: list[Sample]
    summary: DecodeSummary
    times: list[float]
    decoded: int

    @property
    def what(self) -> list[tuple[float, int, bool]]:
        return [(one.time_seconds, one.shot, one.is_cut) for one in self.samples]


def read(path: Path, whole: bool, rate: float = 2.0, shots: bool = True) -> Reading:
    ingest = IngestSettings(samples_per_second=rate, shots=shots)
    source = open_source(path, DecodeSettings())
    passed: list[tuple[float, bool]] = []

    def noted(frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in frames:
            passed.append((frame.time_seconds, frame.has_pixels))
            yield frame

    frames = source.frames() if whole else source.frames_for(rate, shots)
    items = list(read_samples(source, noted(frames), ingest))
    source.close()
    summary = items.pop()
    assert isinstance(summary, DecodeSummary)
    samples = [item for item in items if isinstance(item, Sample)]
    return Reading(samples, summary, [time for time, _ in passed], sum(seen for _, seen in passed))


def same(one: Reading, other: Reading) -> bool:
    pixels = zip(one.samples, other.samples, strict=True)
    return (
        one.what == other.what and one.summary == other.summary and one.times == other.times
        and all(np.array_equal(a.image, b.image) for a, b in pixels)
    )  # fmt: skip


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
@pytest.mark.parametrize("rate", [0.5, 2.0, 12.0])
def test_samples_are_the_same_to_the_bit(tmp_path: Path, name: str, rate: float) -> None:
    path = write_video(tmp_path / name, pan(1, 150), options=PYRAMID, gop=250)
    whole, some = read(path, True, rate), read(path, False, rate)
    assert same(whole, some)
    assert whole.decoded == 150
    if rate < 12:
        assert some.decoded < 110


def test_the_frame_that_is_on_screen_at_the_sample_time_is_taken(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", count_up(120), options=PYRAMID, gop=250)
    some = read(path, False, 5.0, shots=False)
    assert [number_of(sample.image) for sample in some.samples] == list(range(0, 120, 5))
    assert some.decoded < 100


@pytest.mark.parametrize("cut", [60, 61, 62, 63])
@pytest.mark.parametrize("placed", ["0", "40"])
def test_a_shot_begins_on_its_frame(tmp_path: Path, cut: int, placed: str) -> None:
    """Wherever the cut falls among frames that are referred to and others, and whether or not the encoder
    begins anew there."""
    options = {**PYRAMID, "sc_threshold": placed}
    path = write_video(tmp_path / "a.mp4", pan(1, cut) + pan(2, 120 - cut), options=options, gop=250)
    whole, some = read(path, True, 1.0), read(path, False, 1.0)
    assert cut / 25 in [pytest.approx(start) for start in whole.summary.shot_starts_seconds]
    assert same(whole, some)
    assert some.decoded < whole.decoded


def test_frames_of_different_length(tmp_path: Path) -> None:
    gaps = np.tile([1, 1, 7, 2, 1, 25, 1, 3], 16)
    pts = [0, *np.cumsum(gaps)[:-1].tolist()]
    path = write_video(tmp_path / "a.mkv", pan(3, len(pts)), pts=pts, options=PYRAMID, gop=250)
    assert same(read(path, True, 2.0), read(path, False, 2.0))


def test_without_such_frames_everything_is_decoded(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", pan(1, 60), b_frames=0)
    assert read(path, False).decoded == 60


def test_other_codecs_are_left_alone(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", pan(1, 30), codec="mpeg4", options={})
    assert marks_of("mpeg4", False, None) is None
    assert read(path, False).decoded == 30


def test_a_file_that_ends_in_the_middle(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.ts", pan(1, 150), options=PYRAMID, gop=250)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    whole, some = read(path, True), read(path, False)
    assert whole.what == some.what


def test_the_encoder_and_we_agree_on_what_is_disposable(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", pan(1, 40), options={**PYRAMID, "sc_threshold": "0"}, gop=250)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        marks = marks_of("h264", False, stream.codec_context.extradata)
        assert marks is not None
        packets = [packet for packet in container.demux(stream) if packet.size]
    # I, then P, B that is referred to, b, b: of every four frames the odd ones.
    found = sorted(round(float(p.pts * p.time_base) * 25) for p in packets if marks.is_disposable(p))
    first = min(round(float(p.pts * p.time_base) * 25) for p in packets)
    assert [number - first for number in found][:15] == list(range(1, 31, 2))


@pytest.mark.parametrize("gop", [12, 50, 250])
@pytest.mark.parametrize("rate", [0.2, 1.0, 6.0])
def test_groups_without_a_sample_are_not_decoded(tmp_path: Path, gop: int, rate: float) -> None:
    path = write_video(tmp_path / "a.mp4", count_up(200), options=PYRAMID, gop=gop)
    whole, some = read(path, True, rate, shots=False), read(path, False, rate, shots=False)
    assert same(whole, some)
    assert [number_of(sample.image) for sample in some.samples] == [
        round(sample.time_seconds * 25) for sample in some.samples
    ]
    if rate == 0.2:  # samples at the frames 0 and 125, and the last one is always decoded
        assert some.decoded < {12: 30, 50: 80, 250: 135}[gop]


X265 = "log-level=none:bframes=3:open-gop="
OTHERS = [
    ("a.mp4", "libx265", {"x265-params": f"{X265}0"}),
    ("a.mkv", "libx265", {"x265-params": f"{X265}1"}),
    ("a.ts", "libx265", {"x265-params": f"{X265}0"}),
    ("a.webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}),
    ("a.avi", "mjpeg", {"q": "5"}),
    ("a.mp4", "libx264", {"x264-params": "open-gop=1:bframes=3"}),
]


@pytest.mark.parametrize(
    ("name", "codec", "options", "shots"),
    # x264 hides the cut between two scenes with so much grain in the last one, where nobody can know of it.
    [(*other, False) for other in OTHERS] + [(*other, True) for other in OTHERS[:-1]],
)
def test_other_ways_to_refer(
    tmp_path: Path, name: str, codec: str, options: dict[str, str], shots: bool
) -> None:
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    images = pan(1, 70) + pan(2, 80)
    path = write_video(
        tmp_path / name, images, codec=codec, options=options, gop=25, pixel_format=pixels
    )
    for rate in (0.4, 2.0):
        whole, some = read(path, True, rate, shots), read(path, False, rate, shots)
        assert same(whole, some)
        if not shots and rate == 0.4:
            assert some.decoded < 0.8 * whole.decoded


def test_recordings_that_were_joined_are_decoded_from_there_on(tmp_path: Path) -> None:
    parts = [
        write_video(tmp_path / f"{number}.ts", count_up(100), gop=10).read_bytes() for number in range(2)
    ]
    path = tmp_path / "a.ts"
    path.write_bytes(b"".join(parts))
    whole, some = read(path, True, 0.5, shots=False), read(path, False, 0.5, shots=False)
    assert same(whole, some)
    assert len(whole.samples) == 4


@pytest.mark.parametrize(
    ("data", "length_bytes", "disposable"),
    [
        (b"", 4, False), (b"", 0, False), (b"\x00\x00\x00\x02\x01\xff", 4, True),
        (b"\x00\x00\x00\x02\x41\xff", 4, False), (b"\x00\x00\x00\x01\x06\x00\x00\x00\x01\x01", 4, True),
        (b"\x00\x00\x00\x01\x09\xf0\x00\x00\x01\x01\xff", 0, True), (b"\xff\xff\xff\xff\x09", 4, False),
        (b"\x00\x00\x01", 0, False),
        (b"\x00\x00\x00\x01\x01\x00\x00\x00\x01\x41", 4, False),
    ],
)  # fmt: skip
def test_units_of_a_packet(data: bytes, length_bytes: int, disposable: bool) -> None:
    assert is_disposable_h264(memoryview(data), length_bytes) is disposable
