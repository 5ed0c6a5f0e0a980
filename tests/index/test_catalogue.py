"""The catalogue: files, media, their states, and what they add up to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from core.errors import NotFound
from index.catalogue import Catalogue, IndexedFacts

FACTS = IndexedFacts("video", "mp4", "h264", 640, 360, 90.0, 90.5, 25.0, 180, (0.0, 12.5))
STILL = IndexedFacts("image", "jpeg", "mjpeg", 100, 50)


@pytest.fixture
def catalogue(catalogue_place: str | Path) -> Iterator[Catalogue]:
    with Catalogue.open(catalogue_place) as opened:
        yield opened


def add(catalogue: Catalogue, media_id: str, name: str | None = None) -> None:
    catalogue.record_file(f"/films/{name or media_id + '.mp4'}", 1000, 5, media_id)


def index(catalogue: Catalogue, media_id: str, generation: str = "g1", frames: int = 10) -> None:
    add(catalogue, media_id)
    catalogue.mark_indexing(media_id, generation)
    catalogue.mark_indexed(media_id, FACTS, {"frame": frames, "face": 2}, generation)


def test_an_empty_library(catalogue: Catalogue) -> None:
    assert catalogue.list_media() == []
    assert catalogue.count_media() == 0
    assert catalogue.media_to_index("g1") == []
    assert catalogue.expected_counts("g1") == {}
    facts = catalogue.facts()
    assert (facts.videos, facts.stills, facts.hours, facts.by_status) == (0, 0, 0, {})
    assert catalogue.find_file("/nowhere") is None and catalogue.find_media("m1") is None
    with pytest.raises(NotFound, match="no media m1"):
        catalogue.get_media("m1")


def test_from_file_to_indexed(catalogue: Catalogue) -> None:
    file = catalogue.record_file("/films/a.mp4", 5_000_000_000, 1_700_000_000_123_456_789, "m1")
    assert (file.status, file.media_id, file.is_settled, file.missing) == ("pending", "m1", False, False)
    assert file.matches(5_000_000_000, 1_700_000_000_123_456_789)
    assert not file.matches(5_000_000_000, 1_700_000_000_123_456_788)
    assert catalogue.media_to_index("g1") == ["m1"]
    assert catalogue.mark_indexing("m1", "g1") == 1
    assert catalogue.get_media("m1").status == "indexing"
    catalogue.mark_indexed("m1", FACTS, {"frame": 10, "region": 0}, "g1")
    media = catalogue.get_media("m1")
    assert (media.name, media.status, media.codec) == ("a.mp4", "indexed", "h264")
    assert (media.width, media.fps, media.sample_count) == (640, 25.0, 180)
    assert (media.point_counts, media.shot_starts_seconds) == ({"frame": 10}, (0.0, 12.5))
    assert media.size_bytes == 5_000_000_000
    for moment in (media.created_at, media.updated_at, media.indexed_at):
        assert moment is not None and moment.tzinfo is UTC
    assert media.updated_at - media.created_at < timedelta(minutes=1)
    found = catalogue.find_file("/films/a.mp4")
    assert found is not None and found.status == "indexed" and found.is_settled
    assert catalogue.media_to_index("g1") == []
    assert catalogue.media_to_index("g2") == ["m1"], "another generation has yet to be made"


def test_values_stay_when_the_database_moves_on(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path / "catalogue.db") as catalogue:
        index(catalogue, "m1")
    with Catalogue.open(f"sqlite:///{tmp_path}/catalogue.db") as again:
        assert again.get_media("m1").duration_seconds == 90.0


def test_the_same_content_at_two_paths(catalogue: Catalogue) -> None:
    index(catalogue, "m1")
    copy = catalogue.record_file("/films/copy.mp4", 1000, 9, "m1")
    assert copy.status == "indexed"
    assert catalogue.count_media() == 1
    assert catalogue.paths_of("m1") == [Path("/films/copy.mp4"), Path("/films/m1.mp4")]
    assert catalogue.get_media("m1").name == "copy.mp4", "the newest"
    catalogue.mark_missing(["/films/copy.mp4"])
    assert catalogue.paths_of("m1") == [Path("/films/m1.mp4")]
    assert catalogue.get_media("m1").name == "m1.mp4"


def test_a_moved_file_keeps_what_was_made_of_it(catalogue: Catalogue) -> None:
    index(catalogue, "m1")
    catalogue.mark_missing(["/films/m1.mp4"])
    assert catalogue.get_media("m1").name == "m1.mp4", "better the last known name than none"
    assert catalogue.media_to_index("g2") == [], "there is nothing to read"
    catalogue.record_file("/archive/m1.mp4", 1000, 5, "m1")
    media = catalogue.get_media("m1")
    assert (media.status, media.point_counts) == ("indexed", {"frame": 10, "face": 2})
    assert catalogue.paths_of("m1") == [Path("/archive/m1.mp4")]
    assert [file.missing for file in catalogue.list_files()] == [False, True]
    catalogue.forget_file("/films/m1.mp4")
    assert [file.path for file in catalogue.list_files()] == [Path("/archive/m1.mp4")]


def test_a_changed_file_is_other_content(catalogue: Catalogue) -> None:
    index(catalogue, "m1")
    changed = catalogue.record_file("/films/m1.mp4", 2000, 6, "m2")
    assert (changed.media_id, changed.status) == ("m2", "pending")
    assert catalogue.paths_of("m1") == []
    assert catalogue.media_to_index("g1") == ["m2"]


def test_a_file_that_cannot_be_read(catalogue: Catalogue) -> None:
    catalogue.record_file("/films/locked.mp4", 10, 1, status="failed", reason="Permission denied.")
    file = catalogue.find_file("/films/locked.mp4")
    assert file is not None
    assert (file.status, file.reason, file.media_id) == ("failed", "Permission denied.", None)
    assert file.is_settled
    assert catalogue.count_media() == 0


def test_files_of_one_folder(catalogue: Catalogue) -> None:
    for path in ("/a/1.mp4", "/a/b/2.mp4", "/ab/3.mp4", "/a_c/4.mp4", "/axc/5.mp4"):
        catalogue.record_file(path, 1, 1, path)
    assert [str(file.path) for file in catalogue.list_files("/a/")] == ["/a/1.mp4", "/a/b/2.mp4"]
    assert [str(file.path) for file in catalogue.list_files("/a_c")] == ["/a_c/4.mp4"]


def test_names_of_any_bytes(catalogue: Catalogue) -> None:
    path = Path(os.fsdecode(b"/films/caf\xe9 \xff.mp4"))
    catalogue.record_file(path, 1, 1, "m1")
    assert catalogue.paths_of("m1") == [path]
    assert catalogue.get_media("m1").name == path.name
    found = catalogue.find_file(path)
    assert found is not None and os.fsencode(found.path) == b"/films/caf\xe9 \xff.mp4"


def test_failures(catalogue: Catalogue) -> None:
    for media_id in ("m1", "m2", "m3"):
        add(catalogue, media_id)
    assert catalogue.mark_failed("m1", "skipped", "Only sound.") == "skipped"
    assert catalogue.mark_failed("m2", "refused", "Too large.") == "refused"
    assert catalogue.get_media("m1").reason == "Only sound."
    assert catalogue.media_to_index("g1") == ["m3"]
    with pytest.raises(ValueError, match="'indexed' does not say"):
        catalogue.mark_failed("m3", "indexed", "?")
    with pytest.raises(NotFound):
        catalogue.mark_failed("m9", "failed", "?")
    catalogue.reset_media("m1")
    assert catalogue.media_to_index("g1") == ["m1", "m3"]
    assert catalogue.facts().by_status == {"pending": 2, "refused": 1}


def test_two_crashes_are_enough(catalogue: Catalogue) -> None:
    add(catalogue, "m1")
    catalogue.mark_indexing("m1")
    assert catalogue.mark_failed("m1", "failed", "The decoder died.", crashed=True) == "pending"
    assert catalogue.media_to_index("g1") == ["m1"]
    assert catalogue.mark_indexing("m1") == 2
    assert catalogue.mark_failed("m1", "failed", "The decoder died.", crashed=True) == "quarantined"
    assert catalogue.media_to_index("g1") == []
    catalogue.reset_media("m1")
    assert (catalogue.get_media("m1").attempts, catalogue.get_media("m1").crashes) == (0, 0)


def test_partial_is_searchable_and_says_why(catalogue: Catalogue) -> None:
    add(catalogue, "m1")
    catalogue.mark_indexed("m1", FACTS, {"frame": 3}, "g1", partial_reason="Ends after 30 of 90 seconds.")
    media = catalogue.get_media("m1")
    assert (media.status, media.reason) == ("partial", "Ends after 30 of 90 seconds.")
    assert catalogue.expected_counts("g1") == {"frame": 3}


def test_listing(catalogue: Catalogue) -> None:
    for number in range(7):
        add(catalogue, f"m{number}", f"clip_{number}.mp4")
    add(catalogue, "still", "Übung 100%.JPG")
    catalogue.mark_indexed("still", STILL, {"frame": 1}, "g1")
    newest_first = ["still", *(f"m{number}" for number in reversed(range(7)))]
    assert [media.id for media in catalogue.list_media()] == newest_first
    assert [media.id for media in catalogue.list_media(limit=2, offset=3)] == newest_first[3:5]
    assert [media.id for media in catalogue.list_media(media_type="image")] == ["still"]
    assert [media.id for media in catalogue.list_media(statuses=["indexed"])] == ["still"]
    assert [media.id for media in catalogue.list_media(name_contains="üBUNG")] == ["still"]
    assert [media.id for media in catalogue.list_media(name_contains="0%.")] == ["still"]
    assert [media.id for media in catalogue.list_media(name_contains="p_3")] == ["m3"]
    assert catalogue.count_media(name_contains="CLIP", statuses=["pending"]) == 7
    seen: list[str] = []
    while page := catalogue.list_media(limit=3, after=seen[-1] if seen else None):
        seen += [media.id for media in page]
        add(catalogue, f"late{len(seen)}")
    assert seen == newest_first, "pages neither repeat nor skip when media are added meanwhile"


def test_removing(catalogue: Catalogue) -> None:
    index(catalogue, "m1")
    index(catalogue, "m2")
    assert catalogue.claim_media("m1", "worker", 60)
    catalogue.remove_media("m1")
    assert catalogue.find_file("/films/m1.mp4") is None
    assert [media.id for media in catalogue.list_media()] == ["m2"]
    assert catalogue.list_jobs() == []
    with pytest.raises(NotFound):
        catalogue.remove_media("m1")


def test_tags(catalogue: Catalogue) -> None:
    add(catalogue, "m1")
    catalogue.set_tags("m1", ["sea", "boat", "sea"])
    assert catalogue.get_media("m1").tags == ("boat", "sea")


def test_sums(catalogue: Catalogue) -> None:
    index(catalogue, "m1", frames=10)
    index(catalogue, "m2", frames=5)
    index(catalogue, "old", "g0", frames=100)
    add(catalogue, "still")
    catalogue.mark_indexed("still", STILL, {"frame": 1, "tile": 4}, "g1")
    add(catalogue, "new")
    assert catalogue.expected_counts("g1") == {"frame": 16, "face": 4, "tile": 4}
    assert sorted(catalogue.unsettled_media("g1")) == ["new", "old"]
    facts = catalogue.facts()
    assert (facts.videos, facts.stills) == (3, 1)
    assert facts.hours == pytest.approx(3 * 90 / 3600)
    assert facts.by_status == {"indexed": 4, "pending": 1}


def test_generations(catalogue: Catalogue) -> None:
    assert catalogue.active_generation() is None
    catalogue.add_generation("g1", {"embedder": {"name": "a"}})
    again = catalogue.add_generation("g1", {"embedder": {"name": "other"}})
    assert again.fingerprint == {"embedder": {"name": "a"}} and again.active
    beside = catalogue.add_generation("g2", {"embedder": {"name": "b"}}, active=False)
    assert not beside.active
    active = catalogue.active_generation()
    assert active is not None and active.name == "g1"
    catalogue.activate_generation("g2")
    assert {row.name: row.active for row in catalogue.list_generations()} == {"g1": False, "g2": True}
    with pytest.raises(NotFound):
        catalogue.activate_generation("g3")
