"""``python -m bench.load.joining``: what it is worth to describe pictures of several searches in one call.

Threads describe pictures as searches do, alone with the embedder and joined (embed/joined.py). The two take
turns in short slices, so that other users of the machine slow both alike.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.load.asking import BOX_XYXY
from bench.scenes import write_questions
from core.pictures import read_picture
from core.settings import load
from core.types import Image
from embed.embedder import Embedder
from embed.embedders.mobilenet import MobileNetEmbedder
from embed.joined import JoinedEmbedder
from search.describe import describe_object, describe_scene

Describe = Callable[[Embedder, Image], object]


@dataclass(frozen=True, slots=True)
class Slice:
    """Pictures described, and the processor seconds and seconds that took."""

    pictures: int
    processor_seconds: float
    seconds: float


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.load.joining", description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 8, 32], help="who ask at once (1 8 32)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a slice (2)")
    parser.add_argument("--rounds", type=int, default=8, help="slices of each (8)")
    given = parser.parse_args(arguments)
    settings = load()
    alone = MobileNetEmbedder(settings.model_dir, settings.embedder.precision)
    joined = JoinedEmbedder(alone)
    pictures = _pictures()
    ways: dict[str, Describe] = {"whole pictures": describe_scene, "boxes": _box}
    print("joined / alone, medians of the rounds and their range\n")
    print("| | threads | pictures a second | processor time a picture | load average |")
    print("|---|---|---|---|---|")
    for name, describe in ways.items():
        for threads in given.threads:
            slices: dict[Embedder, list[Slice]] = {alone: [], joined: []}
            for _ in range(given.rounds + 1):
                for embedder, own in slices.items():
                    own.append(_slice(describe, embedder, pictures, threads, given.seconds))
            speed = _ratios(slices[joined], slices[alone], lambda one: one.pictures / one.seconds)
            cost = _ratios(slices[joined], slices[alone], lambda one: one.processor_seconds / one.pictures)
            print(f"| {name} | {threads} | {speed} | {cost} | {os.getloadavg()[0]:.1f} |", flush=True)


def _pictures() -> list[Image]:
    """Of different sizes, as people send them."""
    with tempfile.TemporaryDirectory() as folder:
        return [read_picture(path) for _, path in write_questions(Path(folder))]


def _box(embedder: Embedder, image: Image) -> object:
    return describe_object(embedder, image, BOX_XYXY)


def _slice(
    describe: Describe, embedder: Embedder, pictures: Sequence[Image], threads: int, seconds: float
) -> Slice:
    """``threads`` describe one picture after the other for so long; what has begun is waited for."""
    counts = [0] * threads
    end = time.perf_counter() + seconds

    def work(number: int) -> None:
        while time.perf_counter() < end:
            describe(embedder, pictures[(number + counts[number]) % len(pictures)])
            counts[number] += 1

    began, processor = time.perf_counter(), time.process_time()
    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return Slice(sum(counts), time.process_time() - processor, time.perf_counter() - began)


def _ratios(ours: Sequence[Slice], others: Sequence[Slice], figure: Callable[[Slice], float]) -> str:
    """Median and range over the rounds after the first, which warms up."""
    ratios = [figure(one) / figure(other) for one, other in zip(ours[1:], others[1:], strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


if __name__ == "__main__":
    main()
