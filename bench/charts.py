"""``python -m bench charts FIGURES OUT``: charts of measured figures, one SVG for each kind of JSON there is.

matplotlib draws them (the extra ``demo`` brings it). What a file holds is seen by its keys, not by its name.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_COLOURS = ("#2f6fde", "#e08a1e", "#3a9a5b", "#8a8f98", "#b04a8f")
_STAGES = ("embed", "candidates", "curves", "http")
_SAID = {"embed": "describe", "http": "HTTP"}


def ingest_chart(results: Sequence[dict[str, Any]], path: Path) -> None:
    """How many times decoding alone each way of ingest takes, by profile."""
    bars = [
        (f"{name}\n({one['profile']})", one["seconds"][name] / one["seconds"]["decoding alone"])
        for one in results for name in one["seconds"] if name != "decoding alone"
    ]  # fmt: skip
    figure, axes = _axes()
    names, values = zip(*bars, strict=True)
    drawn = axes.bar(names, values, color=[_COLOURS[0 if "ours" in name else 1] for name in names], width=0.6)
    axes.bar_label(drawn, fmt="%.2f")
    axes.axhline(1, color=_COLOURS[3], linewidth=1)
    axes.set_ylabel("times decoding alone")
    _save(figure, path)


def memory_chart(results: Sequence[dict[str, Any]], path: Path) -> None:
    """Peak memory of ingest by the length of the video."""
    figure, axes = _axes()
    for number, one in enumerate(results):
        seconds = [row["seconds"] for row in one["rows"]]
        for key, style, said in (("all", "-", "all"), ("own", "--", "without mapped files")):
            megabytes = [row["peak_mb"][key] for row in one["rows"]]
            axes.plot(seconds, megabytes, style, marker="o", color=_COLOURS[number],
                      label=f"{one['profile']}, {said}")  # fmt: skip
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("seconds of video")
    axes.set_ylabel("peak resident memory, MB")
    axes.legend(frameon=False)
    _save(figure, path)


def search_chart(results: Sequence[dict[str, Any]], path: Path) -> None:
    """Where the milliseconds of a question go, through HTTP, by points and by form."""
    sizes = sorted((size for one in results for size in one["sizes"]), key=lambda size: int(size["points"]))
    rows = [
        (f"{size['points']:,} points\n{form}", [float(own.get(stage, {}).get("p50", 0)) for stage in _STAGES])
        for size in sizes for form, own in size.get("http", {}).items()
    ]  # fmt: skip
    figure, axes = _axes(0.5 + 0.6 * len(rows))
    names, left = [name for name, _ in rows], [0.0] * len(rows)
    for number, stage in enumerate(_STAGES):
        values = [stages[number] for _, stages in rows]
        axes.barh(names, values, left=left, color=_COLOURS[number], label=_SAID.get(stage, stage), height=0.6)
        left = [before + value for before, value in zip(left, values, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel("milliseconds, median of each stage")
    axes.legend(frameon=False)
    _save(figure, path)


_CHARTS = {"ratios": ("ingest.svg", ingest_chart), "rows": ("memory.svg", memory_chart),
           "sizes": ("search.svg", search_chart)}  # fmt: skip
"""By a key that only one kind of figures has."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench charts", description=__doc__)
    parser.add_argument("figures", type=Path, help="folder with JSON files of bench")
    parser.add_argument("out", type=Path, help="folder for the charts")
    given = parser.parse_args(arguments)
    found = [json.loads(path.read_text("utf-8")) for path in sorted(given.figures.glob("*.json"))]
    given.out.mkdir(parents=True, exist_ok=True)
    for key, (name, draw) in _CHARTS.items():
        own = [one for one in found if key in one]
        if own:
            draw(own, given.out / name)
            print(f"{given.out / name}")


def _axes(height: float = 3.6) -> tuple[Any, Any]:
    """``height`` in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Any, path: Path) -> None:
    # The same figures make the same file: no date, no random ids. Letters stay letters.
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": path.name, "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
