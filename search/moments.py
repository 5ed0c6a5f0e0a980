"""From hits with scores to moments: a curve per media file, grown into stretches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.record import Points
from search.evidence import Evidence
from search.moment import Moment
from search.query import Box, Reference
from search.segments import Curve, Growth, Span, best_per_time, curves_of, grow

_NEIGHBOUR_SECONDS = 1.5
"""Samples this close to a clicked moment show the same picture: they prove nothing."""


def find_moments(
    evidence: Evidence, least_z: float, growth: Growth, references: Sequence[Reference] = ()
) -> list[Moment]:
    """Every stretch whose best hit reaches ``least_z``, best first."""
    files = _by_media(evidence, least_z)
    return sorted(_moments_of(evidence, files, least_z, growth, references), key=_place)


def best_moment(
    evidence: Evidence, least_z: float, growth: Growth, references: Sequence[Reference],
    counts: Callable[[Moment], bool],
) -> Moment | None:
    """The first of ``find_moments`` that counts, without growing all the others."""
    best: Moment | None = None
    for rows in _by_media(evidence, least_z):
        if best is not None and evidence.z[rows].max() < best.z:
            break
        moments = _moments_of(evidence, [rows], least_z, growth, references)
        best = min([one for one in (best, *moments) if one and counts(one)], key=_place, default=None)
    return best


def curve_of(
    media_id: str, span_seconds: NDArray[np.float64], z: NDArray[np.float32],
    references: Sequence[Reference] = (),
) -> Curve:
    """The curve of one media file from its hits: half-open spans (n, 2) and scores (n,). Near a moment that
    was clicked, and as long as something seen there stands for, it is at most the best found elsewhere in the
    file: neighbours may carry a stretch on, they may not make one. A still that was clicked drops out of its
    own answer."""
    return _held_down(best_per_time(span_seconds, z), span_seconds, media_id, references)


def _held_down(
    curve: Curve, span_seconds: NDArray[np.float64], media_id: str, references: Sequence[Reference]
) -> Curve:
    """``span_seconds`` of the hits that the curve names."""
    near = np.zeros(len(curve), bool)
    for reference in references:
        if reference.media_id == media_id:
            starts, ends = span_seconds[curve.hit].T
            at = reference.at_seconds
            near |= (starts <= at + _NEIGHBOUR_SECONDS) & (ends >= at - _NEIGHBOUR_SECONDS)
    if not near.any():
        return curve
    elsewhere = float(curve.z[~near].max(initial=0.0))
    return replace(curve, z=np.where(near, np.minimum(curve.z, elsewhere), curve.z).astype(np.float32))


def _by_media(evidence: Evidence, least_z: float) -> list[NDArray[np.intp]]:
    """The rows of each media file with a hit of at least ``least_z``, the file with the best hit first."""
    media, z = evidence.hits.media_id, evidence.z
    best_first = np.argsort(-z, kind="stable")[: np.count_nonzero(z >= least_z)]
    rows_of: dict[str, list[int]] = {media[row]: [] for row in best_first.tolist()}
    for row, media_id in enumerate(media):
        if media_id in rows_of:
            rows_of[media_id].append(row)
    return [np.array(rows, np.intp) for rows in rows_of.values()]


def _moments_of(
    evidence: Evidence, files: Sequence[NDArray[np.intp]], least_z: float, growth: Growth,
    references: Sequence[Reference],
) -> list[Moment]:
    """Those of some media files, each given by the rows of its hits."""
    hits = evidence.hits
    moments: list[Moment] = []
    if not files:
        return moments
    rows = np.concatenate(files)
    file = np.repeat(np.arange(len(files)), [len(own) for own in files])
    curves = curves_of(file, len(files), hits.span_seconds[rows], evidence.z[rows])
    for own, curve in zip(files, curves, strict=True):
        curve = replace(curve, hit=rows[curve.hit])
        curve = _held_down(curve, hits.span_seconds, hits.media_id[own[0]], references)
        spans = grow(curve, least_z, growth, hits.shot[curve.hit])
        moments += [_moment(hits, own, curve, span) for span in spans]
    return moments


def _place(moment: Moment) -> tuple[float, str, float]:
    return -moment.z, moment.media_id, moment.start_seconds


def _moment(hits: Points, rows: NDArray[np.intp], curve: Curve, span: Span) -> Moment:
    row = span.hit
    return Moment(
        media_id=hits.media_id[row],
        media_type=hits.media_type[row],
        start_seconds=span.start_seconds,
        end_seconds=span.end_seconds,
        best_seconds=max(float(hits.time_seconds[row]), span.start_seconds),
        kind=hits.kind[row],
        box_xyxy=_box(hits, row),
        z=span.z,
        label=hits.label[row],
        path=_path(hits, rows, curve, span),
    )


def _path(
    hits: Points, rows: NDArray[np.intp], curve: Curve, span: Span
) -> tuple[tuple[float, Box], ...]:
    """Where the thing is over the stretch: its track's boxes; without one, what matched best each time."""
    track = hits.track[span.hit]
    if track >= 0:
        times = hits.time_seconds[rows]
        rows = rows[
            (hits.track[rows] == track) & (times >= span.start_seconds) & (times < span.end_seconds)
        ]
        rows = rows[np.argsort(hits.time_seconds[rows], kind="stable")]
    else:
        inside = (curve.start_seconds >= span.start_seconds) & (curve.end_seconds <= span.end_seconds)
        rows = np.array([row for row in curve.hit[inside].tolist() if hits.kind[row] != "frame"], np.intp)
    return tuple({float(hits.time_seconds[row]): _box(hits, int(row)) for row in rows}.items())


def _box(hits: Points, row: int) -> Box:
    x1, y1, x2, y2 = (round(float(value), 4) for value in hits.box_xyxy[row])
    return x1, y1, x2, y2
