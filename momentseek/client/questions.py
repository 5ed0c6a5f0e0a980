"""What is asked, as the form that the API takes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from core.answer import Segment
from core.errors import InvalidImage, InvalidRequest
from momentseek.client.records import Box, Filters, Moment

Picture = str | Path | bytes
"""A file, or what is in one."""
Pictures = Picture | Sequence[Picture]
Mode = Literal["object", "scene", "face"]

_LARGEST_PICTURE_BYTES = 256 << 20


def question(
    images: Pictures, words: str | None, at: Moment | Segment | None, box: Box | None, unlike: Pictures,
    mode: Mode | None, words_weight: float, picture_ids: Sequence[str], filters: Filters,
) -> tuple[dict[str, Any], list[tuple[str, bytes]]]:
    """Fields (None is to be left out) and files. Raises InvalidImage and InvalidRequest, and TypeError for a
    filter that there is not."""
    moment = None if at is None else moment_of(at)
    if moment is not None and moment.box_xyxy is not None:
        if box is not None:
            raise InvalidRequest("The moment has a box of its own; give no other.")
        box = moment.box_xyxy
    form = {
        "words": words, "words_weight": None if words is None else words_weight,
        "picture_id": [*picture_ids], "media_id": None if moment is None else moment.media_id,
        "at_seconds": None if moment is None else moment.at_seconds,
        "box": None if box is None else ",".join(f"{side:.9g}" for side in box), "mode": mode,
        **_filters(filters),
    }  # fmt: skip
    files = [("image", read_picture(one)) for one in _several(images)]
    return form, files + [("unlike", read_picture(one)) for one in _several(unlike)]


def moment_of(given: Moment | Segment) -> Moment:
    return Moment.of(given) if isinstance(given, Segment) else given


def read_picture(given: Picture) -> bytes:
    """Raises InvalidImage for what cannot be read, or is too large for any picture."""
    if isinstance(given, bytes):
        return given
    try:
        with Path(given).open("rb") as file:
            data = file.read(_LARGEST_PICTURE_BYTES + 1)
    except OSError as error:
        raise InvalidImage(f"There is no picture at {given}: {error.strerror}.") from None
    if len(data) > _LARGEST_PICTURE_BYTES:
        raise InvalidImage(f"{given} has more than {_LARGEST_PICTURE_BYTES >> 20} MB; give a picture.")
    return data


def _several(pictures: Pictures) -> Sequence[Picture]:
    return [pictures] if isinstance(pictures, str | Path | bytes) else pictures


def _filters(given: Filters) -> dict[str, Any]:
    unknown = given.keys() - Filters.__annotations__.keys()
    if unknown:
        known = ", ".join(Filters.__annotations__)
        raise TypeError(f"There is no filter {', '.join(sorted(unknown))}; there are {known}.")
    form: dict[str, Any] = dict(given)
    metadata = given.get("metadata")
    if metadata is not None and not isinstance(metadata, str):
        form["metadata"] = json.dumps(metadata)
    return {name: [*value] if isinstance(value, tuple) else value for name, value in form.items()}
