"""Saved queries and what comes after a job: a catalogue of its own, searches that are answered by hand."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from core.answer import BoxAt, Segment
from core.errors import InvalidRequest, NotFound, StoreLost
from core.types import Image
from index.catalogue import Catalogue, IndexedFacts
from index.follow_up import FollowUps
from index.media_filter import MediaFilter, Range
from index.saved_queries import MOST_OF_ONE_MEDIA
from index.saved_queries import SavedQueries as SavedQueryRows
from index.webhooks import EVENTS
from index.webhooks import Webhooks as WebhookRows
from momentseek.follow_up import FollowUp
from momentseek.saved_queries import SavedQueries, query_of, question_of
from search.query import Example, Filters, Query, Reference
from tests.support.library import until
from tests.support.media_factory import textured


def segment(media_id: str, start: float = 0.0, score: float = 90.0) -> Segment:
    return Segment(
        media_id, f"{media_id}.mp4", "video", start, start + 1, score, "high", start, None, "frame",
        path=(BoxAt(start, (0.1, 0.1, 0.2, 0.2)),),
    )  # fmt: skip


@dataclass
class World:
    """``answer`` is what a search gives; ``asked`` which media each was asked of."""

    catalogue: Catalogue
    follow_ups: FollowUps
    webhooks: WebhookRows
    rows: SavedQueryRows
    answer: Callable[[Query], Sequence[Segment]] = lambda query: [
        segment(one) for one in query.filters.media_ids
    ]
    asked: list[tuple[str, ...]] = field(default_factory=list)
    told: threading.Event = field(default_factory=threading.Event)

    @property
    def saved(self) -> SavedQueries:
        return SavedQueries(self.rows, self._find, lambda media_id, at: picture(7))

    def _find(self, query: Query) -> Sequence[Segment]:
        if query.filters.media_ids == ("-",):
            return []
        self.asked.append(query.filters.media_ids)
        return self.answer(query)

    def follow_up(self) -> FollowUp:
        return FollowUp(
            self.follow_ups, self.catalogue, self.saved.ask, self.told.set, pause_seconds=0.02
        )

    def index(self, media_id: str, state: str = "done") -> None:
        self.catalogue.record_file(f"/{media_id}.mp4", 1, 1, media_id)
        assert self.catalogue.claim_media(media_id, "me", 60)
        if state == "done":
            facts = IndexedFacts("video", "mp4", "h264", 16, 16, 4.0)
            self.catalogue.mark_indexed(media_id, facts, {"frame": 1}, "g1")
        self.catalogue.finish_media(media_id, "me", state)  # type: ignore[arg-type]

    def found(self, saved_query_id: str) -> list[str]:
        return [one.media_id for one in self.rows.matches(saved_query_id, 1000)]

    def events(self, webhook_id: str) -> list[str]:
        return sorted(one.event for one in self.webhooks.deliveries(webhook_id, 1000, 0))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    path = tmp_path / "catalogue.db"
    with (
        Catalogue.open(path) as catalogue, FollowUps.open(path) as follow_ups,
        WebhookRows.open(path) as webhooks, SavedQueryRows.open(path) as rows,
    ):  # fmt: skip
        yield World(catalogue, follow_ups, webhooks, rows)


def picture(number: int) -> Image:
    return np.ascontiguousarray(textured(number, (320, 240)))


def run_until(world: World, done: Callable[[], object]) -> None:
    follow_up = world.follow_up()
    follow_up.start()
    try:
        until(done)
    finally:
        follow_up.stop()


def test_a_question_comes_back_whole(world: World) -> None:
    filters = Filters(
        "video", (), ("cup", "mug"), "medium", 50, 20.0, 1.5, None,
        MediaFilter(
            tags=("a",), duration_seconds=Range(3.0), metadata={"take": {"gte": 2}, "day": "Monday"},
        ),
    )  # fmt: skip
    box = (0.1, 0.2, 0.5, 0.75)
    query = Query(
        (Example(picture(1), None, box),), "a cup", 0.25, (Example(picture(2)),), "object", filters
    )
    row = world.saved.add("cup", query, None)
    question = json.loads(json.dumps(world.rows.get(row.id).question))
    back = query_of(question, world.rows.pictures(row.id))
    assert (back.words, back.words_weight, back.mode, back.filters) == ("a cup", 0.25, "object", filters)
    assert [one.box_xyxy for one in (*back.examples, *back.unlike)] == [box, None]
    for one, kept in ((1, back.examples[0].image), (2, back.unlike[0].image)):
        assert kept is not None and kept.shape == (240, 320, 3)
        # Hard edges between strong colours are what JPEG is worst at.
        assert np.abs(kept.astype(int) - picture(one).astype(int)).mean() < 15
        assert np.abs(kept.astype(int) - picture(one + 2).astype(int)).mean() > 40
    assert question_of(back) == question


def test_a_moment_becomes_its_picture(world: World) -> None:
    row = world.saved.add("x", Query.of(reference=Reference("m1", 2.0)), None)
    (kept,) = world.rows.pictures(row.id)
    back = query_of(row.question, [kept]).examples[0]
    assert back.reference is None and back.image is not None


def test_what_cannot_be_kept(world: World) -> None:
    with pytest.raises(InvalidRequest, match="in_media"):
        world.saved.add("x", Query(words="x", filters=Filters(media_ids=("m1",))), None)
    for name in ("", " x", "x" * 101, "a\nb"):
        with pytest.raises(InvalidRequest, match="cannot be the name"):
            world.saved.add(name, Query(words="x"), None)
    world.saved.add("x", Query(words="x"), None)
    other = world.saved.add("y", Query(words="x"), None)
    for change in ({"name": "x"}, {"name": ""}):
        with pytest.raises(InvalidRequest):
            world.rows.change(other.id, change)
    with pytest.raises(NotFound):
        world.rows.change(other.id, {"webhook_id": "nothing"})
    assert world.rows.change(other.id, {"name": "y"}).name == "y"


def test_several_files_are_one_search_and_none_is_asked_twice(world: World) -> None:
    hook = world.webhooks.add("http://a.test/", EVENTS).row
    world.index("old")
    row = world.saved.add("x", Query(words="x"), hook.id)
    for media_id in ("m1", "m2", "m3"):
        world.index(media_id)
    world.index("lost", "failed")
    run_until(world, lambda: not world.follow_ups.ended_jobs(1))
    assert sorted(world.asked[0]) == ["m1", "m2", "m3"] and len(world.asked) == 1
    assert sorted(world.found(row.id)) == ["m1", "m2", "m3"]
    assert world.events(hook.id) == ["job.failed"] + ["job.ready"] * 4 + ["saved_query.matched"] * 3
    # Indexed anew, and in part before it was noted that all had been done.
    world.index("m2")
    world.index("old")
    run_until(world, lambda: not world.follow_ups.ended_jobs(1))
    assert len(world.asked) == 1 and world.told.is_set()
    assert world.events(hook.id).count("saved_query.matched") == 3
    assert "path" not in world.rows.matches(row.id, 1)[0].segment


def test_a_store_that_makes_trouble_is_asked_again_and_then_the_jobs_are_told_anyway(world: World) -> None:
    hook = world.webhooks.add("http://a.test/", EVENTS).row
    row = world.saved.add("x", Query(words="x"), None)
    troubles = 0

    def answer(query: Query) -> Sequence[Segment]:
        nonlocal troubles
        troubles += 1
        if troubles in (1, 3, 4, 5):
            raise StoreLost("The store is gone.")
        return [segment(one) for one in query.filters.media_ids]

    world.answer = answer
    world.index("m1")
    run_until(world, lambda: not world.follow_ups.ended_jobs(1))
    assert (world.found(row.id), troubles) == (["m1"], 2)
    world.index("m2")
    run_until(world, lambda: not world.follow_ups.ended_jobs(1))
    assert (world.found(row.id), troubles) == (["m1"], 5)
    assert world.rows.get(row.id).last_error == "The store is gone."
    assert world.events(hook.id) == ["job.ready"] * 2


@pytest.mark.logs_errors
def test_one_that_fails_keeps_nobody_else_from_being_asked(world: World) -> None:
    def answer(query: Query) -> Sequence[Segment]:
        if query.words == "bad":
            raise InvalidRequest("No model here knows words.")
        if query.words == "worse":
            raise ZeroDivisionError
        return [segment(one) for one in query.filters.media_ids]

    world.answer = answer
    bad, worse, good = (world.saved.add(one, Query(words=one), None) for one in ("bad", "worse", "good"))
    world.index("m1")
    run_until(world, lambda: not world.follow_ups.ended_jobs(1))
    assert [world.found(one.id) for one in (bad, worse, good)] == [[], [], ["m1"]]
    assert world.rows.get(bad.id).last_error == "No model here knows words."
    assert "log" in str(world.rows.get(worse.id).last_error)
    assert world.rows.get(good.id).last_error is None


def test_bounds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.saved_queries.KEPT_MATCHES", MOST_OF_ONE_MEDIA + 5)
    world.answer = lambda query: [
        segment(one, float(number), 90 - number / 10)
        for one in query.filters.media_ids for number in range(MOST_OF_ONE_MEDIA + 50)
    ]  # fmt: skip
    row = world.saved.add("x", Query(words="x"), None)
    world.index("m1")
    run_until(world, lambda: not world.follow_ups.ended_jobs(1))
    best = world.rows.matches(row.id, 2)
    assert [one.segment["start_seconds"] for one in best] == [0.0, 1.0]
    assert world.rows.get(row.id).matches == MOST_OF_ONE_MEDIA
    world.index("m2")
    run_until(world, lambda: not world.follow_ups.ended_jobs(1))
    found = world.found(row.id)
    assert found == ["m2"] * MOST_OF_ONE_MEDIA + ["m1"] * 5
