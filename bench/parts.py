"""``python -m bench parts``: what each part costs on this machine, on the demo's own videos.

The parts take turns, several rounds, and the medians are shown: other users of the machine then slow all of
them alike. ``--video FILE`` measures on a video of yours.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np

from bench.camera import write_reel
from bench.scenes import REELS
from core.boxes import WHOLE, Boxes
from core.settings import load
from core.types import Image
from detect.detectors.dlib_faces import DlibFaceDetector
from detect.detectors.salient import SalientRegions
from embed.embedders.mobilenet import MobileNetEmbedder
from ingest.decode import Decoder
from ingest.media import Sample

Part = tuple[str, Callable[[], object], float, str]
"""Name, what to run, how many units that is, and the unit."""


def decode_alone(video: Path) -> int:
    """Every frame, nothing done with it: what no ingest can be faster than."""
    with av.open(str(video)) as container:
        container.streams.video[0].thread_type = "AUTO"
        return sum(1 for _ in container.decode(video=0))


def samples_of(video: Path, decoder: Decoder) -> list[Image]:
    return [item.image for item in decoder.read(video) if isinstance(item, Sample)]


def parts_on(
    video: Path, decoder: Decoder, embedder: MobileNetEmbedder, faces: DlibFaceDetector
) -> list[Part]:
    pictures = samples_of(video, decoder)[:16]
    salient = SalientRegions()
    encodings = embedder.encode(pictures)
    saliency = [encoding.saliency for encoding in encodings]
    regions = salient.detect(pictures, saliency)
    whole: Boxes = np.array([WHOLE], np.float32)
    boxes = [np.concatenate([whole, found.box_xyxy]) for found in regions]
    seconds, n = _duration_seconds(video), len(pictures)
    return [
        ("decode alone", lambda: decode_alone(video), seconds, "s of video"),
        ("decode, find cuts, sample", lambda: samples_of(video, decoder), seconds, "s of video"),
        ("embed", lambda: embedder.encode(pictures), n, "frame"),
        ("salient regions", lambda: salient.detect(pictures, saliency), n, "frame"),
        ("vectors of regions", lambda: embedder.describe(encodings, boxes), sum(map(len, boxes)), "region"),
        ("find faces", lambda: [faces.detect(picture) for picture in pictures[:4]], min(n, 4), "frame"),
    ]


def measure(parts: Sequence[Part], rounds: int) -> dict[str, float]:
    """Median seconds of each part; one round is thrown away to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name, *_ in parts}
    for _ in range(rounds + 1):
        for name, run, *_ in parts:
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(taken[1:]) for name, taken in seconds.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench parts", description=__doc__)
    parser.add_argument("--video", type=Path, help="measure on this video (default: one of the demo's)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count (default: 3)")
    given = parser.parse_args(arguments)
    settings = load()
    with tempfile.TemporaryDirectory() as folder, Decoder(settings.decode, settings.ingest) as decoder:
        video = given.video or Path(folder) / REELS[0].name
        if given.video is None:
            write_reel(REELS[0], video)
        embedder = MobileNetEmbedder(settings.model_dir, settings.embedder.precision)
        parts = parts_on(video, decoder, embedder, DlibFaceDetector(settings.ingest.max_side_px))
        print(f"{video.name}: {_duration_seconds(video):.1f} s of video; medians of {given.rounds} rounds")
        taken = measure(parts, given.rounds)
    for name, _, units, unit in parts:
        print(f"{name:28}{taken[name] * 1000:9.1f} ms{taken[name] / units * 1000:9.2f} ms per {unit}")


def _duration_seconds(video: Path) -> float:
    with av.open(str(video)) as container:
        return float((container.duration or 0) / av.time_base)


if __name__ == "__main__":
    main()
