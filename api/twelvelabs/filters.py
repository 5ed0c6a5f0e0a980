"""The ``filter`` of a search: JSON about the files, in words of the dialect."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from api.twelvelabs.errors import Refusal
from core.errors import InvalidRequest
from index.media_filter import MediaFilter, Range

SIZES = ("duration", "width", "height", "size")
_MOST_IDS = 1000


def read_filter(text: str | None, index_id: str) -> tuple[MediaFilter, tuple[str, ...] | None]:
    """What must hold of a file of this index, and the ids that are allowed (None: all). Raises Refusal."""
    given = _read(text)
    ids = _ids(given.pop("id", None))
    name = given.pop("filename", None)
    if name is not None and not isinstance(name, str):
        raise _invalid("filename is no text")
    try:
        ranges = {key: _range(key, given.pop(key)) for key in SIZES if key in given}
        return media_filter(name, ranges, given, index_id), ids
    except InvalidRequest as error:
        raise Refusal(400, "search_filter_invalid", str(error)) from None


def media_filter(
    name: str | None, ranges: Mapping[str, Range], metadata: Mapping[str, Any], index_id: str | None = None
) -> MediaFilter:
    """``ranges`` by names of SIZES. Raises InvalidRequest."""
    return MediaFilter(
        name=name or None, metadata=metadata, in_set=index_id,
        duration_seconds=ranges.get("duration", Range()), size_bytes=ranges.get("size", Range()),
        width=ranges.get("width", Range()), height=ranges.get("height", Range()),
    )  # fmt: skip


def _read(text: str | None) -> dict[str, Any]:
    try:
        read = json.loads(text or "{}")
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        raise _invalid('it is no JSON object; give one like {"duration": {"gte": 60}}')
    return read


def _ids(given: Any) -> tuple[str, ...] | None:
    if given is None:
        return None
    ids = [given] if isinstance(given, str) else given
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids) or len(ids) > _MOST_IDS:
        raise _invalid(f"id is no list of at most {_MOST_IDS} video ids")
    return tuple(ids)


def _range(key: str, given: Any) -> Range:
    bounds = given if isinstance(given, Mapping) else {"gte": given, "lte": given}
    numbers = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in bounds.values())
    if not bounds or not numbers or not set(bounds) <= {"gte", "lte"}:
        raise _invalid(f'{key} is neither a number nor bounds like {{"gte": 60, "lte": 600}}')
    return Range(bounds.get("gte"), bounds.get("lte"))


def _invalid(why: str) -> Refusal:
    return Refusal(400, "search_filter_invalid", f"filter cannot be used: {why}.")
