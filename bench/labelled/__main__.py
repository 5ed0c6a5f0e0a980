"""``python -m bench.labelled OUT --seed 0 --queries 240``: a labelled set for ``momentseek eval OUT``."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from bench.labelled.plan import plan
from bench.labelled.write import one_thread_each, write_set


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.labelled", description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for media, queries and truth.json")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another set (0)")
    parser.add_argument("--fold", type=int, choices=(0, 1), default=0,
                        help="which half of the photographs the library shows (0)")  # fmt: skip
    parser.add_argument("--queries", type=int, default=240, help="a third of them has no answer (240)")
    parser.add_argument("--seconds", type=float, default=420.0, help="of video (420)")
    parser.add_argument("--small", action="store_true", help="12 queries on 12 seconds, for a quick look")
    parser.add_argument("--workers", type=int, default=2, help="films drawn at the same time (2)")
    arguments = parser.parse_args()
    queries, seconds = (12, 12.0) if arguments.small else (arguments.queries, arguments.seconds)
    if queries < 3 or seconds < 12:
        parser.error(f"--queries {queries} --seconds {seconds:g}: give at least 3 queries and 12 seconds")
    started = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {what}", flush=True)

    one_thread_each()
    write_set(plan(arguments.seed, arguments.fold, seconds), arguments.out, queries, arguments.workers, say)


if __name__ == "__main__":
    main()
