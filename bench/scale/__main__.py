"""``python -m bench.scale``: what the figures of docs/scale.md rest on.

A store of made-up points grows to each of ``--points``; at every size it is opened anew, weighed and asked.
With ``--videos`` it is also counted how many points an hour of such video gives. One thing runs at a time;
questions of one and of several vectors take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from bench.ingest.parts import PROFILES, SAMPLES_PER_SECOND
from bench.scale.fit import costs
from bench.scale.growing import SEVERAL, Size, grow
from bench.scale.hours import Hour, hours_of

T = TypeVar("T")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--points", type=int, nargs="*", default=[10_000, 30_000, 100_000], metavar="N")
    parser.add_argument("--dimensions", type=int, nargs="*", default=[256], metavar="D",
                        help="256 offline, 512 default, 768 gpu and cluster (256)")
    parser.add_argument("--questions", type=int, default=15, help="of each sort at every size (15)")
    parser.add_argument("--videos", type=Path, nargs="*", default=[], metavar="FILE")
    parser.add_argument("--profiles", nargs="*", default=["offline"], choices=PROFILES)
    parser.add_argument("--folder", type=Path, help="where the stores grow; they are removed afterwards")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures here")
    given = parser.parse_args(arguments)
    hours = [
        hour
        for profile in given.profiles if given.videos
        for every_sample in (False, True)
        for hour in told(hours_of(given.videos, profile, SAMPLES_PER_SECOND[profile], every_sample))
    ]  # fmt: skip
    if hours:
        print(hours_table(hours), flush=True)
    sizes: list[Size] = []
    if given.folder:
        given.folder.mkdir(parents=True, exist_ok=True)
    for dimension in given.dimensions:
        with tempfile.TemporaryDirectory(prefix="momentseek-scale-", dir=given.folder) as folder:
            for size in grow(Path(folder), dimension, sorted(given.points), given.questions):
                sizes += told([size])
    if sizes:
        print(sizes_table(sizes), flush=True)
    fits = [costs(same) for same in _by_dimension(sizes) if len(same) > 1]
    if fits:
        print(fits_table([asdict(fit) for fit in fits]))
    if given.json:
        found = {
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "hours": [asdict(hour) for hour in hours], "sizes": [asdict(size) for size in sizes],
            "fits": [asdict(fit) for fit in fits],
        }  # fmt: skip
        given.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def told(found: Sequence[T]) -> Sequence[T]:
    """The same, said at once: the next may take long."""
    for one in found:
        print(f"load average {os.getloadavg()[0]:.1f}: {one}", file=sys.stderr, flush=True)
    return found


def hours_table(hours: Sequence[Hour]) -> str:
    rows = [
        "points of an hour",
        "| video | profile | samples a second | a point for | frames | regions | tiles | faces | all | "
        "storyboard MB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for hour in hours:
        kinds = " | ".join(str(count) for count in hour.points.values())
        what = "every sample" if hour.every_sample else "what changes"
        rows.append(
            f"| {hour.video} | {hour.profile} | {hour.samples_per_second:g} | {what} | {kinds} "
            f"| {hour.all_points} | {hour.storyboard_bytes / 1e6:.1f} |"
        )
    return "\n".join([*rows, *dict.fromkeys(hour.note for hour in hours if hour.note), ""])


def sizes_table(sizes: Sequence[Size]) -> str:
    rows = [
        f"| numbers | points | disk MB | own MB | mapped MB | ready s | written a second | 1 vector, ms | "
        f"{SEVERAL} vectors, ms | processor ms | for {SEVERAL} |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    rows += [
        f"| {size.dimension} | {size.points} | {size.disk_bytes / 1e6:.0f} | {size.own_bytes / 1e6:.0f} "
        f"| {size.mapped_bytes / 1e6:.0f} | {size.opened_seconds} | {size.points_per_second:.0f} "
        f"| {size.one_ms} | {size.several_ms} | {size.one_processor_ms} | {size.several_processor_ms} |"
        for size in sizes
    ]
    return "\n".join([*rows, ""])


def fits_table(fits: Sequence[dict[str, Any]]) -> str:
    rows = ["| numbers | what | at 0 points | for a million more | largest error |", "|---|---|---|---|---|"]
    for fit in fits:
        for name, drawn in fit.items():
            if name == "dimension":
                continue
            unit, scale = ("ms", 1.0) if name.endswith("_ms") else ("MB", 1e6)
            rows.append(
                f"| {fit['dimension']} | {name.rpartition('_')[0]} {unit} | {drawn['start'] / scale:.1f} "
                f"| {drawn['slope'] * 1e6 / scale:.0f} | {drawn['worst']:.0%} |"
            )
    return "\n".join(rows)


def _by_dimension(sizes: Sequence[Size]) -> list[list[Size]]:
    return [list(same) for _, same in groupby(sizes, key=lambda size: size.dimension)]


if __name__ == "__main__":
    main()
