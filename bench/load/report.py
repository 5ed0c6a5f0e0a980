"""What was seen, as figures and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.load.asking import Seen

_QUANTILES = (50, 95, 99)


def figures(seen: Seen) -> dict[str, Any]:
    """Milliseconds throughout; ``errors`` are all answers but 200 and 429, which stand apart."""
    searches = [*seen.whole_seconds, *seen.boxed_seconds]
    return {
        "seconds": round(seen.seconds, 1),
        "searches": len(searches),
        "searches_per_second": round(len(searches) / seen.seconds, 2) if seen.seconds else 0.0,
        "segments_per_search": round(seen.segments / max(len(searches), 1), 1),
        "all_ms": _spread(searches),
        "whole_ms": _spread(seen.whole_seconds),
        "boxed_ms": _spread(seen.boxed_seconds),
        "live_ms": _spread(seen.live_seconds),
        "statuses": {str(status): count for status, count in sorted(seen.statuses.items()) if count},
        "too_many": seen.statuses[429],
        "errors": sum(count for status, count in seen.statuses.items() if status not in (200, 429)),
        "first_error": seen.first_error,
        "videos_added": seen.videos_added,
        "jobs_failed": seen.jobs_failed,
    }


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    if not seconds:
        return {}
    found = {f"p{share}": float(np.percentile(seconds, share)) for share in _QUANTILES}
    return {name: round(value * 1000, 1) for name, value in {**found, "max": max(seconds)}.items()}


def table(result: dict[str, Any]) -> str:
    """In Markdown, a phase a column."""
    phases = result["phases"]
    rows = [
        ("searches a second", [one["searches_per_second"] for one in phases.values()]),
        ("segments an answer", [one["segments_per_search"] for one in phases.values()]),
        *((f"{what}, p50 / p95 / p99 (ms)", [_said(one[key]) for one in phases.values()])
          for what, key in (("all", "all_ms"), ("whole pictures", "whole_ms"), ("boxes", "boxed_ms"),
                            ("/v1/health/live", "live_ms"))),
        ("processor time a search, server and store (ms)", [
            f"{1000 * one['processor_seconds'] / max(one['searches'], 1):.0f}" for one in phases.values()
        ]),
        ("errors", [one["errors"] for one in phases.values()]),
        ("429", [one["too_many"] for one in phases.values()]),
        ("videos added meanwhile", [one["videos_added"] for one in phases.values()]),
        ("load average before, after", [f"{one['load_before']}, {one['load_after']}"
                                        for one in phases.values()]),
    ]  # fmt: skip
    head = [f"| {result['searchers']} searchers, {result['points']} points | " + " | ".join(phases) + " |",
            "|" + "---|" * (len(phases) + 1)]  # fmt: skip
    return "\n".join([*head, *(f"| {name} | " + " | ".join(map(str, cells)) + " |" for name, cells in rows)])


def _said(spread: dict[str, float]) -> str:
    return " / ".join(f"{spread[f'p{share}']:.0f}" for share in _QUANTILES) if spread else "-"
