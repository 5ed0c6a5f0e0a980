from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image as Pillow

from core.errors import MediaBroken, MediaRefused
from core.settings import DecodeSettings
from ingest.stills import StillFile, is_picture, read_still
from tests.support.media_factory import corners_of, png_header, quarters, textured

UPRIGHT = ["red", "green", "blue", "white"]


def save(path: Path, **settings: object) -> Path:
    if path.suffix == ".heic":
        import pillow_heif

        pillow_heif.register_heif_opener()
    Pillow.fromarray(quarters()).save(path, **settings)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif", "heic", "gif"])
def test_stills_are_known_by_their_content(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a.{suffix}")
    assert is_picture(path.read_bytes()[:64])
    assert corners_of(read_still(path, DecodeSettings())) == UPRIGHT
    still = StillFile(path, DecodeSettings())
    assert not still.animated
    facts = still.facts()
    still.close()
    assert (facts.media_type, facts.width, facts.height, facts.fps) == ("image", 128, 72, None)


@pytest.mark.parametrize(
    "head", [b"", b"hello", b"\x00\x00\x00\x20ftypisom", b"RIFF\x00\x00\x00\x00AVI LIST"]
)
def test_videos_and_text_are_not_pictures(head: bytes) -> None:
    assert not is_picture(head)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif", "heic"])
def test_facts_are_of_the_upright_picture(tmp_path: Path, suffix: str) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    path = save(tmp_path / f"turned.{suffix}", exif=exif.tobytes())
    still = StillFile(path, DecodeSettings())
    facts, image = still.facts(), still.load()
    still.close()
    assert (facts.width, facts.height) == (72, 128)
    assert image.shape == (128, 72, 3)
    assert corners_of(image) == ["blue", "red", "white", "green"]


def test_a_second_picture_in_a_jpeg_is_not_a_video(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    pictures = [Pillow.fromarray(textured(i)) for i in range(2)]
    pictures[0].save(path, "MPO", save_all=True, append_images=pictures[1:])
    still = StillFile(path, DecodeSettings())
    assert not still.animated
    assert still.facts().media_type == "image"
    still.close()


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(30_000, 30_000))
    with pytest.raises(MediaRefused, match=r"bomb\.png: .*30000 x 30000|bomb\.png: .*far above"):
        read_still(path, DecodeSettings())


def test_a_damaged_still_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "half.jpg"
    Pillow.fromarray(textured(1)).save(path)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(MediaBroken, match=r"half\.jpg: The picture is damaged"):
        read_still(path, DecodeSettings())


def test_a_damaged_animation_keeps_what_can_be_read(tmp_path: Path) -> None:
    from ingest.frames import open_source

    path = tmp_path / "half.gif"
    first, *others = [Pillow.fromarray(textured(i)) for i in range(6)]
    first.save(path, save_all=True, append_images=others, duration=100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    source = open_source(path, DecodeSettings())
    frames = list(source.frames())
    source.close()
    assert 1 <= len(frames) < 6
