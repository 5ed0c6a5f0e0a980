"""``python -m bench.quality SET``: what each part of a search is worth, on a labelled set.

Media of the set are indexed into a scratch library; --library keeps one, so that constants of search can be
changed and measured again without indexing. Needs the packaged models (profile offline).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.labelled.asking import negative_pictures
from bench.measures import Judged, calibration, group_figures
from bench.quality import negatives, report, times
from bench.quality.library import CATALOGUE, Library, index_media, opened
from bench.quality.variants import (
    ONE_ROUND,
    REFINED,
    SHIPPED,
    VARIANTS,
    Variant,
    compare,
    fixed_cosine,
    flat,
    judge,
    question,
)
from bench.sets import Asked, made_by, read_set
from core.settings import load
from index.store import Where

PARTS = ("variants", "negatives", "times")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.quality", description=__doc__)
    parser.add_argument("set", type=Path, metavar="SET", help="folder with media, queries and truth.json")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what is measured")
    parser.add_argument("--seed", type=int, help="of the set (truth.json says it)")
    parser.add_argument("--fold", type=int, choices=(0, 1), help="of the set (truth.json says it)")
    parser.add_argument("--negatives", type=int, default=1000, help="pictures without an answer (1000)")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 200_000],
                        help="points that a query is timed at (10000 200000)")  # fmt: skip
    parser.add_argument("--timed", type=int, default=20, help="queries of each form that are timed (20)")
    parser.add_argument("--refine", action="store_true", help="also with refine; it opens originals")
    parser.add_argument("--library", type=Path, metavar="DIR", help="keep the library here, and use it again")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings of ingest and search")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures here")
    given = parser.parse_args(arguments)
    made = made_by(given.set)
    seed = given.seed if given.seed is not None else made.get("seed")
    fold = given.fold if given.fold is not None else made.get("fold")
    if "negatives" in given.parts and (seed is None or fold is None):
        parser.error("this set does not say what it was made from: give --seed and --fold, or leave the part "
                     "'negatives' out")  # fmt: skip
    result = measure(given, seed, fold)
    print(report.text(result))
    if given.json:
        given.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def measure(given: argparse.Namespace, seed: int | None, fold: int | None) -> dict[str, Any]:
    asked, media = read_set(given.set), given.set / "media"
    with ExitStack() as closing:
        scratch = closing.enter_context(tempfile.TemporaryDirectory(prefix="momentseek-quality-"))
        folder = (given.library or Path(scratch)).absolute()
        if not (folder / CATALOGUE).is_file():
            _say(f"indexing {media}")
            index_media(media, folder, given.config)
        settings = load(given.config, {"data_dir": folder})
        library = closing.enter_context(opened(settings, media))
        scale = library.calibration.scale
        result: dict[str, Any] = {
            "set": str(given.set), "queries": len(asked), "points": library.store().count(Where()),
            "chance": [library.calibration.prior.centre, library.calibration.prior.deviation],
            "thresholds": [scale.low, scale.medium, scale.high],
            "load_average_before": os.getloadavg()[0],
        }  # fmt: skip
        if "variants" in given.parts:
            result |= measure_variants(library, asked, given.refine)
        if "negatives" in given.parts and seed is not None and fold is not None:
            _say(f"{given.negatives} pictures that are not in the library")
            pictures = negative_pictures(fold, given.negatives, seed)
            result["negatives"] = negatives.false_alarms(negatives.ask(library, pictures))
        if "times" in given.parts:
            result["times"] = measure_times(library, asked, given)
        return {**result, "load_average_after": os.getloadavg()[0]}


def measure_variants(library: Library, asked: Sequence[Asked], refine: bool) -> dict[str, Any]:
    _say(f"describing {len(asked)} queries")
    searcher = library.searcher()
    questions = [question(searcher, one) for one in asked]
    made: dict[str, tuple[Variant, list[Judged]]] = {}
    for variant in (*VARIANTS, *([REFINED] if refine else [])):
        _say(variant.name)
        made[variant.name] = variant, judge(library, variant, questions)
    _say("one cosine for all")
    fixed = fixed_cosine(library, questions, made[ONE_ROUND][1])
    made[fixed.name] = fixed, judge(library, fixed, questions)
    return {
        "variants": {
            name: {
                "how": variant.how, "beside": variant.beside, "queries": len(judged), "figures": flat(judged),
                "ece": calibration(judged).segments.expected_calibration_error,
                "compared": asdict(compare(judged, made[variant.beside][1])) if variant.beside else None,
                "groups": group_figures(judged),
            }
            for name, (variant, judged) in made.items()
        },
        "calibration": calibration(made[SHIPPED][1]).to_json(),
    }  # fmt: skip


def measure_times(library: Library, asked: Sequence[Asked], given: argparse.Namespace) -> dict[str, Any]:
    _say(f"timing at {given.sizes} points")
    before = os.getloadavg()[0]
    taken = times.time_sizes(library, asked, given.sizes, given.timed)
    if given.refine:
        _say("timing with refine")
        points = library.store().count(Where())
        taken += times.time_queries(library.searcher(), asked, points, given.timed, refine=True)
    return {
        "load_average_before": before, "load_average_after": os.getloadavg()[0],
        "taken": [asdict(one) for one in taken],
    }  # fmt: skip


_STARTED = time.monotonic()


def _say(what: str) -> None:
    print(f"{time.monotonic() - _STARTED:6.1f} s  {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
