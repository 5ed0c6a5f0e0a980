"""What was measured, as tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from bench.search.asking import Asked
from bench.search.stages import Found, Stages


def spread(milliseconds: Sequence[float]) -> dict[str, float]:
    """``p50`` and ``p95``; empty for nothing."""
    if not milliseconds:
        return {}
    return {f"p{share}": round(float(np.percentile(milliseconds, share)), 1) for share in (50, 95)}


def stages_figures(stages: Stages) -> dict[str, dict[str, float]]:
    kept = asdict(stages)
    processor = kept.pop("processor")
    return {**{name: spread(values) for name, values in kept.items()}, "processor": processor}


def http_figures(asked: Asked) -> dict[str, Any]:
    return {
        "questions": len(asked.total_ms), "segments": round(asked.segments / max(len(asked.total_ms), 1), 1),
        "total": spread(asked.total_ms), "http": spread(asked.http_ms),
        **{name: spread(values) for name, values in asked.stages_ms.items()},
    }  # fmt: skip


def found_figures(found: Found) -> dict[str, float]:
    return asdict(found)


def tables(result: dict[str, Any]) -> str:
    sizes = result.get("sizes", [])
    parts = []
    if sizes:
        parts += [_embedded(sizes), _processor(sizes), _http(sizes), _many(sizes), _recall(sizes)]
    if "startup" in result:
        parts.append(_startup(result["startup"]))
    return "\n\n".join(part for part in parts if part)


def _embedded(sizes: Sequence[dict[str, Any]]) -> str:
    head = "| embedded, p50 / p95 (ms) | asked with | describe | store | scores and segments | total |"
    rows = [
        f"| {one['points']} | {form} | {_said(own['describe'])} | {_said(own['store'])} | "
        f"{_said(own['scores'])} | {_said(own['total'])} |"
        for one in sizes for form, own in one.get("embedded", {}).items()
    ]  # fmt: skip
    return _table(head, rows)


def _processor(sizes: Sequence[dict[str, Any]]) -> str:
    head = "| processor time a search (ms) | asked with | describe | store | scores and segments | all |"
    rows = [
        f"| {one['points']} | {form} | {taken['describe']} | {taken['store']} | {taken['scores']} | "
        f"{sum(taken.values()):.1f} |"
        for one in sizes for form, own in one.get("embedded", {}).items()
        if (taken := own.get("processor"))
    ]  # fmt: skip
    return _table(head, rows)


def _http(sizes: Sequence[dict[str, Any]]) -> str:
    head = "| through HTTP, p50 / p95 (ms) | asked with | embed | candidates | curves | HTTP | total |"
    rows = [
        f"| {one['points']} | {form} | {_said(own.get('embed', {}))} | {_said(own.get('candidates', {}))} | "
        f"{_said(own.get('curves', {}))} | {_said(own['http'])} | {_said(own['total'])} |"
        for one in sizes for form, own in one.get("http", {}).items()
    ]  # fmt: skip
    return _table(head, rows)


def _many(sizes: Sequence[dict[str, Any]]) -> str:
    head = "| at once, p50 / p95 (ms) | points | whole pictures | boxes | searches a second | errors |"
    rows = [
        f"| {searchers} | {one['points']} | {_said(own['whole_ms'])} | {_said(own['boxed_ms'])} | "
        f"{own['searches_per_second']} | {own['errors']} |"
        for one in sizes for searchers, own in one.get("concurrency", {}).items()
    ]  # fmt: skip
    return _table(head, rows)


def _recall(sizes: Sequence[dict[str, Any]]) -> str:
    head = "| beside exact search | recall@50, mean | worst | same answers | segments in one alone | of |"
    rows = [
        f"| {one['points']} | {own['recall']:.4f} | {own['worst_recall']:.2f} | "
        f"{own['same_answers']} of {own['answers']} | {own['missing_segments']} | {own['segments']} |"
        for one in sizes if (own := one.get("recall")) is not None
    ]  # fmt: skip
    return _table(head, rows)


def _startup(startup: dict[str, list[float]]) -> str:
    rows = [
        f"| {name} | {np.median(seconds):.2f} | {min(seconds):.2f} | {max(seconds):.2f} |"
        for name, seconds in startup.items()
    ]
    return _table("| seconds | median | least | most |", rows)


def _table(head: str, rows: Sequence[str]) -> str:
    return "\n".join([head, "|" + "---|" * (head.count("|") - 1), *rows]) if rows else ""


def _said(spread_ms: dict[str, float]) -> str:
    return f"{spread_ms['p50']:.1f} / {spread_ms['p95']:.1f}" if spread_ms else "-"
