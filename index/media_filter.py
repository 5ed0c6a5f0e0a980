"""Which media count, by what the catalogue knows of them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.errors import InvalidRequest

MOST_CONDITIONS = 20
"""Keys of user metadata in one filter."""

_LONGEST_KEY = 200
_LARGEST = 1e15
"""Of what is compared: every database holds such numbers."""

_BOUNDS = ("gte", "lte")


@dataclass(frozen=True, slots=True)
class Range:
    """From ``least`` to ``most``, both included; None leaves an end open."""

    least: float | None = None
    most: float | None = None

    def check(self, what: str) -> None:
        """Raises InvalidRequest for ends that are no numbers, below 0, or the wrong way round."""
        for end in (self.least, self.most):
            if end is not None and not 0 <= end <= _LARGEST:
                raise InvalidRequest(f"The {what} is compared with {end:g}; it may be 0 to {_LARGEST:g}.")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise InvalidRequest(
                f"The least {what} ({self.least:g}) is above the greatest ({self.most:g}): nothing fits both."
            )


@dataclass(frozen=True, slots=True)
class MediaFilter:
    """Every field that is set must hold; what is not known of a media file does not fit.

    ``name_contains`` and ``name`` (all of it) are of the file, in large or small letters; all of ``tags``
    must be there. Sizes in pixels are those of the displayed frame; stills have no duration.

    ``metadata`` is about what people have noted down, by key: a text, number, true, false or null that must
    be there exactly, or bounds ``{"gte": 2, "lte": 5}``, for numbers and for texts (dates as 2024-05-31
    are in order as texts). ``in_set`` is the id of a named set (index/sets.py).

    Raises InvalidRequest for what can never hold.
    """

    name_contains: str | None = None
    name: str | None = None
    tags: tuple[str, ...] = ()
    duration_seconds: Range = Range()
    size_bytes: Range = Range()
    width: Range = Range()
    height: Range = Range()
    in_set: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for range_, what in (
            (self.duration_seconds, "duration"), (self.size_bytes, "size"), (self.width, "width"),
            (self.height, "height"),
        ):  # fmt: skip
            range_.check(what)
        if len(self.metadata) > MOST_CONDITIONS:
            raise InvalidRequest(f"The metadata has {len(self.metadata)} keys; at most {MOST_CONDITIONS}.")
        for key, wanted in self.metadata.items():
            _check(key, wanted)

    @property
    def sets_nothing(self) -> bool:
        """Whether every media file fits."""
        return self == MediaFilter()

    def fits_metadata(self, noted: Mapping[str, Any]) -> bool:
        """
        >>> MediaFilter(metadata={"camera": "left", "take": {"gte": 2}}).fits_metadata(
        ...     {"camera": "left", "take": 3, "day": "Monday"})
        True
        """
        return all(key in noted and _fits(noted[key], wanted) for key, wanted in self.metadata.items())

    @classmethod
    def parse_metadata(cls, text: str) -> Mapping[str, Any]:
        """``metadata`` from JSON. Raises InvalidRequest."""
        try:
            read = json.loads(text)
        except (ValueError, RecursionError):
            read = None
        if not isinstance(read, dict):
            raise InvalidRequest(
                'metadata is no JSON object; give one like {"camera": "left", "take": {"gte": 2}}.'
            )
        return cls(metadata=read).metadata


def _check(key: str, wanted: Any) -> None:
    bounds = wanted.values() if isinstance(wanted, Mapping) else ()
    if isinstance(wanted, Mapping):
        known = bool(wanted) and all(name in _BOUNDS for name in wanted)
        fine = known and all(_is_number(one) or isinstance(one, str) for one in bounds)
        fine = fine and len({isinstance(one, str) for one in bounds}) == 1
    else:
        fine = wanted is None or isinstance(wanted, (str, bool)) or _is_number(wanted)
    if len(key) > _LONGEST_KEY:
        raise InvalidRequest(f"A key of metadata has {len(key)} letters; it may have {_LONGEST_KEY}.")
    if not fine:
        raise InvalidRequest(
            f"metadata {key[:100]!r} may be a text, a number, true, false, null, or bounds that are numbers "
            'or texts, like {"gte": 2, "lte": 5}.'
        )


def _fits(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        least, most = wanted.get("gte"), wanted.get("lte")
        return (least is None or (_alike(value, least) and value >= least)) and (
            most is None or (_alike(value, most) and value <= most)
        )
    return _alike(value, wanted) and bool(value == wanted)


def _alike(one: Any, other: Any) -> bool:
    """Whether both are numbers, or of one type: in Python, true is 1."""
    return (_is_number(one) and _is_number(other)) or type(one) is type(other)


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)
