"""``make bench``: how fast momentseek is on this machine, part by part and as a whole: a quarter of an hour.

Every figure stands beside another of the same run: other users of the machine then slow both alike. Tables
are printed; figures (JSON) and charts (SVG) are kept in a folder. ``make bench ARGS="ingest --profile
default"`` runs one alone, with its own options: parts, ingest, files, memory, search, startup, charts.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import charts, parts
from bench.ingest.__main__ import main as ingest
from bench.search.__main__ import main as search


def files(arguments: Sequence[str] | None = None) -> None:
    ingest(["--files", *(arguments or ())])


def memory(arguments: Sequence[str] | None = None) -> None:
    ingest(["--memory", *(arguments or ())])


def startup(arguments: Sequence[str] | None = None) -> None:
    search(["--startup", *(arguments or ())])


BENCHES: dict[str, Callable[[Sequence[str]], None]] = {
    "parts": parts.main, "ingest": ingest, "files": files, "memory": memory, "search": search,
    "startup": startup, "charts": charts.main,
}  # fmt: skip


def everything(folder: Path) -> None:
    """All of them, one after the other: beside one another they would measure each other."""
    folder.mkdir(parents=True, exist_ok=True)
    _title("Each part")
    parts.main([])
    _title("Ingest")
    ingest(["--rounds", "2", "--json", str(folder / "ingest-offline.json")])
    _title("Several files at once")
    files(["--stills", "30", "--at-once", "1", "2", "--json", str(folder / "files-offline.json")])
    _title("Memory of ingest")
    memory(["--rate", "0.5", "--lengths", "10", "60", "600", "--json", str(folder / "memory-offline.json")])
    _title("Search")
    search(["--points", "10000", "100000", "--compact", "--json", str(folder / "search.json")])
    _title("Start")
    startup(["--json", str(folder / "startup.json")])
    charts.main([str(folder), str(folder)])


def _title(text: str) -> None:
    print(f"\n## {text}\n", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in BENCHES:
        BENCHES[given[0]](given[1:])
        return
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("bench-results"), metavar="FOLDER",
                        help="for figures and charts (bench-results)")  # fmt: skip
    everything(parser.parse_args(given).out)


if __name__ == "__main__":
    main()
