"""False alarms on pictures of nothing that is in the library."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.quality.library import Library, answer, describe
from core.answer import Confidence
from core.types import Image
from search.query import Box, Query


@dataclass(frozen=True, slots=True)
class Asking:
    """A picture that is not in the library, and the best that came back for it (None for nothing)."""

    number: int
    boxed: bool
    best: Confidence | None
    score: float
    kind: str | None


def ask(library: Library, pictures: Iterable[tuple[Image, Box | None]]) -> list[Asking]:
    searcher, asked = library.searcher(), []
    for number, (image, box) in enumerate(pictures):
        query = Query.of(image, box_xyxy=box)
        found = answer(searcher, query.terms, describe(searcher, query)).segments
        best = max(found, key=lambda one: one.score, default=None)
        if best is None:
            asked.append(Asking(number, box is not None, None, 0.0, None))
        else:
            asked.append(Asking(number, box is not None, best.confidence, best.score, best.evidence))
    return asked


def wilson(hits: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927).

    >>> [round(one, 4) for one in wilson(0, 100)]
    [0.0, 0.037]
    """
    if not of:
        return 0.0, 1.0
    share, wide = hits / of, z * z / of
    middle = (share + wide / 2) / (1 + wide)
    half = z / (1 + wide) * math.sqrt(share * (1 - share) / of + wide / (4 * of))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def false_alarms(asked: Sequence[Asking]) -> dict[str, Any]:
    """For all pictures, those with a box and those without: how many, and the share that anything came back
    for at medium or above and at high, each with its interval."""
    parts = {
        "all": list(asked),
        "with a box": [one for one in asked if one.boxed],
        "without a box": [one for one in asked if not one.boxed],
    }
    shares: dict[str, Any] = {name: _shares(own) for name, own in parts.items()}
    return {**shares, "alarms": [asdict(one) for one in asked if one.best in ("medium", "high")]}


def _shares(asked: Sequence[Asking]) -> dict[str, Any]:
    return {
        "pictures": len(asked), "medium": _share(asked, ("medium", "high")), "high": _share(asked, ("high",)),
    }  # fmt: skip


def _share(asked: Sequence[Asking], words: tuple[Confidence, ...]) -> dict[str, Any]:
    hits = sum(one.best in words for one in asked)
    low, high = wilson(hits, len(asked))
    return {
        "count": hits, "share": round(hits / len(asked), 4) if asked else None,
        "interval": [round(low, 4), round(high, 4)],
    }  # fmt: skip
