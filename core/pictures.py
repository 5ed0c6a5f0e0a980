"""Reading pictures that somebody else made: size and format are checked before a pixel is allocated."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageCms, ImageOps, UnidentifiedImageError

from core.errors import InvalidImage
from core.types import Image

PICTURE_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF")
"""Readers that may see a user's file; every other one that Pillow knows stays shut."""

_Depth = TypeVar("_Depth", np.uint8, np.uint16)
_WHITE = (255, 255, 255)

MAX_PIXELS = 50_000_000
"""The cap where nobody sets another (``decode.max_pixels`` does)."""


class PictureTooLarge(InvalidImage):
    """A picture above the pixel cap: refused, not damaged."""


def read_picture(source: bytes | Path, max_pixels: int = MAX_PIXELS, max_side: int | None = None) -> Image:
    """The first frame of a picture as RGB (height, width, 3), upright, in sRGB.

    ``max_side`` bounds the longer side of the result, in pixels. Transparent parts become white: most
    such pictures are products and drawings made for light pages, and black would swallow dark lines.
    Raises PictureTooLarge above ``max_pixels`` (width x height), InvalidImage when it cannot be read.
    """
    with open_picture(source, max_pixels) as picture:
        return load_picture(picture, max_side)


def open_picture(source: bytes | Path, max_pixels: int) -> Pillow.Image:
    """The header of a picture; no pixel is decoded yet. Raises as ``read_picture``."""
    if isinstance(source, bytes) and not source:
        raise InvalidImage("The picture is empty (0 bytes).")
    _register_heif()
    try:
        file = BytesIO(source) if isinstance(source, bytes) else source
        picture = Pillow.open(file, formats=PICTURE_FORMATS)
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning):
        raise PictureTooLarge(
            f"The picture is far above the limit of {max_pixels / 1e6:g} megapixels; make it smaller."
        ) from None
    except UnidentifiedImageError:
        raise InvalidImage(
            "This is not a picture that can be read: JPEG, PNG, WebP, AVIF, HEIC and GIF are."
        ) from None
    except Exception as error:
        raise InvalidImage(f"The picture cannot be opened: {_reason(error)}.") from None
    try:
        _check_size(picture.width, picture.height, max_pixels)
    except InvalidImage:
        picture.close()
        raise
    return picture


def load_picture(picture: Pillow.Image, max_side: int | None = None) -> Image:
    """Decode what ``open_picture`` opened (for an animation: its current frame)."""
    try:
        if max_side is not None:
            # A JPEG can be decoded at 1/2, 1/4 or 1/8 for a fraction of the time; never below max_side.
            picture.draft("RGB", (max_side, max_side))
        profile = picture.info.get("icc_profile")
        upright = ImageOps.exif_transpose(picture)
        if upright.mode == "CMYK" and profile:
            upright, profile = _to_srgb(upright, profile), None
        pixels = resize_to_fit(_flatten(upright), max_side)
        if profile and upright.mode in ("RGB", "RGBA", "P"):
            pixels = np.asarray(_to_srgb(Pillow.fromarray(pixels), profile))
    except MemoryError as error:
        raise PictureTooLarge("The picture does not fit into memory; make it smaller.") from error
    except Exception as error:
        raise InvalidImage(f"The picture is damaged: {_reason(error)}.") from None
    return np.ascontiguousarray(pixels)


def resize_to_fit(image: Image, max_side: int | None) -> Image:
    """``image`` with its longer side at most ``max_side`` pixels, proportions kept; never enlarged.

    >>> resize_to_fit(np.zeros((50, 200, 3), np.uint8), 100).shape
    (25, 100, 3)
    """
    height, width = image.shape[:2]
    if max_side is None or max(height, width) <= max_side:
        return image
    return resize(image, *fit(width, height, max_side))


def fit(width: int, height: int, max_side: int | None) -> tuple[int, int]:
    """Width and height scaled down so that the longer one is at most ``max_side``; both stay >= 1.

    >>> fit(1920, 1080, 960)
    (960, 540)
    """
    if max_side is None or max(width, height) <= max_side:
        return width, height
    scale = max_side / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def resize(image: NDArray[_Depth], width: int, height: int) -> NDArray[_Depth]:
    """``image`` at exactly this size: averaged when it shrinks, interpolated when it grows."""
    if (image.shape[1], image.shape[0]) == (width, height):
        return image
    shrinks = width <= image.shape[1] and height <= image.shape[0]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=method), image.dtype)


def encode_jpeg(image: Image, quality: int = 85) -> bytes:
    """RGB pixels as a JPEG file; ``quality`` in [1, 100]."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"a picture of shape {image.shape} could not be written as JPEG")
    return bytes(data)


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width < 1 or height < 1:
        raise InvalidImage(f"The picture has no pixels ({width} x {height}).")
    if width * height > max_pixels:
        raise PictureTooLarge(
            f"The picture has {width} x {height} pixels; at most {max_pixels / 1e6:g} megapixels are read. "
            "Make it smaller or raise decode.max_pixels."
        )


def _flatten(picture: Pillow.Image) -> Image:
    if picture.mode.startswith("I"):
        return _from_16_bit(picture)
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        ground = Pillow.new("RGB", layer.size, _WHITE)
        ground.paste(layer, mask=layer.getchannel("A"))
        return np.asarray(ground)
    return np.asarray(picture.convert("RGB"))


def _from_16_bit(picture: Pillow.Image) -> Image:
    # Pillow clips such values at 255 where the picture needs its upper byte.
    grey = (np.asarray(picture).astype(np.int64).clip(0, 65535) >> 8).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def _to_srgb(picture: Pillow.Image, profile: bytes) -> Pillow.Image:
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        converted = ImageCms.profileToProfile(
            picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture  # A profile nobody can apply leaves the colours as they are.
    return converted if converted is not None else picture


def _register_heif() -> None:
    if "HEIF" in Pillow.OPEN:
        return
    try:
        import pillow_heif
    except ImportError:
        return  # HEIC is then answered as a picture that cannot be read.
    pillow_heif.register_heif_opener()


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
