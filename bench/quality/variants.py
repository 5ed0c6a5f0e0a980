"""The same queries asked as shipped, and with one part of the search taken away (or added) at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.measures import Judged, figures
from bench.quality.library import Library, answer, describe
from bench.sets import Asked
from core.answer import Segment
from core.errors import InvalidRequest
from core.pictures import read_picture
from core.types import Kind
from search.chance import Scale
from search.describe import MARGINS
from search.evidence import Wanted
from search.query import Example, Filters, Mode, Query, Terms
from search.searcher import Searcher

SHIPPED, ONE_ROUND, FIXED = "as shipped", "one round", "fixed cosine"
SHOWN_GROUPS = ("asks", "size", "lookalike", "whitening_saw")


@dataclass(frozen=True, slots=True)
class Question:
    """A query of the set as the store sees it."""

    asked: Asked
    terms: Terms
    wanted: Wanted


Change = Callable[[Searcher, Question], Question | None]
"""The question asked in another way; None where it cannot be asked so, and nothing is answered."""


def _vectors(first: int) -> Change:
    """The first so many of a query's vectors alone."""
    return lambda _, one: replace(one, wanted=replace(one.wanted, like=one.wanted.like[:first]))


def _one_round(_: Searcher, one: Question) -> Question:
    # What was asked in words has no second round; for a model whose chance is measured that is all it does.
    return replace(one, wanted=replace(one.wanted, from_words=True))


def _model_alone(_: Searcher, one: Question) -> Question:
    return _held_to(one, one.wanted.calibration.scale)


def _held_to(one: Question, scale: Scale) -> Question:
    """Cosines as they are, held to a scale: no shift by query or library, no correction for size."""
    calibration = replace(one.wanted.calibration, learns=False, scale=scale)
    return replace(one, wanted=replace(one.wanted, calibration=calibration))


def _as_face(searcher: Searcher, one: Question) -> Question | None:
    try:
        return question(searcher, one.asked, "face")
    except InvalidRequest:
        return None


def _refined(_: Searcher, one: Question) -> Question:
    return replace(one, terms=replace(one.terms, refine=True))


def _boxed(asked: Asked) -> bool:
    return asked.box_xyxy is not None


@dataclass(frozen=True, slots=True)
class Variant:
    """``how`` it differs from ``beside``. Points of the kinds ``hidden`` are as if never indexed; only the
    queries of ``among`` are asked."""

    name: str
    how: str
    beside: str = SHIPPED
    hidden: frozenset[Kind] = frozenset()
    change: Change = lambda _, one: one
    among: Callable[[Asked], bool] = lambda _: True


VARIANTS = (
    Variant(SHIPPED, "the answers that momentseek eval gives", beside=""),
    Variant("frames only", "an index without regions and tiles", hidden=frozenset({"region", "tile"})),
    Variant("without tiles", "an index without tiles", hidden=frozenset({"tile"})),
    Variant("without regions", "an index without regions", hidden=frozenset({"region"})),
    Variant("one crop", "the box as it is: no margins, no close-up", change=_vectors(1), among=_boxed),
    Variant("margins alone", "the box with its margins in the picture: no close-up",
            change=_vectors(len(MARGINS)), among=_boxed),
    Variant(ONE_ROUND, "no second round with the surest sights of the first", change=_one_round),
    Variant("chance of the model", "no shift by the query, no correction for the size of the library",
            beside=ONE_ROUND, change=_model_alone),
    Variant("as faces", "faces asked for with mode face", change=_as_face,
            among=lambda asked: "kind=face" in asked.groups),
)  # fmt: skip
REFINED = Variant("refined", "with refine: originals are opened round starts and ends", change=_refined)


def question(searcher: Searcher, asked: Asked, mode: Mode | None = None) -> Question:
    """Raises InvalidRequest when a face is asked for and there is none."""
    query = query_of(asked, mode)
    return Question(asked, query.terms, describe(searcher, query))


def query_of(asked: Asked, mode: Mode | None = None) -> Query:
    """As momentseek eval asks it."""
    example = Example(read_picture(asked.image), box_xyxy=asked.box_xyxy)
    return Query((example,), mode=mode, filters=Filters(limit=1000))


def judge(library: Library, variant: Variant, questions: Sequence[Question]) -> list[Judged]:
    searcher, judged = library.searcher(variant.hidden), []
    for one in questions:
        if not variant.among(one.asked):
            continue
        changed = variant.change(searcher, one)
        found = answer(searcher, changed.terms, changed.wanted).segments if changed else ()
        judged.append(Judged(one.asked.id, one.asked.expected, found, _groups(one.asked)))
    return judged


def _groups(asked: Asked) -> tuple[str, ...]:
    return tuple(group for group in asked.groups if group.partition("=")[0] in SHOWN_GROUPS)


def fixed_cosine(library: Library, questions: Sequence[Question], beside: Sequence[Judged]) -> Variant:
    """One threshold on the cosine for every query: the one that gives as many false alarms on this set as the
    answers ``beside`` it have. Low and high lie as far from it as they do from medium in the scale."""
    scale, chance = library.calibration.scale, library.calibration.prior
    loose = Scale(scale.low - 1, scale.medium, scale.medium + 4)
    without = [one for one in questions if not one.asked.expected.answerable]
    loosely = Variant("", "", change=lambda _, one: _held_to(one, loose))
    heights = sorted((_z(loose, one.segments) for one in judge(library, loosely, without)), reverse=True)
    alarms = sum(one.says_yes for one in beside if not one.expected.answerable)
    medium = _between(heights, alarms) if heights else scale.medium
    moved = Scale(scale.low + medium - scale.medium, medium, scale.high + medium - scale.medium)
    return Variant(
        FIXED, f"medium from a cosine of {chance.cosine(medium):.3f} on, for every query", beside=ONE_ROUND,
        change=lambda _, one: _held_to(one, moved),
    )  # fmt: skip


def _z(scale: Scale, segments: Sequence[Segment]) -> float:
    """The z of the best segment, back from its score; that of low for none."""
    if not segments:
        return scale.low
    best = max(one.score for one in segments)
    # The score is a logistic curve through 50 at medium.
    step = _log_odds(scale.score(scale.high)) / (scale.high - scale.medium)
    return scale.medium + _log_odds(min(best, 99.99)) / step


def _log_odds(score: float) -> float:
    return math.log(score / (100 - score))


def _between(heights: Sequence[float], above: int) -> float:
    """A threshold that so many of ``heights``, highest first, exceed.

    >>> _between([5.0, 4.0, 3.0], 1), _between([5.0, 4.0, 3.0], 0)
    (4.5, 5.05)
    """
    if above == 0:
        return heights[0] + 0.05
    if above >= len(heights):
        return heights[-1] - 0.05
    return (heights[above - 1] + heights[above]) / 2


@dataclass(frozen=True, slots=True)
class Compared:
    """A variant beside another, over the queries that both were asked. Changes are variant minus other.

    A part that makes every score higher finds more and raises more alarms. At equal alarms that is undone:
    each has the threshold of its own up to which it raises as many alarms as the other does at medium.
    """

    queries: int
    answered_more: int
    answered_less: int
    alarms_more: int
    alarms_less: int
    answered_at_equal_alarms: float | None
    other_at_equal_alarms: float | None
    changes: dict[str, float | None]


COMPARED = ("r1_at_0.5", "map@0.5", "map@0.75", "boundary_error_seconds", "still_recall_at_5", "answered",
            "false_alarms", "auroc")  # fmt: skip


def compare(variant: Sequence[Judged], other: Sequence[Judged]) -> Compared:
    before = {one.query: one for one in other}
    pairs = [(one, before[one.query]) for one in variant if one.query in before]
    mine, its = flat([one for one, _ in pairs]), flat([one for _, one in pairs])
    answerable = [(one.is_answered, was.is_answered) for one, was in pairs if one.expected.answerable]
    alarms = [(one.says_yes, was.says_yes) for one, was in pairs if not one.expected.answerable]
    return Compared(
        len(pairs),
        answerable.count((True, False)), answerable.count((False, True)),
        alarms.count((True, False)), alarms.count((False, True)),
        answered_with([one for one, _ in pairs], sum(was for _, was in alarms)),
        answered_with([one for _, one in pairs], sum(was for _, was in alarms)),
        {key: _difference(mine[key], its[key]) for key in COMPARED},
    )  # fmt: skip


def answered_with(judged: Sequence[Judged], alarms: int) -> float | None:
    """The share of answerable queries with a right answer above the lowest threshold on the score that lets
    so many false alarms pass; None without such queries. What is below low is not there to be counted."""
    heights = sorted((one.best_score for one in judged if not one.expected.answerable), reverse=True)
    threshold = heights[alarms] if alarms < len(heights) else 0.0
    answerable = [one for one in judged if one.expected.answerable]
    if not answerable:
        return None
    return round(sum(_right_above(one, threshold) for one in answerable) / len(answerable), 4)


def _right_above(judged: Judged, threshold: float) -> bool:
    return any(
        one.score > threshold and judged.expected.verdict(one) == "right" for one in judged.segments
    )


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else round(one - other, 4)


def flat(judged: Sequence[Judged]) -> dict[str, float | None]:
    """``figures`` without a figure inside a figure: "map@0.5"."""
    found: dict[str, Any] = figures(judged)
    precision = found.pop("map")
    return {**found, **{f"map@{at}": value for at, value in precision.items()}}

