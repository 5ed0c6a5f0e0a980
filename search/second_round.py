"""A second question, asked with what the first one found for certain: the thing as the library shows it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.record import Points
from index.store import VectorStore
from search.evidence import Evidence, Wanted
from search.moment import Moment

_MOST_VECTORS = 3
"""Sights of the best moment that are added to the question."""

_MOST_LIFT = 0.4
"""How far the second round may raise a z above that of the first: by less than a step from word to
word. A sight that is added is its own best likeness, and what merely stood beside it comes next."""


def widened(store: VectorStore, wanted: Wanted, evidence: Evidence, best: Moment) -> Wanted | None:
    """The question with the surest sights of its best moment added; None where nothing is sure enough.

    Against drift: only a moment of high confidence is trusted, of it only sights that are at least medium by
    themselves, and there is no third round (pseudo relevance feedback, as RELOCATE, arXiv 2412.01826, does
    with tracks).
    """
    scale, hits = wanted.calibration.scale, evidence.hits
    if best.z < scale.high or wanted.from_words or not wanted.calibration.learns:
        return None
    times = hits.time_seconds
    rows = np.flatnonzero(
        (np.array(hits.media_id) == best.media_id)
        & (np.array(hits.kind) == best.kind)
        & (times >= best.start_seconds)
        & ((times < best.end_seconds) | (best.media_type == "image"))
        & (evidence.z >= scale.medium)
    )
    surest = rows[np.argsort(-evidence.z[rows], kind="stable")][:_MOST_VECTORS]
    seen = store.get([hits.id[row] for row in surest], wanted.name).vectors
    return replace(wanted, like=np.concatenate([wanted.like, seen])) if len(seen) else None


def lifted(first: Evidence, second: Evidence) -> Evidence:
    """The hits of both rounds; each has the z of the second, but at most _MOST_LIFT above the first's."""
    before = dict(zip(first.hits.id, first.z.tolist(), strict=True))
    least = float(first.z.min(initial=0.0))
    was = np.array([before.pop(identity, least) for identity in second.hits.id], np.float32)
    z = np.maximum(was, np.minimum(second.z, was + _MOST_LIFT))
    rest = np.array([identity in before for identity in first.hits.id], bool)
    hits = Points.concatenate([second.hits, first.hits[rest]])
    return Evidence(hits, np.concatenate([z, first.z[rest]]), first.chance)
