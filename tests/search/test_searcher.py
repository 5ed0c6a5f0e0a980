"""Queries against a small index made of real photographs with the real embedder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.answer import Answer, Segment
from core.boxes import area
from core.errors import InvalidBox, InvalidRequest, QueryForgotten
from core.packaged import packaged_file
from core.pictures import read_picture
from core.types import Image, MediaType
from detect.detectors.salient import SalientRegions
from embed.embedders.mobilenet import MobileNetEmbedder
from index.media_filter import MediaFilter, Range
from index.store import Where
from index.stores.edge import EdgeStore
from ingest.analyze import Analyzer, to_points
from ingest.media import Sample
from search import evidence
from search.chance import Calibration, Chance, Scale
from search.describe import MARGINS, Describer, describe_object, describe_scene
from search.memory import page_token
from search.query import Example, Filters, Query, Reference, Sort
from search.searcher import Line, Searcher

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


def no_names(media_ids: Sequence[str]) -> dict[str, str]:
    """Files go by their ids here."""
    return {}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[Library]:
    made = Library(tmp_path_factory.mktemp("search"), model_dir)
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def searcher(library: Library) -> Searcher:
    calibration = Calibration(Chance(0.143, 0.12), Scale(3.2, 3.8, 4.5), measured=True)
    return Searcher(library.store, library.embedder, calibration, None, no_names, library.open_frame)


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


def test_only_a_stretch_of_every_video(searcher: Searcher) -> None:
    """Coffee is in reel [0, 4) and other [6, 9): what reaches beyond the stretch ends with it."""
    picture = view("coffee", 1.2, light=1.1)

    def within(start: float | None, end: float | None) -> set[tuple[str, float, float]]:
        filters = Filters(min_confidence="medium", from_seconds=start, to_seconds=end)
        return set(found(searcher, Query.of(picture, filters=filters)))

    assert within(None, 2.25) == {("reel", 0.0, 2.25)}
    assert within(1.3, 7.1) == {("reel", 1.3, 4.0), ("other", 6.0, 7.1)}
    assert within(1.3, 2.1) == {("reel", 1.3, 2.1)}
    assert within(7.0, None) == {("other", 7.0, 9.0)}
    assert within(4.0, 6.0) == set() == within(1000.0, None)
    assert within(0.0, None) == {("reel", 0.0, 4.0), ("other", 6.0, 9.0)}, "a still has no times"


def test_what_a_stretch_cuts_stays_in_it(searcher: Searcher) -> None:
    filters = Filters(from_seconds=1.3, to_seconds=7.1, media_ids=("reel", "other"))
    answer = searcher.search(Query.of(view("coffee"), box_xyxy=CUP, filters=filters))
    assert answer.segments
    for one in answer.segments:
        assert 1.3 <= one.start_seconds <= one.best_seconds < one.end_seconds <= 7.1
        assert all(one.start_seconds <= at.seconds < one.end_seconds for at in one.path)
    curve = searcher.curve(answer.query_id, "reel")
    assert curve.best.start_seconds.min() == 1.3 and curve.best.end_seconds.max() == 7.1


def test_a_vector_is_asked_for_once(library: Library) -> None:
    """Round a box that reaches the edges, larger margins and the close-up are the same picture again."""
    picture = view("coffee")
    assert len(describe_object(library.embedder, picture, (0.4, 0.45, 0.55, 0.6))) == 2 * len(MARGINS)
    whole = describe_object(library.embedder, picture, (0.0, 0.0, 1.0, 1.0))
    assert whole.shape == (1, library.embedder.dimension)
    assert np.allclose(whole, describe_scene(library.embedder, picture))
    assert len(describe_object(library.embedder, picture, (0.3, 0.3, 0.7, 0.7))) == len(MARGINS)


def test_a_curve_of_more_points_than_the_second_look_asks_for_first(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    calibration = Calibration(Chance(0.143, 0.12), Scale(3.2, 3.8, 4.5), measured=True)
    query = Query.of(view("coffee", 1.2, light=1.1))

    def answered(first: int, second: tuple[int, ...]) -> tuple[Segment, ...]:
        monkeypatch.setattr(evidence, "_FIRST_LOOK", first)
        monkeypatch.setattr(evidence, "_SECOND_LOOK", second)
        own = Searcher(library.store, library.embedder, calibration, None, no_names, library.open_frame)
        return own.search(query).segments

    whole = answered(1000, (3000, 20_000))
    assert whole and answered(40, (5, 20_000)) == whole
    assert answered(40, (5,)) != whole, "the first of these looks is too short here"


def test_a_least_score(searcher: Searcher) -> None:
    picture = view("coffee", 1.2, light=1.1)
    scores = [one.score for one in searcher.search(Query.of(picture)).segments]
    assert len(scores) >= 3 and scores[0] > scores[-1]
    for least in (0.0, scores[-1], scores[1], scores[0]):
        kept = searcher.search(Query.of(picture, filters=Filters(min_score=least))).segments
        assert [one.score for one in kept] == [score for score in scores if score >= least]
    assert not searcher.search(Query.of(view("motorcycle"), filters=Filters(min_score=99))).segments


def test_media_as_the_catalogue_knows_them(library: Library) -> None:
    """What fits is asked of the catalogue for each question; nothing that fits is an answer."""
    known = {"reel": 1000, "other": 2000, "still-coffee": 3000, "still-hopper": 4000}
    asked: list[MediaFilter] = []

    def fitting(wanted: MediaFilter) -> list[str]:
        asked.append(wanted)
        return [media_id for media_id, size in known.items() if size >= (wanted.size_bytes.least or 0)]

    calibration = Calibration(Chance(0.143, 0.12), Scale(3.2, 3.8, 4.5), measured=True)
    own = Searcher(
        library.store, library.embedder, calibration, None, no_names, library.open_frame, media_where=fitting
    )

    def media(least_bytes: float, **others: Any) -> set[str]:
        filters = Filters(
            min_confidence="medium", media=MediaFilter(size_bytes=Range(least_bytes)), **others
        )
        return {one[0] for one in found(own, Query.of(view("coffee", 1.2), filters=filters))}

    assert media(2000) == {"other", "still-coffee"}
    assert media(2000, media_ids=("reel", "other")) == {"other"}
    assert media(2000, media_type="image") == {"still-coffee"}
    assert len(asked) == 3
    nothing = own.search(Query.of(view("coffee"), filters=Filters(media=MediaFilter(size_bytes=Range(5000)))))
    assert (nothing.segments, nothing.message) == ((), "Nothing in the library matches.")
    assert nothing.query_id and own.everything(nothing.query_id) == ()
    assert media(2000, media_ids=("reel",)) == set()
    # Feedback asks again: what has come to fit since is found.
    known["still-coffee"] = 9000
    again = own.search_again(nothing.query_id, [Example(image=view("coffee", 1.2))], [])
    assert {one.media_id for one in again.segments} == {"still-coffee"}


@pytest.mark.parametrize(("given", "said"), [
    ({"from_seconds": 5.0, "to_seconds": 5.0}, "from 5 to 5"),
    ({"from_seconds": -1.0}, "times begin at 0"),
    ({"to_seconds": 0.0}, "from 0 to 0"),
    ({"from_seconds": float("nan")}, "nan"),
    ({"from_seconds": 1.0, "media_type": "image"}, "Stills have no times"),
    ({"min_score": 101.0}, "0 to 100"),
    ({"min_score": float("nan")}, "0 to 100"),
])  # fmt: skip
def test_filters_that_make_no_sense(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        Filters(**given)


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
    calibration = Calibration(Chance(0.143, 0.12), Scale(3.2, 3.8, 4.5), measured=True)
    alone = Searcher(
        library.store, library.embedder, calibration, None, no_names,
        lambda _: view("hopper", 1.1, light=0.9),
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


# Pages


def coffee_and_flower(limit: int = 50, sort: Sort = "score", grouped: bool = False) -> Query:
    examples = Example(view("coffee", 1.2)), Example(view("flower", 1.2))
    return Query(examples, filters=Filters(limit=limit), sort=sort, grouped=grouped)


def all_pages(searcher: Searcher, first: Answer) -> list[Answer]:
    pages = [first]
    while pages[-1].next_page_token is not None:
        pages.append(searcher.page(pages[-1].next_page_token))
    return pages


@pytest.mark.parametrize("sort", ["score", "time"])
@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_pages_are_the_whole_answer_in_parts(searcher: Searcher, limit: int, sort: Sort) -> None:
    whole = searcher.search(coffee_and_flower(sort=sort))
    assert (len(whole.segments), whole.next_page_token, whole.remaining) == (4, None, 0)
    pages = all_pages(searcher, searcher.search(coffee_and_flower(limit, sort)))
    assert tuple(one for page in pages for one in page.segments) == whole.segments
    assert [len(page.segments) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert [page.remaining for page in pages] == [max(4 - limit * (n + 1), 0) for n in range(len(pages))]
    assert {(page.query_id, page.message) for page in pages} == {(pages[0].query_id, whole.message)}


def test_pages_stay_as_they_were_while_media_arrive(searcher: Searcher, library: Library) -> None:
    whole = searcher.search(coffee_and_flower())
    first = searcher.search(coffee_and_flower(limit=2))
    library._add("late", "image", [Sample(0.0, 0, view("coffee", 1.2))], 0.0)
    try:
        pages = all_pages(searcher, first)
        assert tuple(one for page in pages for one in page.segments) == whole.segments
        anew = searcher.search(coffee_and_flower())
        assert "late" in {one.media_id for one in anew.segments} and len(anew.segments) == 5
    finally:
        library.store.delete(Where(("late",)))


@pytest.mark.parametrize("sort", ["score", "time"])
def test_groups_name_each_media_once_and_pages_count_media(searcher: Searcher, sort: Sort) -> None:
    flat = searcher.search(coffee_and_flower())
    whole = searcher.search(coffee_and_flower(sort=sort, grouped=True))
    assert flat.groups is None and whole.groups is not None
    assert {one.media_id: one.segment_count for one in whole.groups} == {
        "other": 2, "reel": 1, "still-coffee": 1,
    }  # fmt: skip
    in_order = [one.media_id for group in whole.groups for one in [group] * group.segment_count]
    assert [one.media_id for one in whole.segments] == in_order
    assert sorted(map(repr, whole.segments)) == sorted(map(repr, flat.segments))
    for group in whole.groups:
        scores = [one.score for one in whole.segments if one.media_id == group.media_id]
        assert group.score == max(scores)
    pages = all_pages(searcher, searcher.search(coffee_and_flower(1, sort, grouped=True)))
    assert [page.groups for page in pages] == [(group,) for group in whole.groups]
    assert [page.remaining for page in pages] == [2, 1, 0]
    assert tuple(one for page in pages for one in page.segments) == whole.segments


def test_the_best_first_or_by_name_and_time(searcher: Searcher) -> None:
    by_score = searcher.search(coffee_and_flower()).segments
    assert [one.score for one in by_score] == sorted((one.score for one in by_score), reverse=True)
    by_time = searcher.search(coffee_and_flower(sort="time")).segments
    assert [(one.media, one.start_seconds) for one in by_time] == [
        ("other", 0.0), ("other", 6.0), ("reel", 0.0), ("still-coffee", 0.0),
    ]  # fmt: skip
    best_groups = [one.score for one in searcher.search(coffee_and_flower(grouped=True)).groups or ()]
    assert best_groups == sorted(best_groups, reverse=True)


def test_what_was_never_asked_is_not_remembered(searcher: Searcher) -> None:
    for forgotten in (
        lambda: searcher.page(page_token("0" * 32, 50)),
        lambda: searcher.curve("0" * 32, "reel"),
        lambda: searcher.search_again("0" * 32, [Example(None, Reference("reel"))], []),
    ):
        with pytest.raises(QueryForgotten, match="ask it again"):
            forgotten()


# Curves


def inside(line: Line, segment: Segment) -> NDArray[np.float32]:
    """The scores of a line within a segment."""
    starts = line.start_seconds
    within = (starts >= segment.start_seconds) & (starts < max(segment.end_seconds, 1e-3))
    return line.score[within]


@pytest.mark.parametrize("media_id", ["reel", "other", "still-coffee"])
def test_a_curve_peaks_where_and_as_high_as_its_segments(searcher: Searcher, media_id: str) -> None:
    answer = searcher.search(coffee_and_flower())
    curve = searcher.curve(answer.query_id, media_id)
    assert curve.segments == tuple(one for one in answer.segments if one.media_id == media_id) != ()
    for segment in curve.segments:
        assert inside(curve.best, segment).max() == pytest.approx(segment.score, abs=0.01)
    thresholds = curve.thresholds
    assert 0 < thresholds["low"] < thresholds["medium"] < thresholds["high"] < 100


def test_a_curve_is_there_where_nothing_matches_too(searcher: Searcher) -> None:
    query_id = searcher.search(Query.of(view("coffee", 1.2))).query_id
    curve = searcher.curve(query_id, "other")
    assert list(curve.best.start_seconds) == [step / 2 for step in range(24)]
    assert list(curve.best.end_seconds) == [step / 2 for step in range(1, 25)]
    [segment] = curve.segments
    below = curve.best.score[~np.isin(curve.best.score, inside(curve.best, segment))]
    assert len(below) == 18 and (below < curve.thresholds["low"]).all()
    nothing = searcher.curve(query_id, "still-hopper")
    assert nothing.segments == () and nothing.best.score[0] < nothing.thresholds["low"]
    assert len(searcher.curve(query_id, "no such media").best.score) == 0


def test_the_best_line_is_the_best_of_its_parts(searcher: Searcher) -> None:
    curve = searcher.curve(searcher.search(coffee_and_flower()).query_id, "other")
    assert curve.parts.keys() == {"frames", "regions"}
    together = np.maximum(curve.parts["frames"].score, curve.parts["regions"].score)
    assert np.array_equal(together, curve.best.score)
    assert (curve.parts["frames"].score != curve.parts["regions"].score).any()


# Feedback


def test_what_is_liked_comes_up(searcher: Searcher) -> None:
    before = searcher.search(Query.of(view("hopper", 1.2)))
    assert {one.media_id for one in before.segments} == {"still-hopper"}
    for box in (None, (0.05, 0.0, 0.575, 1.0)):
        liked = Example(None, Reference("reel", 8.0), box)
        after = searcher.search_again(before.query_id, [liked], [])
        assert after.query_id != before.query_id
        places = {(one.media_id, one.start_seconds, one.end_seconds) for one in after.segments}
        assert places == {("still-hopper", 0.0, 0.0), ("reel", 7.0, 11.0)}
    # What was asked first still is what it was.
    assert searcher.page(page_token(before.query_id, 0)).segments == before.segments


def test_what_is_disliked_goes_and_the_rest_stays(library: Library) -> None:
    """Wrong results, because this scale lets anything through."""
    calibration = Calibration(Chance(0.143, 0.12), Scale(-1.0, 3.8, 4.5), measured=True)
    generous = Searcher(library.store, library.embedder, calibration, None, no_names, library.open_frame)
    before = generous.search(Query.of(view("rocket", 1.3, light=1.1), mode="object"))
    right, *wrong = before.segments
    assert (right.media_id, right.start_seconds, right.end_seconds) == ("other", 3.0, 6.0)
    assert {one.media_id for one in wrong} >= {"reel", "still-hopper"}
    query_id, gone = before.query_id, set()
    for segment in wrong:
        # Each round goes on from the answer of the one before.
        reference = Reference(segment.media_id, segment.best_seconds)
        after = generous.search_again(query_id, [], [Example(None, reference, segment.box_xyxy)])
        query_id = after.query_id
        gone.add((segment.media_id, segment.start_seconds))
        places = {(one.media_id, one.start_seconds) for one in after.segments}
        assert not places & gone and ("other", 3.0) in places


# Stored vectors


def refuse_to_open(reference: Reference) -> Image:
    raise LookupError(f"opened {reference}")


def test_a_stored_box_or_frame_is_not_opened_again(library: Library) -> None:
    calibration = Calibration(Chance(0.143, 0.12), Scale(3.2, 3.8, 4.5), measured=True)
    closed = Searcher(library.store, library.embedder, calibration, None, no_names, refuse_to_open)
    # Between two samples: the one before stands for it.
    clicked = Reference("reel", 1.2)
    stored = library.store.scroll("visual", Where(("reel",), kinds=("region",), time_seconds=(1.0, 1.1)))
    x1, y1, x2, y2 = stored.box_xyxy[area(stored.box_xyxy).argmax()].tolist()
    for box in (None, (x1, y1, x2, y2), (round(x1, 2), round(y1, 2), round(x2, 2), round(y2, 2))):
        found_there = found(closed, Query.of(reference=clicked, box_xyxy=box))
        assert ("other", 6.0, 9.0) in found_there
    for box in ((0.4, 0.4, 0.5, 0.5), (x1, y1, (x1 + x2) / 2, y2)):
        with pytest.raises(LookupError, match="opened"):
            closed.search(Query.of(reference=clicked, box_xyxy=box))


def test_of_several_stored_boxes_the_clicked_one_is_taken(library: Library) -> None:
    calibration = Calibration(Chance(0.143, 0.12), Scale(3.2, 3.8, 4.5), measured=True)
    describer = Describer(library.store, library.embedder, calibration, None, None, refuse_to_open)
    stored = library.store.scroll("visual", Where(("reel",), kinds=("region",), time_seconds=(1.0, 1.1)))
    assert len(stored) > 1
    for point, (x1, y1, x2, y2) in zip(stored.id, stored.box_xyxy.tolist(), strict=True):
        clicked = Example(None, Reference("reel", 1.0), (x1, y1, x2, y2))
        taken = describer.examples("object", [clicked])
        assert np.array_equal(taken, library.store.get([point], "visual").vectors)


# The second round


def test_what_is_found_for_certain_is_asked_with_but_cannot_confirm_itself(library: Library) -> None:
    calibration = Calibration(Chance(0.143, 0.12), Scale(3.2, 3.8, 4.5), measured=True)
    bold = Searcher(library.store, library.embedder, calibration, None, no_names, library.open_frame)
    shy = replace(calibration, scale=Scale(3.2, 3.8, 99.0))
    one_round = Searcher(library.store, library.embedder, shy, None, no_names, library.open_frame)
    query = Query.of(view("coffee", 1.2, light=1.1))
    before, after = (
        {(one.media_id, one.start_seconds): one for one in searcher._memory.get(answer.query_id).moments}
        for searcher, answer in ((one_round, one_round.search(query)), (bold, bold.search(query)))
    )
    assert before.keys() <= after.keys()
    lifts = [after[place].z - before[place].z for place in before]
    assert 0 < max(lifts) <= 0.4 + 1e-5 and min(lifts) >= 0
    nowhere = Query.of(view("motorcycle"))
    assert bold.search(nowhere).segments == one_round.search(nowhere).segments == ()
