"""``python -m bench.load``: many who search at once on a real server, alone and while videos are indexed.

A library of made-up copies of the demo's videos is served by ``momentseek serve``, with the packaged models.
Every searcher asks as soon as it has its answer, with real pictures, whole and with a box.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench.load.asking import Question, questions, run_phase
from bench.load.library import make_library
from bench.load.report import figures, table
from index.stores.edge import EdgeStore

_WARM_UP_SECONDS = 3.0


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--searchers", type=int, default=50, help="who ask at once (50)")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each phase (60)")
    parser.add_argument("--points", type=int, default=100_000, help="in the library, at least (100000)")
    parser.add_argument("--ingest", type=Path, metavar="FILE", help="video to index meanwhile (a demo's)")
    parser.add_argument("--library", type=Path, metavar="DIR", help="keep the library here, and use it again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures here")
    given = parser.parse_args(arguments)
    with ExitStack() as closing:
        scratch = closing.enter_context(tempfile.TemporaryDirectory(prefix="momentseek-load-"))
        folder = (given.library or Path(scratch)).absolute()
        _say(f"making a library of {given.points} points")
        points = make_library(folder, given.points)
        asked = questions(Path(scratch) / "questions")
        film = given.ingest or folder / "media" / "morning.mp4"
        with serving(folder / "data") as (url, pid):
            processes = [pid, EdgeStore.owner(folder / "data") or pid]
            result = asyncio.run(measure(url, processes, asked, given.searchers, given.seconds, film))
    result["points"] = points
    print(table(result))
    if given.json:
        given.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


async def measure(
    url: str, processes: Sequence[int], asked: Sequence[Question], searchers: int, seconds: float, film: Path
) -> dict[str, Any]:
    """``processes`` are those of the server and of the store."""
    await run_phase(url, asked, searchers, _WARM_UP_SECONDS, None)
    phases = {}
    for name, added in (("nothing else", None), ("while videos are indexed", film)):
        _say(name)
        before, processor = os.getloadavg()[0], sum(map(processor_seconds, processes))
        seen = await run_phase(url, asked, searchers, seconds, added)
        processor = sum(map(processor_seconds, processes)) - processor
        phases[name] = {
            **figures(seen), "processor_seconds": round(processor, 2),
            "load_before": round(before, 1), "load_after": round(os.getloadavg()[0], 1),
        }  # fmt: skip
    return {"searchers": searchers, "seconds": seconds, "phases": phases}


@contextmanager
def serving(data_dir: Path, environment: Mapping[str, str] | None = None) -> Iterator[tuple[str, int]]:
    """The address of a server in a process of its own, which ends with the block; and the process."""
    command = str(Path(sys.executable).with_name("momentseek"))
    process = subprocess.Popen(
        [command, "serve", "--port", "0", "--data-dir", str(data_dir)], text=True, stdout=subprocess.PIPE,
        env=environment,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        found = re.search(r"at (http://\S+)", first)
        if found is None:
            raise SystemExit(f"the server did not start: {first}")
        yield found.group(1), process.pid
    finally:
        process.terminate()
        process.wait(30)


def processor_seconds(pid: int) -> float:
    """Taken so far by a process with its threads, without its children; 0 where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _say(what: str) -> None:
    print(f"{what} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
