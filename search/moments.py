"""From hits with scores to moments: a curve per media file, grown into stretches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.record import Points
from search.evidence import Evidence
from search.moment import Moment
from search.query import Box, Reference
from search.segments import Curve, Growth, Span, best_per_time, grow

_NEIGHBOUR_SECONDS = 1.5
"""Samples this close to a clicked moment show the same picture: they prove nothing."""


def find_moments(
    evidence: Evidence, least_z: float, growth: Growth, references: Sequence[Reference] = ()
) -> list[Moment]:
    """Every stretch whose best hit reaches ``least_z``, best first."""
    media = evidence.hits.media_id
    rows_of: dict[str, list[int]] = {media[row]: [] for row in np.flatnonzero(evidence.z >= least_z)}
    for row, media_id in enumerate(media):
        if media_id in rows_of:
            rows_of[media_id].append(row)
    moments: list[Moment] = []
    for media_id in sorted(rows_of):
        rows = np.array(rows_of[media_id])
        hits = evidence.hits[rows]
        curve = curve_of(hits, evidence.z[rows], references)
        moments += [_moment(hits, curve, span) for span in grow(curve, least_z, growth, hits.shot[curve.hit])]
    moments.sort(key=lambda one: (-one.z, one.media_id, one.start_seconds))
    return moments


def curve_of(hits: Points, z: NDArray[np.float32], references: Sequence[Reference] = ()) -> Curve:
    """The curve of one media file from its hits. Near a moment that was clicked, and as long as something
    seen there stands for, it is at most the best found elsewhere in the file: neighbours may carry a stretch
    on, they may not make one. A still that was clicked drops out of its own answer."""
    curve = best_per_time(hits.span_seconds, z)
    near = np.zeros(len(curve), bool)
    for reference in references:
        if len(hits) and reference.media_id == hits.media_id[0]:
            starts, ends = hits.span_seconds[curve.hit].T
            at = reference.at_seconds
            near |= (starts <= at + _NEIGHBOUR_SECONDS) & (ends >= at - _NEIGHBOUR_SECONDS)
    if not near.any():
        return curve
    elsewhere = float(curve.z[~near].max(initial=0.0))
    return replace(curve, z=np.where(near, np.minimum(curve.z, elsewhere), curve.z).astype(np.float32))


def _moment(hits: Points, curve: Curve, span: Span) -> Moment:
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
        path=_path(hits, curve, span),
    )


def _path(hits: Points, curve: Curve, span: Span) -> tuple[tuple[float, Box], ...]:
    """Where the thing is over the stretch: its track's boxes; without one, what matched best each time."""
    track = hits.track[span.hit]
    if track >= 0:
        times = hits.time_seconds
        rows = np.flatnonzero(
            (hits.track == track) & (times >= span.start_seconds) & (times < span.end_seconds)
        )
        rows = rows[np.argsort(times[rows], kind="stable")]
    else:
        inside = (curve.start_seconds >= span.start_seconds) & (curve.end_seconds <= span.end_seconds)
        rows = np.array([row for row in curve.hit[inside] if hits.kind[row] != "frame"], np.intp)
    return tuple({float(hits.time_seconds[row]): _box(hits, int(row)) for row in rows}.items())


def _box(hits: Points, row: int) -> Box:
    x1, y1, x2, y2 = (round(float(value), 4) for value in hits.box_xyxy[row])
    return x1, y1, x2, y2
