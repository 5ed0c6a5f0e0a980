"""Look at a set: ``python -m bench.labelled.sheet SET OUT`` draws media.png and queries.png into OUT.

The frames come out of the encoded files and the boxes out of truth.json, so what is wrong shows.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from core.pictures import read_picture
from core.types import Image

_CELL_WH = (320, 200)
_COLUMNS = 6
_FRAMES_PER_FILM = 6
_QUERIES = 96


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.labelled.sheet", description=__doc__)
    parser.add_argument("set", type=Path, metavar="SET", help="folder with media, queries and truth.json")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for the two pictures")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    truth = json.loads((arguments.set / "truth.json").read_text("utf-8"))
    _save(arguments.out / "media.png", _media_cells(arguments.set, truth))
    _save(arguments.out / "queries.png", _query_cells(arguments.set, truth))


def _media_cells(folder: Path, truth: dict[str, Any]) -> Iterator[Image]:
    marks: dict[str, dict[float, dict[str, list[float]]]] = {}
    for query in truth["queries"]:
        for segment in query["segments"]:
            for key in segment["boxes"]:
                at = marks.setdefault(segment["media"], {}).setdefault(key["time"], {})
                at[query["name"]] = key["box_xyxy"]
    for film in truth["reels"]:
        times = sorted(marks.get(film, {}))
        wanted = times[:: max(1, len(times) // _FRAMES_PER_FILM)][:_FRAMES_PER_FILM]
        for seconds, frame in _frames_at(folder / "media" / film, wanted):
            yield _cell(frame, marks[film][seconds], f"{film} {seconds:.2f}")
    for still in sorted((folder / "media").glob("still_*"))[: 2 * _COLUMNS]:
        yield _cell(read_picture(still), {}, still.name)


def _query_cells(folder: Path, truth: dict[str, Any]) -> Iterator[Image]:
    queries = truth["queries"]
    for query in queries[:: max(1, len(queries) // _QUERIES)]:
        box = {"": query["box_xyxy"]} if query["box_xyxy"] else {}
        group = query["group"]
        words = f"{query['id']} {group['asks']} {group['size'] or ''} {len(query['segments'])}"
        yield _cell(read_picture(folder / query["image"]), box, words)


def _frames_at(path: Path, wanted: list[float]) -> Iterator[tuple[float, Image]]:
    """The frames shown at those times, in order."""
    left = list(wanted)
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if frame.pts is None or frame.time_base is None:
                raise ValueError(f"a frame of {path.name} has no time; write the set again")
            end = float((frame.pts + frame.duration) * frame.time_base)
            while left and left[0] < end:
                yield left.pop(0), np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            if not left:
                return


def _cell(image: Image, boxes: dict[str, list[float]], words: str) -> Image:
    wide, tall = _CELL_WH
    scale = min(wide / image.shape[1], (tall - 14) / image.shape[0])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    cell = np.full((tall, wide, 3), 24, np.uint8)
    cell[14 : 14 + small.shape[0], : small.shape[1]] = small
    for name, box in boxes.items():
        x1, x2 = (round(value * small.shape[1]) for value in box[::2])
        y1, y2 = (14 + round(value * small.shape[0]) for value in box[1::2])
        cv2.rectangle(cell, (x1, y1), (x2, y2), (0, 255, 0), 1)
        cv2.putText(cell, name, (x1, max(22, y1 - 2)), cv2.FONT_HERSHEY_SIMPLEX, 0.32, (0, 255, 0), 1)
    cv2.putText(cell, words, (2, 10), cv2.FONT_HERSHEY_SIMPLEX, 0.33, (255, 255, 255), 1)
    return cell


def _save(path: Path, cells: Iterator[Image]) -> None:
    made = list(cells)
    blank = np.full((_CELL_WH[1], _CELL_WH[0], 3), 24, np.uint8)
    made += [blank] * (-len(made) % _COLUMNS)
    rows = [np.hstack(made[start : start + _COLUMNS]) for start in range(0, len(made), _COLUMNS)]
    cv2.imwrite(str(path), np.vstack(rows)[:, :, ::-1])


if __name__ == "__main__":
    main()
