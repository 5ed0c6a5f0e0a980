"""What was measured, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

_FIGURES = {
    "r1_at_0.5": "R1@.5", "map@0.5": "mAP@.5", "map@0.75": "mAP@.75", "boundary_error_seconds": "off (s)",
    "still_recall_at_5": "stills", "answered": "answered", "false_alarms": "false alarms", "auroc": "AUROC",
}  # fmt: skip


def text(result: dict[str, Any]) -> str:
    parts = [_head(result)]
    if "variants" in result:
        parts += [_variants(result["variants"]), _changes(result["variants"])]
        parts += [_groups(name, one) for name, one in result["variants"].items()]
        parts.append(_reliability(result["calibration"]))
    if "negatives" in result:
        parts.append(_negatives(result["negatives"]))
    if "times" in result:
        parts.append(_times(result["times"]))
    return "\n\n".join(parts)


def _head(result: dict[str, Any]) -> str:
    chance, scale = result["chance"], ", ".join(f"{one:g}" for one in result["thresholds"])
    return (
        f"# {result['set']}\n\n{result['queries']} queries; library of {result['points']} points; "
        f"chance {chance[0]:g} +- {chance[1]:g}, thresholds {scale}; "
        f"load average {result['load_average_before']:.1f} before, {result['load_average_after']:.1f} after."
    )


def _variants(variants: dict[str, Any]) -> str:
    rows = [[name, one["queries"], *(_cell(one["figures"][key]) for key in _FIGURES), one["ece"]]
            for name, one in variants.items()]  # fmt: skip
    how = "\n".join(f"- **{name}**: {one['how']}." for name, one in variants.items())
    return f"## Variants\n\n{how}\n\n{_table(['variant', 'queries', *_FIGURES.values(), 'ECE'], rows)}"


def _changes(variants: dict[str, Any]) -> str:
    rows = []
    for name, one in variants.items():
        if one["compared"] is not None:
            own = one["compared"]
            answered = f"+{own['answered_more']} -{own['answered_less']}"
            alarms = f"+{own['alarms_more']} -{own['alarms_less']}"
            changes = [_signed(own["changes"][key]) for key in _FIGURES]
            equal = [_cell(own[key]) for key in ("answered_at_equal_alarms", "other_at_equal_alarms")]
            rows.append([name, one["beside"], own["queries"], *changes, answered, alarms, " / ".join(equal)])
    head = ["variant", "beside", "queries", *_FIGURES.values(), "queries answered", "queries with an alarm",
            "answered at equal alarms"]  # fmt: skip
    return f"## What each variant changes\n\n{_table(head, rows)}"


def _groups(name: str, variant: dict[str, Any]) -> str:
    keys = {key: label for key, label in _FIGURES.items() if not key.startswith("map")}
    rows = [
        [group, own["queries"], _cell(own["map"]["0.5"]), _cell(own["map"]["0.75"]),
         *(_cell(own[key]) for key in keys), _cell(own["expected_calibration_error"])]
        for group, own in variant["groups"].items()
    ]  # fmt: skip
    head = ["group", "queries", "mAP@.5", "mAP@.75", *keys.values(), "ECE"]
    return f"### {name}, by group\n\n{_table(head, rows)}"


def _reliability(calibration: dict[str, Any]) -> str:
    best = calibration["best_segment"]
    pairs = [(f"{one['from_score']}-{one['to_score']}", one, other)
             for one, other in zip(calibration["bins"], best["bins"], strict=True)]  # fmt: skip
    pairs += [(word, one, best["by_confidence"][word]) for word, one in calibration["by_confidence"].items()]
    rows = [
        [label, one["count"], _cell(one["mean_score"]), _cell(one["right"]), other["count"],
         _cell(other["right"])]
        for label, one, other in pairs
    ]
    head = ["score", "segments", "mean score", "share right", "best of a query", "share right"]
    return (
        "## Reliability, as shipped\n\nExpected calibration error "
        f"{calibration['expected_calibration_error']} of all segments, "
        f"{best['expected_calibration_error']} of each query's best.\n\n{_table(head, rows)}"
    )


def _negatives(negatives: dict[str, Any]) -> str:
    rows = [
        [name, own["pictures"], *(_share(own[word]) for word in ("medium", "high"))]
        for name, own in negatives.items() if name != "alarms"
    ]  # fmt: skip
    head = ["pictures that are not in the library", "pictures", "anything at medium or above", "at high"]
    return f"## False alarms\n\nShares with 95 % intervals (Wilson).\n\n{_table(head, rows)}"


def _share(one: dict[str, Any]) -> str:
    if one["share"] is None:
        return ""
    low, high = one["interval"]
    return f"{one['count']}: {100 * one['share']:.1f} % ({100 * low:.1f}-{100 * high:.1f})"


def _times(times: dict[str, Any]) -> str:
    stages = ["embed", "candidates", "curves", "refine"]
    rows = [
        [own["points"], own["asked_with"], own["queries"], f"{own['segments']:g}",
         *(_cell(own["stages_ms"].get(stage)) for stage in stages), f"{own['total_ms']:.0f}"]
        for own in times["taken"]
    ]
    units = [f"{stage} (ms)" for stage in stages]
    head = ["points", "asked with", "queries", "segments", *units, "total (ms)"]
    return (
        f"## Time of a query\n\nMedians; load average {times['load_average_before']:.1f} before, "
        f"{times['load_average_after']:.1f} after.\n\n{_table(head, rows)}"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    return "\n".join(_lines([head, ["---"] * len(head), *rows]))


def _lines(rows: Sequence[Sequence[object]]) -> Iterator[str]:
    for row in rows:
        yield f"| {' | '.join('' if one is None else str(one) for one in row)} |"


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.3f}"
