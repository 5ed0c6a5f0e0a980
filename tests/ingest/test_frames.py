"""Times of frames proved by the numbers painted into them."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from core.errors import MediaBroken, MediaError, MediaRefused, MediaSkipped
from core.settings import DecodeSettings
from ingest.frames import Clock, Frame, Source, open_source
from tests.support.media_factory import (
    corners_of,
    count_up,
    number_of,
    numbered,
    quarters,
    textured,
    write_sound,
    write_video,
)

MILLISECONDS = Fraction(1, 1000)
JERKY = np.cumsum([0, *([40, 10, 200, 33] * 8)]).tolist()


def seen(path: Path, from_seconds: float = 0.0) -> list[tuple[float, int]]:
    """(time, painted number) of every frame."""
    source = open_source(path, DecodeSettings())
    try:
        return [(frame.time_seconds, number_of(frame.picture())) for frame in source.frames(from_seconds)]
    finally:
        source.close()


def read_through(path: Path, decode: DecodeSettings | None = None) -> tuple[Source, list[Frame]]:
    source = open_source(path, decode or DecodeSettings())
    frames = list(source.frames())
    source.close()
    return source, frames


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("plain.mp4", {}),
        ("b_frames.mp4", {"b_frames": 2}),
        ("b_frames.mkv", {"b_frames": 2}),
        ("stream.ts", {"b_frames": 2}),
        ("no_pts.avi", {"codec": "mpeg4"}),
        ("live.mkv", {"container_options": {"live": "1"}}),
        ("ten_bit.mkv", {"codec": "libx265", "pixel_format": "yuv420p10le"}),
        ("deep.mov", {"codec": "prores_ks", "pixel_format": "yuv422p10le"}),
        ("web.webm", {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}}),
        ("old.mpg", {"codec": "mpeg2video"}),
        ("flash.flv", {"codec": "flv"}),
        ("longer_sound.mp4", {"sound_seconds": 3.0}),
        ("longer_sound.mkv", {"sound_seconds": 3.0}),
    ],
)
def test_every_frame_at_its_time(tmp_path: Path, name: str, settings: dict[str, Any]) -> None:
    path = write_video(tmp_path / name, count_up(30), **settings)
    frames = seen(path)
    assert [number for _, number in frames] == list(range(30))
    assert [time for time, _ in frames] == pytest.approx([i / 25 for i in range(30)], abs=0.001)
    source, _ = read_through(path)
    assert source.problem() is None
    assert source.frames_dropped == 0
    assert source.end_seconds == pytest.approx(1.2, abs=0.002)


@pytest.mark.parametrize("name", ["jerky.mp4", "jerky.mkv"])
@pytest.mark.parametrize("start", [0, 5000])
def test_variable_rate_and_a_late_start(tmp_path: Path, name: str, start: int) -> None:
    pts = [start + time for time in JERKY]
    path = write_video(tmp_path / name, count_up(33), pts=pts, time_base=MILLISECONDS, b_frames=2)
    assert seen(path) == [(pytest.approx(ms / 1000, abs=0.001), i) for i, ms in enumerate(JERKY)]
    assert read_through(path)[0].problem() is None


def test_a_start_before_zero_is_cut_as_players_do(tmp_path: Path) -> None:
    pts = [-400 + 40 * i for i in range(30)]
    path = write_video(tmp_path / "early.mp4", count_up(30), pts=pts, time_base=MILLISECONDS)
    frames = seen(path)
    assert frames[0] == (0.0, 10)
    assert frames[-1] == (pytest.approx(0.76), 29)


@pytest.mark.parametrize("name", ["seek.mp4", "seek.mkv", "seek.ts"])
def test_reading_from_a_time_meets_the_same_frames(tmp_path: Path, name: str) -> None:
    path = write_video(tmp_path / name, count_up(60), b_frames=2, gop=10)
    every = dict(seen(path))
    for from_seconds in (0.3, 1.0, 1.219, 2.36, 99.0):
        frames = seen(path, from_seconds)
        assert frames[0][0] <= from_seconds
        assert frames[-1][1] == 59
        for time, number in frames:
            assert every[min(every, key=lambda known, time=time: abs(known - time))] == number


@pytest.mark.parametrize(
    ("rotation", "size", "degrees", "corners"),
    [
        (0, (128, 72), 0, ["red", "green", "blue", "white"]),
        (90, (72, 128), 270, ["green", "white", "red", "blue"]),
        (180, (128, 72), 180, ["white", "blue", "green", "red"]),
        (-90, (72, 128), 90, ["blue", "red", "white", "green"]),
    ],
)
def test_rotation_is_applied(
    tmp_path: Path, rotation: int, size: tuple[int, int], degrees: int, corners: list[str]
) -> None:
    path = write_video(tmp_path / "turned.mp4", [quarters()] * 3, rotation=rotation)
    source, frames = read_through(path)
    assert (source.facts.width, source.facts.height, source.facts.rotation_degrees) == (*size, degrees)
    picture = frames[0].picture()
    assert picture.shape == (size[1], size[0], 3)
    assert corners_of(picture) == corners


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    path = write_video(tmp_path / "wide.mp4", [quarters()] * 3, pixel_aspect=Fraction(4, 3))
    source, frames = read_through(path)
    assert (source.facts.width, source.facts.height) == (171, 72)
    assert frames[0].picture().shape == (72, 171, 3)
    assert max(frames[0].picture(64).shape) == 64


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "bgr0"])
def test_odd_sizes(tmp_path: Path, pixel_format: str) -> None:
    path = write_video(tmp_path / "odd.mkv", [quarters(127, 71)] * 3, codec="ffv1", pixel_format=pixel_format)
    _, frames = read_through(path)
    assert frames[0].picture().shape == (71, 127, 3)
    assert corners_of(frames[0].picture()) == ["red", "green", "blue", "white"]
    assert corners_of(frames[0].thumbnail_bgr()[..., ::-1]) == ["red", "green", "blue", "white"]


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv", "cut.avi"])
def test_a_file_that_was_cut_off_is_partial(tmp_path: Path, name: str) -> None:
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    options = {"movflags": "faststart"} if name.endswith("mp4") else None
    images = [numbered(i) // 2 + textured(i) // 3 for i in range(100)]
    path = write_video(tmp_path / name, images, codec=codec, container_options=options)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    source, frames = read_through(path)
    assert 30 < len(frames) < 70
    assert source.problem() == (
        f"Only {source.end_seconds:.1f} s of the 4.0 s that its header states could be read."
    )


def test_damage_in_the_middle_is_counted(tmp_path: Path) -> None:
    images = [numbered(i) // 2 + textured(i) // 3 for i in range(60)]
    path = write_video(tmp_path / "noise.mkv", images)
    data = bytearray(path.read_bytes())
    chance = random.Random(1)
    for _ in range(20):
        data[chance.randrange(len(data) // 10, len(data))] = chance.randrange(256)
    path.write_bytes(data)
    source, frames = read_through(path)
    assert source.frames_dropped > 3
    assert frames
    assert "damaged" in (source.problem() or "")


def random_bytes(path: Path) -> None:
    path.write_bytes(random.Random(2).randbytes(20_000))


def truncated_mp4(path: Path) -> None:
    write_video(path, [textured(i) for i in range(20)])
    path.write_bytes(path.read_bytes()[:4000])


@pytest.mark.parametrize(
    ("name", "make", "error", "sentence"),
    [
        ("zero.mp4", lambda path: path.write_bytes(b""), MediaBroken, r"zero\.mp4 is empty \(0 bytes\)"),
        ("text.mp4", lambda path: path.write_text("hello\n" * 99), MediaBroken, "is not a media file"),
        ("noise.mp4", random_bytes, MediaBroken, "is not a media file"),
        ("head.mp4", truncated_mp4, MediaBroken, "header is damaged"),
        ("gone.mp4", lambda path: None, MediaBroken, "does not exist"),
        ("folder.mp4", lambda path: path.mkdir(), MediaBroken, "not a regular file"),
        ("sound.m4a", write_sound, MediaSkipped, "only sound"),
        ("sound.mp3", write_sound, MediaSkipped, "only sound"),
        ("cover.m4a", lambda path: write_sound(path, cover=quarters()), MediaSkipped, "only sound"),
        ("cover.mp3", lambda path: write_sound(path, cover=quarters()), MediaSkipped, "only sound"),
    ],
)
def test_files_without_a_picture_end_in_one_sentence(
    tmp_path: Path, name: str, make: Callable[[Path], object], error: type[MediaError], sentence: str
) -> None:
    make(tmp_path / name)
    with pytest.raises(error, match=sentence) as caught:
        open_source(tmp_path / name, DecodeSettings())
    assert "\n" not in str(caught.value)


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = write_video(tmp_path / "locked.mp4", count_up(3))
    path.chmod(0)
    try:
        path.read_bytes()
    except PermissionError:
        with pytest.raises(MediaBroken, match="may not be read"):
            open_source(path, DecodeSettings())
    else:
        pytest.skip("this user may read everything")


@pytest.mark.parametrize("name", ["list.m3u8", "list.mp4", "parts.mp4", "parts.ffconcat"])
def test_playlists_never_open_their_neighbour(tmp_path: Path, name: str) -> None:
    write_video(tmp_path / "neighbour.ts", count_up(30))
    lists = {
        "list": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.2,\nneighbour.ts\n#EXT-X-ENDLIST\n",
        "parts": "ffconcat version 1.0\nfile 'neighbour.ts'\n",
    }
    (tmp_path / name).write_text(lists[name.split(".")[0]])
    with pytest.raises(MediaRefused, match="playlist"):
        open_source(tmp_path / name, DecodeSettings())


def test_limits_are_checked_before_decoding(tmp_path: Path) -> None:
    path = write_video(tmp_path / "film.mp4", count_up(30))
    with pytest.raises(MediaRefused, match=r"128 x 72 pixels; at most 0\.005 megapixels"):
        open_source(path, DecodeSettings(max_pixels=5000))
    with pytest.raises(MediaRefused, match="hours long"):
        open_source(path, DecodeSettings(max_duration_hours=0.0001))


def test_the_duration_cap_also_holds_where_no_duration_is_stated(tmp_path: Path) -> None:
    path = write_video(tmp_path / "live.mkv", count_up(50), container_options={"live": "1"})
    source = open_source(path, DecodeSettings(max_duration_hours=1 / 3600))
    assert source.facts.duration_from_header_seconds is None
    with pytest.raises(MediaRefused, match="hours long"):
        list(source.frames())
    source.close()


def test_progress_by_time_or_by_bytes(tmp_path: Path) -> None:
    for name, options in (("timed.mp4", {}), ("live.mkv", {"live": "1"})):
        path = write_video(tmp_path / name, [textured(i) for i in range(60)], container_options=options)
        source = open_source(path, DecodeSettings(threads=1))
        shares = [source.share_read() for _ in source.frames()]
        source.close()
        assert all(share is not None for share in shares)
        assert shares == sorted(shares)
        assert 0.3 < shares[len(shares) // 2] < 0.8
        assert shares[-1] > 0.95


def animation(path: Path, frames: int, **settings: Any) -> Path:
    first, *others = [Pillow.fromarray(numbered(i)) for i in range(frames)]
    first.save(path, save_all=True, append_images=others, **settings)
    return path


@pytest.mark.parametrize("name", ["moving.gif", "moving.webp", "moving.avif", "moving.png"])
def test_animations_are_videos(tmp_path: Path, name: str) -> None:
    lasting = [100, 300, 50, 70, 200]
    settings = {"lossless": True} if name.endswith("webp") else {}
    path = animation(tmp_path / name, 5, duration=lasting, **settings)
    source, _ = read_through(path)
    assert source.facts.media_type == "video"
    expected = np.cumsum([0, *lasting[:-1]]) / 1000
    assert seen(path) == [(pytest.approx(time), i) for i, time in enumerate(expected)]
    assert source.end_seconds == pytest.approx(0.72)


def test_a_gif_without_delays_runs_as_in_browsers(tmp_path: Path) -> None:
    path = animation(tmp_path / "fast.gif", 3, duration=0)
    assert [time for time, _ in seen(path)] == pytest.approx([0, 0.1, 0.2])


@pytest.mark.parametrize("name", ["still.gif", "still.webp", "still.png", "still.jpg", "still.mp4"])
def test_one_frame_is_an_image_whatever_the_name(tmp_path: Path, name: str) -> None:
    kind = "PNG" if name.endswith("mp4") else None
    Pillow.fromarray(quarters()).save(tmp_path / name, kind)
    source = open_source(tmp_path / name, DecodeSettings())
    assert source.facts.media_type == "image"
    assert source.facts.duration_from_header_seconds is None
    pictures = [(frame.time_seconds, corners_of(frame.picture())) for frame in source.frames()]
    source.close()
    assert pictures == [(0.0, ["red", "green", "blue", "white"])]


def test_clock_drops_doubles_and_frames_without_a_time() -> None:
    clock = Clock(MILLISECONDS, 100)
    times = []
    for pts in (100, None, 140, 140, 120, 180):
        time = clock.time_of(pts)
        times.append(time)
        if time is not None:
            clock.passed(time, 0.04)
    assert times == [0.0, None, 0.04, None, None, 0.08]


def test_clock_goes_on_where_a_recording_was_joined() -> None:
    clock = Clock(MILLISECONDS, 0)
    times = []
    for pts in (0, 1960, 2000, 0, 40):
        time = clock.time_of(pts)
        assert time is not None
        clock.passed(time, 0.04)
        times.append(time)
    assert times == pytest.approx([0.0, 1.96, 2.0, 2.04, 2.08])
