"""A plan as files: media, queries and truth.json, in the form that ``momentseek eval`` reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av
import cv2
from PIL import Image as Pillow

from bench.labelled.asking import Asked, Picture, asked, picture_of
from bench.labelled.film import Film, shown
from bench.labelled.plan import Plan, Still
from bench.labelled.truth import Seen, Sight, truth

Progress = Callable[[str], None]


def write_set(plan: Plan, folder: Path, queries: int, workers: int = 2, progress: Progress = print) -> None:
    """Write the whole set; files of the same names are replaced. The same plan gives the same stills,
    queries and truth byte for byte and, with the same encoder, the same videos."""
    for name in ("media", "queries"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    seen = truth(plan)
    asking = asked(plan, seen, queries)
    for still in plan.stills:
        write_still(still, folder / "media")
    progress(f"{len(plan.stills)} stills")
    boxes = {}
    for query in asking:
        picture = picture_of(query, plan)
        boxes[query.id] = picture.box_xyxy
        _save(picture, folder / "queries" / f"{query.id}.jpg")
    progress(f"{len(asking)} queries, {sum(not query.seen.sights for query in asking)} without an answer")
    content = json.dumps(as_truth(plan, asking, seen, boxes), indent=1)
    (folder / "truth.json").write_text(content + "\n", "utf-8")
    with ThreadPoolExecutor(workers) as pool:
        for path in pool.map(lambda film: write_film(film, folder / "media"), plan.films):
            progress(f"{path.name}, {path.stat().st_size / 1e6:.1f} MB")


def write_still(still: Still, folder: Path) -> Path:
    image = shown(still.take, 0.5, still.size_wh)
    path = folder / still.name
    Pillow.fromarray(image).save(path, quality=still.quality)
    return path


def write_film(film: Film, folder: Path) -> Path:
    """H.264 in MP4 on one thread: x264 gives the same bytes again. A file that is there is complete."""
    path = folder / film.name
    unfinished = path.with_suffix(".part")
    options = {"preset": "superfast", "crf": str(film.crf), "threads": "1"}
    with av.open(str(unfinished), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=film.fps, options=options)
        stream.width, stream.height = film.size_wh
        stream.pix_fmt = "yuv420p"
        for image in film.frames():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    unfinished.replace(path)
    return path


def as_truth(
    plan: Plan, asking: list[Asked], seen: dict[str, Seen], boxes: dict[str, Any]
) -> dict[str, Any]:
    """The content of truth.json."""
    return {
        "made_by": {"seed": plan.seed, "fold": plan.fold, "material": asdict(plan.material)},
        "reels": {film.name: _clips(film) for film in plan.films},
        "queries": [
            {
                "id": query.id, "image": f"queries/{query.id}.jpg", "box_xyxy": boxes[query.id],
                "segments": [_segment(sight) for sight in query.seen.sights],
                "stills": list(query.seen.stills),
                "ignore": [
                    _segment(sight)
                    for sights in (query.seen.unsure, *(seen[name].sights for name in query.ignore))
                    for sight in sights
                ],
                "name": query.name,
                "group": {
                    "asks": query.kind if query.seen.sights else "nothing", "kind": query.kind,
                    "size": query.size, "lookalike": query.lookalike,
                    "held_out": query.held_out, "whitening_saw": query.whitening_saw,
                },
                "share": round(query.seen.size, 4) if query.seen.sights else None,
            }
            for query in asking
        ],
    }  # fmt: skip


def _clips(film: Film) -> list[dict[str, Any]]:
    return [
        {
            "clip": take.camera.photograph,
            "start": float(stretch.first / film.fps),
            "end": float(stretch.stop / film.fps),
            "items": [item.name for item in take.items],
        }
        for take, stretch in film.placed()
    ]


def _segment(sight: Sight) -> dict[str, Any]:
    return {
        "media": sight.media, "start": sight.start_seconds, "end": sight.end_seconds,
        "boxes": [{"time": seconds, "box_xyxy": list(box)} for seconds, box in sight.boxes],
    }  # fmt: skip


def _save(picture: Picture, path: Path) -> None:
    Pillow.fromarray(picture.image).save(path, quality=picture.quality)


def one_thread_each() -> None:
    """OpenCV would otherwise start a thread per core in each of our own threads."""
    cv2.setNumThreads(1)
