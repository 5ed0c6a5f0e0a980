"""Stretches of long videos in the catalogue: who has which, and what ends them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import NotFound
from index.catalogue import Catalogue, ingest_job_id
from index.follow_up import FollowUps
from index.rows import StretchRow

STARTS = (0.0, 20.0, 40.0)


@pytest.fixture
def catalogue(catalogue_place: str | Path) -> Iterator[Catalogue]:
    """With one long video that somebody works on."""
    with Catalogue.open(catalogue_place) as opened:
        opened.record_file("/films/a.mp4", 1, 1, "m1")
        opened.queue_media("m1")
        assert opened.claim_media("m1", "holder", 60)
        opened.mark_indexing("m1", "g1")
        opened.add_stretches("m1", STARTS)
        yield opened


def claimed(catalogue: Catalogue, owner: str, lease_seconds: float = 60) -> StretchRow:
    taken = catalogue.claim_stretch(owner, lease_seconds, "g1")
    assert taken is not None
    return taken


def states(catalogue: Catalogue) -> list[str]:
    return [one.state for one in catalogue.stretches_of("m1")]


def test_everybody_takes_another_one(catalogue: Catalogue) -> None:
    assert catalogue.has_open_stretches()
    taken = [claimed(catalogue, owner) for owner in ("one", "two", "three")]
    assert [(one.number, one.start_seconds, one.end_seconds) for one in taken] == [
        (0, 0.0, 20.0), (1, 20.0, 40.0), (2, 40.0, None),
    ]  # fmt: skip
    assert catalogue.claim_stretch("four", 60, "g1") is None
    assert catalogue.renew(taken[1].id, "two", 60, 0.5)
    assert not catalogue.end_stretch(taken[1], "one", True, {}), "it is not its own"
    assert catalogue.end_stretch(taken[1], "two", True, {"counts": {"frame": 2}})
    [_, done, _] = catalogue.stretches_of("m1")
    assert (done.state, done.progress, done.result) == ("done", 1.0, {"counts": {"frame": 2}})


def test_only_workers_of_the_same_index_and_of_media_in_work(catalogue: Catalogue) -> None:
    assert catalogue.claim_stretch("one", 60, "g2") is None
    assert catalogue.claim_stretch("one", 60, "g1", "m2") is None
    catalogue.put_back("m1", "Its job was cancelled.")
    assert catalogue.claim_stretch("one", 60, "g1") is None


def test_a_lost_one_is_taken_over_and_comes_last_the_next_time(catalogue: Catalogue) -> None:
    lost = [claimed(catalogue, "dead", -1) for _ in range(2)][1]
    assert (lost.number, lost.take_overs) == (0, 1)
    assert [claimed(catalogue, "next").number for _ in range(3)] == [1, 2, 0]
    assert catalogue.get_stretch(lost.id).take_overs == 2
    assert not catalogue.renew(lost.id, "dead", 60)
    catalogue.leave_stretch(lost.id, "dead")
    assert states(catalogue) == ["running"] * 3
    catalogue.leave_stretch(lost.id, "next")
    assert states(catalogue) == ["queued", "running", "running"]


def test_a_stretch_that_is_done_clears_its_file_of_suspicion(catalogue: Catalogue) -> None:
    whole = ingest_job_id("m1")
    assert catalogue.take_over(whole, "holder", "other", 60)
    assert catalogue.get_job(whole).take_overs == 1
    assert catalogue.end_stretch(claimed(catalogue, "one"), "one", True, {})
    assert catalogue.get_job(whole).take_overs == 0


def test_what_is_cancelled_ends_and_says_who_may_still_write(catalogue: Catalogue) -> None:
    taken = claimed(catalogue, "writer")
    assert catalogue.cancel(ingest_job_id("m1"))
    assert states(catalogue) == ["cancelled"] * 3
    assert not catalogue.has_open_stretches() and catalogue.claim_stretch("one", 60, "g1") is None
    assert not catalogue.renew(taken.id, "writer", 60)
    assert catalogue.end_stretches("m1") == ["writer"]
    catalogue.leave_stretch(taken.id, "writer")
    assert catalogue.end_stretches("m1") == []
    catalogue.remove_stretches("m1")
    assert catalogue.stretches_of("m1") == []
    with pytest.raises(NotFound):
        catalogue.get_stretch(taken.id)


def test_a_dead_writer_is_not_waited_for_longer_than_its_lease(catalogue: Catalogue) -> None:
    claimed(catalogue, "dead", 0.05)
    time.sleep(0.06)
    assert catalogue.end_stretches("m1") == []


def test_lists_show_the_whole_job_alone(catalogue: Catalogue, catalogue_place: str | Path) -> None:
    whole = ingest_job_id("m1")
    assert catalogue.end_stretch(claimed(catalogue, "one"), "one", True, {})
    assert [job.id for job in catalogue.list_jobs()] == [whole]
    assert [job.id for job in catalogue.list_jobs(media_id="m1")] == [whole]
    assert len(catalogue.list_jobs(kind="stretch")) == len(STARTS)
    assert catalogue.count_jobs() == {"running": 1}
    with FollowUps.open(catalogue_place) as follow_ups:
        assert follow_ups.ended_jobs(10) == []


def test_they_go_with_their_media(catalogue: Catalogue) -> None:
    catalogue.remove_media("m1")
    assert catalogue.stretches_of("m1") == [] and not catalogue.has_open_stretches()
