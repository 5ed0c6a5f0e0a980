"""Queries against a small index made of real photographs with the real embedder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.errors import InvalidBox, InvalidRequest
from core.packaged import packaged_file
from core.pictures import read_picture
from core.types import Image, MediaType
from detect.detectors.salient import SalientRegions
from embed.embedders.mobilenet import MobileNetEmbedder
from index.stores.edge import EdgeStore
from ingest.analyze import Analyzer, to_points
from ingest.media import Sample
from search.chance import Calibration, Chance, Scale
from search.query import Example, Filters, Query, Reference
from search.searcher import Searcher

PHOTOGRAPHS = {
    name: packaged_file(package, relative)
    for name, package, relative in (
        ("coffee", "skimage", "data/coffee.png"),
        ("cat", "skimage", "data/chelsea.png"),
        ("china", "sklearn", "datasets/images/china.jpg"),
        ("flower", "sklearn", "datasets/images/flower.jpg"),
        ("rocket", "skimage", "data/rocket.jpg"),
        ("retina", "skimage", "data/retina.jpg"),
        ("motorcycle", "skimage", "data/motorcycle_left.png"),
        ("hopper", "matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    )
}
VIDEOS = {
    "reel": [("coffee", 4.0), ("cat", 3.0), ("china", 4.0)],
    "other": [("flower", 3.0), ("rocket", 3.0), ("coffee", 3.0), ("retina", 3.0)],
}
STILLS = ("coffee", "hopper")
CUP = (0.26, 0.05, 0.68, 0.77)


def view(name: str, zoom: float = 1.0, shift: float = 0.0, light: float = 1.0) -> Image:
    """A crop of a photograph: ``zoom`` above 1 comes closer, ``shift`` moves right by its share."""
    image = read_picture(PHOTOGRAPHS[name])
    height, width = image.shape[:2]
    w, h = int(width / zoom), int(height / zoom)
    x = min(max(int((width - w) / 2 + shift * width), 0), width - w)
    y = (height - h) // 2
    crop = cv2.resize(image[y : y + h, x : x + w], (480, int(480 * h / w)), interpolation=cv2.INTER_AREA)
    return np.clip(crop * light, 0, 255).astype(np.uint8)


class Library:
    """The index and what lies in it."""

    def __init__(self, data_dir: Path, model_dir: Path):
        self.embedder = MobileNetEmbedder(model_dir)
        self.store = EdgeStore(data_dir, "test", {"visual": self.embedder.dimension})
        self._analyzer = Analyzer(self.embedder, SalientRegions(), True, None)
        for name, shots in VIDEOS.items():
            self._add_video(name, shots)
        for name in STILLS:
            self._add(f"still-{name}", "image", [Sample(0.0, 0, view(name, 1.1, light=0.9))], 0.0)
        self.store.flush()

    def _add_video(self, name: str, shots: list[tuple[str, float]]) -> None:
        samples, start = [], 0.0
        for shot, (photograph, duration) in enumerate(shots):
            for step in range(int(duration * 2)):
                moved = view(photograph, 1.05 + 0.03 * step, shift=0.01 * step)
                samples.append(Sample(start + step / 2, shot, moved))
            start += duration
        self._add(name, "video", samples, start)

    def _add(self, media_id: str, media_type: MediaType, samples: list[Sample], end: float) -> None:
        frames = self._analyzer.analyze(samples)
        ends = [frame.sample.time_seconds for frame in frames[1:]] + [end]
        for frame, end_seconds in zip(frames, ends, strict=True):
            for points in to_points(frame, media_id, media_type, end_seconds):
                self.store.upsert(points)

    def open_frame(self, reference: Reference) -> Image:
        at = reference.at_seconds
        for photograph, duration in VIDEOS[reference.media_id]:
            if at < duration:
                return view(photograph, 1.05 + 0.03 * int(at * 2), shift=0.01 * int(at * 2))
            at -= duration
        raise AssertionError("past the end")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[Library]:
    made = Library(tmp_path_factory.mktemp("search"), model_dir)
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def searcher(library: Library) -> Searcher:
    calibration = Calibration(Chance(0.0, 0.1), Scale(4.0, 4.8, 6.3))
    return Searcher(library.store, library.embedder, calibration, None, str, library.open_frame)


def found(searcher: Searcher, query: Query) -> list[tuple[str, float, float]]:
    return [(one.media_id, one.start_seconds, one.end_seconds) for one in searcher.search(query).segments]


def test_a_picture_finds_its_stretches_and_its_still(searcher: Searcher) -> None:
    answer = searcher.search(Query.of(view("coffee", 1.2, light=1.1)))
    places = {
        (one.media_id, one.start_seconds, one.end_seconds)
        for one in answer.segments
        if one.confidence != "low"
    }
    assert places == {("reel", 0.0, 4.0), ("other", 6.0, 9.0), ("still-coffee", 0.0, 0.0)}
    assert answer.message.startswith("2 moments in 2 videos and 1 still")


def test_what_is_not_there_is_not_found(searcher: Searcher) -> None:
    answer = searcher.search(Query.of(view("motorcycle"), filters=Filters(min_confidence="medium")))
    assert answer.segments == ()
    assert answer.message == "Nothing in the library matches."


def test_a_box_finds_the_thing_and_says_where(searcher: Searcher) -> None:
    answer = searcher.search(Query.of(view("coffee", light=0.85), box_xyxy=CUP))
    assert {one.media_id for one in answer.segments[:3]} == {"reel", "other", "still-coffee"}
    best = answer.segments[0]
    assert best.evidence in ("region", "tile", "frame") and best.confidence == "high"


def test_stills_only_videos_only_one_media_only(searcher: Searcher) -> None:
    picture = view("coffee", 1.2)
    assert {
        one[0]
        for one in found(
            searcher, Query.of(picture, filters=Filters(media_type="image", min_confidence="medium"))
        )
    } == {"still-coffee"}
    assert {
        one[0]
        for one in found(
            searcher, Query.of(picture, filters=Filters(media_type="video", min_confidence="medium"))
        )
    } == {"reel", "other"}
    assert {
        one[0]
        for one in found(
            searcher, Query.of(picture, filters=Filters(media_ids=("other",), min_confidence="medium"))
        )
    } == {"other"}
    assert len(found(searcher, Query.of(picture, filters=Filters(limit=1)))) == 1


def test_a_label_that_nothing_has_finds_nothing(searcher: Searcher) -> None:
    assert found(searcher, Query.of(view("coffee"), filters=Filters(labels=("zebra",)))) == []


def test_a_moment_of_the_library_finds_the_others(searcher: Searcher) -> None:
    """The clicked stretch itself stays in the answer, carried by samples that are not next to the click."""
    answer = searcher.search(
        Query.of(reference=Reference("other", 7.0), filters=Filters(min_confidence="medium"))
    )
    assert ("reel", 0.0, 4.0) in [
        (one.media_id, one.start_seconds, one.end_seconds) for one in answer.segments
    ]
    assert "still-coffee" in {one.media_id for one in answer.segments}


def test_the_clicked_sample_is_no_evidence(library: Library) -> None:
    """Alone in its video, a clicked picture must not report itself as found."""
    calibration = Calibration(Chance(0.0, 0.1), Scale(4.0, 4.8, 6.3))
    alone = Searcher(
        library.store, library.embedder, calibration, None, str, lambda _: view("hopper", 1.1, light=0.9)
    )
    assert found(alone, Query.of(reference=Reference("still-hopper"))) == []
    assert [
        one[0]
        for one in found(alone, Query.of(view("hopper", 1.1), filters=Filters(min_confidence="medium")))
    ] == ["still-hopper"]


def test_the_same_question_has_the_same_answer(searcher: Searcher) -> None:
    query = Query.of(view("china", 1.3))
    assert searcher.search(query).segments == searcher.search(query).segments


@pytest.mark.parametrize(
    "box",
    [(0.5, 0.5, 0.5, 0.9), (0.6, 0.1, 0.4, 0.9), (-0.1, 0, 1, 1), (0, 0, 1.2, 1), (float("nan"), 0, 1, 1)],
)
def test_boxes_that_make_no_sense(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(InvalidBox):
        Query.of(view("cat"), box_xyxy=box)


def test_neither_or_both(searcher: Searcher) -> None:
    with pytest.raises(InvalidRequest, match="Give a picture"):
        Query()
    with pytest.raises(InvalidRequest, match="either a picture or a moment"):
        Query.of(view("cat"), reference=Reference("reel"))


def test_several_pictures_of_one_thing_and_what_is_not_meant(searcher: Searcher) -> None:
    medium = Filters(min_confidence="medium")
    coffee, flower = Example(view("coffee", 1.2)), Example(view("flower", 1.2))
    assert {one[0] for one in found(searcher, Query((coffee,), filters=medium))} == {
        "reel",
        "other",
        "still-coffee",
    }
    both = searcher.search(Query((coffee, flower), filters=medium))
    assert ("other", 0.0, 3.0) in [
        (one.media_id, one.start_seconds, one.end_seconds) for one in both.segments
    ]
    assert {one.media_id for one in both.segments} == {"reel", "other", "still-coffee"}
    without = found(searcher, Query((coffee, flower), unlike=(coffee,), filters=medium))
    assert without and all(one == ("other", 0.0, 3.0) for one in without)


def test_words_need_an_embedder_that_reads(searcher: Searcher) -> None:
    with pytest.raises(InvalidRequest, match="profile default"):
        searcher.search(Query(words="a cup of coffee"))


def test_limits_of_a_query() -> None:
    with pytest.raises(InvalidRequest, match="At most 10 pictures"):
        Query((Example(view("cat")),) * 11)
    with pytest.raises(InvalidRequest, match="weight"):
        Query((Example(view("cat")),), words="cat", words_weight=1.5)
    with pytest.raises(InvalidRequest, match="face"):
        Query((Example(view("cat")),), words="cat", mode="face")


def test_faces_where_there_are_none(searcher: Searcher) -> None:
    with pytest.raises(InvalidRequest, match="without faces"):
        searcher.search(Query.of(view("cat"), mode="face"))
