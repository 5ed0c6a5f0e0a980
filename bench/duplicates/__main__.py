"""``python -m bench.duplicates OUT [VIDEO...]``: make the material, look for duplicates, print the table."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from bench.duplicates.material import File, Part, sources, write_all
from bench.quality.library import index_media

_RIGHT_SECONDS = 0.25
"""How far a stretch's partner may be off in time."""


@dataclass(frozen=True, slots=True)
class Found:
    """A member of a group, by file name."""

    media: str
    start_seconds: float
    end_seconds: float


def main(out: Path, videos: list[Path]) -> None:
    files = write_all(sources(videos), out / "media")
    print(f"{len(files)} files", flush=True)
    index_media(out / "media", out / "data", None)
    began = time.monotonic()
    pairs = [pair for group in ask(out / "data") for pair in combinations(group, 2)]
    took = time.monotonic() - began
    report(files, [(one, other) for one, other in pairs if one.media != other.media])
    print(f"\n{took:.0f} s")


def ask(data_dir: Path) -> list[list[Found]]:
    """What ``momentseek duplicates`` says."""
    command = [str(Path(sys.executable).with_name("momentseek")), "duplicates", "--json"]
    done = subprocess.run([*command, "--data-dir", str(data_dir)], check=True, stdout=subprocess.PIPE)
    return [
        [Found(one["media"], one["start_seconds"], one["end_seconds"]) for one in group["members"]]
        for group in json.loads(done.stdout)
    ]


def report(files: list[File], pairs: list[tuple[Found, Found]]) -> None:
    """Recall by how the copy was made (of pairs with the original), and precision of all that was found."""
    by_name = {file.path.name: file for file in files}
    right = [pair for pair in pairs if _is_right(by_name, *pair)]
    met = {frozenset((one.media, other.media)) for one, other in right}
    wanted: Counter[str] = Counter()
    found: Counter[str] = Counter()
    far = 0
    for one, other in combinations(files, 2):
        if not any(_shared(a, b) >= 2 for a in one.parts for b in other.parts):
            far += 1
            continue
        rows = ["all pairs"]
        if "original" in (one.how, other.how):
            rows.append(other.how if one.how == "original" else one.how)
        for row in rows:
            wanted[row] += 1
            found[row] += frozenset((one.path.name, other.path.name)) in met
    print("\n| copy | pairs | found |\n|---|---|---|")
    for row in wanted:
        print(f"| {row} | {wanted[row]} | {found[row]} |")
    print(f"\nfound {len(pairs)} stretches, right {len(right)}; pairs of files that share nothing: {far}")
    for pair in pairs:
        if pair not in right:
            print("wrong:", *pair)
    errors = sorted(_end_errors(by_name, right))
    if errors:
        middle, most = errors[len(errors) // 2], errors[int(len(errors) * 0.9)]
        print(f"error of starts and ends: median {middle:.2f} s, 90 % within {most:.2f} s")


def _is_right(by_name: dict[str, File], one: Found, other: Found) -> bool:
    first, second = (_at(by_name[found.media], found) for found in (one, other))
    return (
        first is not None and second is not None and first[0] == second[0]
        and abs(first[1] - second[1]) <= _RIGHT_SECONDS
    )  # fmt: skip


def _at(file: File, stretch: Found) -> tuple[str, float] | None:
    """What the file shows in the middle of the stretch: source and second."""
    middle = (stretch.start_seconds + stretch.end_seconds) / 2
    for part in file.parts:
        if part.start <= middle < part.end:
            return part.source, middle - part.start + part.source_start
    return None


def _shared(one: Part, other: Part) -> float:
    if one.source != other.source:
        return 0.0
    start = max(one.source_start, other.source_start)
    ends = [part.source_start + part.end - part.start for part in (one, other)]
    return min(ends) - start


def _end_errors(by_name: dict[str, File], pairs: list[tuple[Found, Found]]) -> list[float]:
    errors = []
    for found, other in pairs:
        own, theirs = by_name[found.media].parts[0], by_name[other.media].parts[0]
        start = max(own.source_start, theirs.source_start) - own.source_start + own.start
        errors += [abs(found.start_seconds - start)]
        errors += [abs(found.end_seconds - start - _shared(own, theirs))]
    return errors


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
