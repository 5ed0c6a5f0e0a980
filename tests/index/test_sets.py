"""Named sets of media: what is in them, what became of it, and who leaves the library with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import InvalidRequest, NotFound
from index.catalogue import Catalogue, IndexedFacts
from index.media_filter import MediaFilter, Range
from index.sets import MediaSets, NameTaken

FACTS = IndexedFacts("video", "mp4", "h264", 320, 240, duration_seconds=10.0, fps=25.0)


@pytest.fixture
def catalogue(catalogue_place: str | Path) -> Iterator[Catalogue]:
    with Catalogue.open(catalogue_place) as opened:
        yield opened


@pytest.fixture
def sets(catalogue_place: str | Path, catalogue: Catalogue) -> Iterator[MediaSets]:
    with MediaSets.open(catalogue_place) as opened:
        yield opened


def add(catalogue: Catalogue, media_id: str, ready: bool = False) -> str:
    catalogue.record_file(f"/films/{media_id}.mp4", 100, 1, media_id)
    if ready:
        catalogue.mark_indexed(media_id, FACTS, {"frame": 3}, "g1")
    return media_id


def ids(sets: MediaSets, set_id: str | None = None, wanted: MediaFilter | None = None) -> set[str]:
    return {one.media_id for one in sets.members(set_id, wanted)}


def status(sets: MediaSets, set_id: str, media_id: str) -> tuple[str, str | None]:
    found = sets.find_member(set_id, media_id)
    assert found is not None
    return found.status, found.reason


def test_nothing_at_first(sets: MediaSets) -> None:
    assert sets.list_sets() == [] and sets.members() == [] and sets.members("none") == []
    assert sets.find_set("none") is None and sets.find_member("none", "m1") is None
    assert sets.sets_of("m1") == [] and sets.find_upload("m1") is None
    assert sets.found_nowhere_else("none") == []


def test_a_set_has_a_name_of_its_own(sets: MediaSets) -> None:
    first, second = sets.add_set("holidays", {"models": ["a"]}), sets.add_set("work", {})
    assert len(first.id) == 24 and first.id != second.id and first.notes == {"models": ["a"]}
    assert sets.find_set(first.id) == first
    assert [row.name for row in sets.list_sets()] == ["work", "holidays"]
    with pytest.raises(NameTaken, match="'holidays' is in use"):
        sets.add_set("holidays", {})
    with pytest.raises(NameTaken):
        sets.rename_set(second.id, "holidays")
    sets.rename_set(second.id, "work")
    sets.rename_set(second.id, "rest")
    renamed = sets.find_set(second.id)
    assert renamed is not None and renamed.name == "rest" and renamed.updated_at > second.updated_at
    with pytest.raises(NotFound):
        sets.rename_set("0" * 24, "other")
    sets.remove_set(first.id)
    sets.remove_set("0" * 24)
    assert sets.add_set("holidays", {}).id != first.id


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 256])
def test_names_that_do_not_do(sets: MediaSets, name: str) -> None:
    with pytest.raises(InvalidRequest, match="cannot be the name of a set"):
        sets.add_set(name, {})


def test_members_and_totals_are_of_what_can_be_searched(sets: MediaSets, catalogue: Catalogue) -> None:
    one, other = sets.add_set("one", {}), sets.add_set("other", {})
    for media_id, ready in (("m1", True), ("m2", False), ("m3", True)):
        sets.add_member(one.id, add(catalogue, media_id, ready))
    sets.add_member(one.id, "m1")
    sets.add_member(other.id, "m1")
    assert ids(sets, one.id) == {"m1", "m2", "m3"} and ids(sets, other.id) == {"m1"}
    assert [row.media_id for row in sets.members()].count("m1") == 2
    assert {row.name for row in sets.sets_of("m1")} == {"one", "other"}
    now = sets.find_set(one.id)
    assert now is not None and (now.media_count, now.total_seconds) == (2, 20.0)
    assert {row.name: row.media_count for row in sets.list_sets()} == {"one": 2, "other": 1}
    sets.remove_member(one.id, "m1")
    assert ids(sets, one.id) == {"m2", "m3"} and ids(sets, other.id) == {"m1"}
    for set_id, media_id in (("0" * 24, "m1"), (one.id, "m9")):
        with pytest.raises(NotFound):
            sets.add_member(set_id, media_id)
    catalogue.remove_media("m3")
    assert ids(sets, one.id) == {"m2"}, "what leaves the library leaves its sets"


def test_status_comes_from_the_media_and_its_job(sets: MediaSets, catalogue: Catalogue) -> None:
    one = sets.add_set("one", {})
    sets.add_member(one.id, add(catalogue, "m1"))
    assert status(sets, one.id, "m1") == ("pending", None)
    job = catalogue.queue_media("m1")
    assert status(sets, one.id, "m1") == ("queued", None)
    assert catalogue.claim_media("m1", "worker", 60)
    catalogue.mark_indexing("m1", "g1")
    assert status(sets, one.id, "m1") == ("indexing", None)
    # Whoever waits for it would wait for ever: nobody tries again by themselves.
    catalogue.cancel(job.id)
    assert status(sets, one.id, "m1")[0] == "failed"
    catalogue.mark_failed("m1", "failed", "It is damaged.")
    assert status(sets, one.id, "m1") == ("failed", "It is damaged.")
    catalogue.mark_indexed("m1", FACTS, {"frame": 3}, "g1", partial_reason="The end is missing.")
    assert status(sets, one.id, "m1")[0] == "ready"


def test_members_that_fit(sets: MediaSets, catalogue: Catalogue) -> None:
    one = sets.add_set("one", {})
    for media_id, ready in (("m1", True), ("m2", False), ("m3", True)):
        sets.add_member(one.id, add(catalogue, media_id, ready))
    catalogue.set_metadata("m1", {"take": 1})
    catalogue.set_metadata("m3", {"take": 2})
    assert ids(sets, one.id, MediaFilter(metadata={"take": {"gte": 2}})) == {"m3"}
    assert ids(sets, one.id, MediaFilter(name="M1.mp4")) == {"m1"}
    assert ids(sets, one.id, MediaFilter(duration_seconds=Range(least=5))) == {"m1", "m3"}
    assert ids(sets, None, MediaFilter(in_set=one.id, metadata={"take": 1})) == {"m1"}
    assert catalogue.media_ids_where(MediaFilter(in_set=one.id)) == ["m1", "m2", "m3"]
    assert catalogue.media_ids_where(MediaFilter(in_set="0" * 24)) == []


def test_who_came_for_a_set_is_found_nowhere_else(sets: MediaSets, catalogue: Catalogue) -> None:
    one, other = sets.add_set("one", {}), sets.add_set("other", {})
    for media_id in ("mine", "kept", "shared", "of the library"):
        sets.add_member(one.id, add(catalogue, media_id))
    sets.add_member(other.id, "shared")
    sets.note_upload("mine", kept=False)
    sets.note_upload("shared", kept=False, from_url=True)
    sets.note_upload("kept", kept=False)
    sets.note_upload("kept", kept=True)
    sets.note_upload("kept", kept=False)
    assert sets.found_nowhere_else(one.id) == ["mine"]
    assert sets.found_nowhere_else(one.id, "shared") == []
    sets.remove_member(one.id, "shared")
    assert sets.found_nowhere_else(other.id, "shared") == ["shared"]
    upload = sets.find_upload("kept")
    assert upload is not None and upload.kept and not upload.from_url
    with pytest.raises(NotFound):
        sets.note_upload("m9", kept=False)
    catalogue.remove_media("mine")
    assert sets.find_upload("mine") is None
