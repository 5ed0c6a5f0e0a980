"""``python -m bench.search``: how long a search takes by stage, without a server and through one, and how
much of what exact search finds is found.

Libraries of so many points are made-up copies of the demo's videos. Every question is asked for the first
time; what is asked again is measured apart. ``--startup`` measures how soon commands and server answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.load.__main__ import serving
from bench.load.asking import Question, run_phase
from bench.load.library import make_library
from bench.load.report import figures
from bench.quality.library import opened
from bench.search.asking import ask_one_by_one, new_questions
from bench.search.report import found_figures, http_figures, stages_figures, tables
from bench.search.stages import compare_with_exact, time_stages
from bench.search.startup import time_startup
from core.settings import load

_WARM_UP_QUESTIONS = 8


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("--points", type=int, nargs="+", default=[10_000, 100_000], metavar="N",
                        help="in the libraries, at least (10000 100000)")  # fmt: skip
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 8, 32], metavar="N",
                        help="who ask at once (1 8 32)")  # fmt: skip
    parser.add_argument("--questions", type=int, default=40, help="of each form, one by one (40)")
    parser.add_argument("--seconds", type=float, default=15.0, help="that many ask at once (15)")
    parser.add_argument("--compact", action="store_true", help="compact the libraries first")
    parser.add_argument("--library", type=Path, metavar="DIR",
                        help="keep the libraries here, a folder each, and use them again")  # fmt: skip
    parser.add_argument("--startup", action="store_true", help="measure how soon things start instead")
    parser.add_argument("--rounds", type=int, default=5, help="of --startup (5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures here")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="momentseek-search-") as scratch:
        folder = (given.library or Path(scratch)).absolute()
        if given.startup:
            make_library(folder / "demo", 0)
            result: dict[str, Any] = {"startup": time_startup(folder / "demo" / "data", given.rounds)}
        else:
            asked_in = Path(scratch) / "questions"
            sizes = [measure(folder / str(size), size, given, asked_in) for size in given.points]
            result = {"sizes": sizes}
    result["load_average_after"] = os.getloadavg()[0]
    print(tables(result))
    if given.json:
        given.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def measure(folder: Path, size: int, given: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    _say(f"making a library of {size} points")
    result: dict[str, Any] = {"points": make_library(folder, size)}
    result["load_before"] = round(os.getloadavg()[0], 1)
    if given.compact:
        started = time.perf_counter()
        command = str(Path(sys.executable).with_name("momentseek"))
        subprocess.run([command, "index", "compact", "--data-dir", str(folder / "data")], check=True)
        result["compact_seconds"] = round(time.perf_counter() - started, 1)
    first = 0

    def fresh(count: int) -> list[Question]:
        nonlocal first
        first += count
        return new_questions(scratch, count, first - count)

    with opened(load(None, {"data_dir": folder / "data"}), folder / "media") as library:
        _say("without a server")
        time_stages(library, fresh(_WARM_UP_QUESTIONS))
        stages = time_stages(library, fresh(given.questions))
        result["embedded"] = {form: stages_figures(own) for form, own in stages.items()}
        _say("beside exact search")
        result["recall"] = found_figures(compare_with_exact(library, fresh(given.questions // 2)))
    with serving(folder / "data") as (url, _):
        _say("through HTTP")
        ask_one_by_one(url, fresh(_WARM_UP_QUESTIONS))
        asked = fresh(given.questions)
        result["http"] = {form: http_figures(own) for form, own in ask_one_by_one(url, asked).items()}
        again = ask_one_by_one(url, asked)
        result["http"] |= {f"{form}, again": http_figures(own) for form, own in again.items()}
        result["concurrency"] = {}
        for searchers in given.concurrency:
            _say(f"{searchers} at once")
            # More than can be asked meanwhile, so that none comes twice.
            seen = asyncio.run(run_phase(url, fresh(int(given.seconds * 30)), searchers, given.seconds, None))
            result["concurrency"][searchers] = figures(seen)
    result["load_after"] = round(os.getloadavg()[0], 1)
    return result


def _say(what: str) -> None:
    print(f"{what} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
