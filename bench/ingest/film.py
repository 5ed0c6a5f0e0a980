"""The video that is measured on: shots by a camera that moves and by one that stands, as x264 writes them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from bench.camera import Reel, Shot, View
from core.types import Image

FPS = Fraction(30)
SIZE_WH = (1920, 1080)
_NOISE = 2.0
"""Deviation of a sensor's noise in grey levels: without it a standing camera would cost a decoder nothing."""
_NOISES = 16

_PLACES = ("coffee", "astronaut", "motorcycle", "grace_hopper", "china", "chelsea", "rocket", "flower")


def film(seconds: float) -> Reel:
    """Shots of five seconds or so; the camera moves in every other one."""
    count = max(1, round(seconds / 5))
    return Reel("film.mp4", FPS, SIZE_WH, tuple(_shot(number, seconds / count) for number in range(count)))


def _shot(number: int, seconds: float) -> Shot:
    place = _PLACES[number % len(_PLACES)]
    if number % 2:
        return Shot(place, seconds, View(0.5, 0.5, 1.1), View(0.5, 0.5, 1.1))
    return Shot(place, seconds, View(0.35, 0.45, 1.6), View(0.65, 0.55, 1.3), shake=0.01)


def write_film(path: Path, seconds: float) -> None:
    """H.264 with x264's own GOP: keyframes at cuts and every 250 frames, three B-frames, one of them referred
    to. A file that is there is left as it is."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    with av.open(str(draft), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "medium", "crf": "23"})
        stream.width, stream.height = SIZE_WH
        stream.pix_fmt = "yuv420p"
        for picture in _noisy(film(seconds)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    draft.replace(path)


def _noisy(reel: Reel) -> Iterator[Image]:
    rng = np.random.default_rng(0)
    noises = [
        np.rint(rng.normal(0, _NOISE, (SIZE_WH[1], SIZE_WH[0], 1))).astype(np.int16) for _ in range(_NOISES)
    ]
    for number, picture in enumerate(reel.frames()):
        noise = np.roll(noises[number % _NOISES], number * 37, axis=1)
        yield np.clip(np.asarray(picture, np.int16) + noise, 0, 255).astype(np.uint8)


def loop(path: Path, out: Path, seconds: float) -> None:
    """The video of ``path`` again and again, packet by packet and without encoding, until ``seconds`` long.

    Timestamps go on from repetition to repetition, so it is one film for whoever reads it.
    """
    with av.open(str(path)) as source, av.open(str(out), "w") as target:
        stream = source.streams.video[0]
        copied = target.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.dts is not None]
        length = max(int(packet.pts or 0) + int(packet.duration or 0) for packet in packets)
        length -= min(int(packet.pts or 0) for packet in packets)
        data = [(bytes(p), p.pts, p.dts, p.duration, p.is_keyframe, p.time_base) for p in packets]
        turns = max(1, round(seconds / float(length * data[0][5])))
        for turn in range(turns):
            for content, pts, dts, duration, key, base in data:
                packet = av.Packet(content)
                packet.pts, packet.dts = int(pts or 0) + turn * length, int(dts or 0) + turn * length
                packet.duration, packet.time_base, packet.stream = duration, base, copied
                packet.is_keyframe = key
                target.mux(packet)


def duration_seconds(path: Path) -> float:
    with av.open(str(path)) as container:
        return float((container.duration or 0) / av.time_base)
