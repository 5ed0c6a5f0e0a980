"""A long video in stretches is the same video."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.record import Points
from core.settings import DecodeSettings, IngestSettings, load
from index.catalogue import ingest_job_id
from index.store import Where
from ingest.frames import VideoSource
from ingest.lease import new_owner, reserve_stretch
from ingest.media import DecodeSummary, MediaFacts, Sample
from ingest.pipeline import Ingest
from ingest.progress import Outcome, Progress
from ingest.reading import LEAD_IN_SECONDS, read_samples, read_stretch
from ingest.stretches import MOST_LOST, index_stretch, starts_of
from momentseek.engine import Engine
from tests.ingest.test_disposable import PYRAMID, pan
from tests.support.library import until
from tests.support.media_factory import textured, write_video

CUTS = (7.0, 15.5, 27.3, 33.0)


def film(path: Path, seconds: float = 40, fps: int = 10, gop: int = 25, **settings: Any) -> Path:
    """A camera that moves through five scenes, with cuts at CUTS."""
    ends = [*(end for end in CUTS if end < seconds), seconds]
    lengths = [round((end - start) * fps) for start, end in pairwise([0.0, *ends])]
    pictures = (picture for scene, frames in enumerate(lengths) for picture in pan(scene, frames))
    return write_video(path, pictures, fps=fps, gop=gop, options=PYRAMID, **settings)


def of_the_whole(path: Path, ingest: IngestSettings) -> tuple[list[Sample], DecodeSummary]:
    with closing(VideoSource(path, DecodeSettings())) as source:
        frames = source.frames_for(ingest.samples_per_second, ingest.shots)
        *samples, summary = read_samples(source, frames, ingest)
    assert isinstance(summary, DecodeSummary)
    return [one for one in samples if isinstance(one, Sample)], summary


def of_a_stretch(
    path: Path, ingest: IngestSettings, start: float, end: float
) -> tuple[list[Sample], DecodeSummary]:
    with closing(VideoSource(path, DecodeSettings())) as source:
        lead_in = max(0.0, start - LEAD_IN_SECONDS)
        frames = source.frames_for(ingest.samples_per_second, ingest.shots, lead_in)
        *samples, summary = read_stretch(source, frames, ingest, start, end)
    assert isinstance(summary, DecodeSummary)
    return [one for one in samples if isinstance(one, Sample)], summary


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize("rate", [0.7, 2.0])
@pytest.mark.parametrize("borders", [(13.0, 26.0), (15.5, 27.3), (15.55, 33.1)])
def test_the_samples_are_those_of_the_whole_file(
    tmp_path: Path, name: str, rate: float, borders: tuple[float, ...]
) -> None:
    """Wherever the borders are: in a shot, on a cut, right behind one."""
    path, ingest = film(tmp_path / name), IngestSettings(samples_per_second=rate)
    whole, summary = of_the_whole(path, ingest)
    starts: list[float] = []
    samples: list[Sample] = []
    for start, end in pairwise([0.0, *borders, float("inf")]):
        some, its = of_a_stretch(path, ingest, start, end)
        assert its.status == "ok" and some[0].shot == 0
        assert all(start <= one.time_seconds < end for one in some)
        samples += some
        starts += its.shot_starts_seconds
        following = [one.time_seconds for one in whole if one.time_seconds >= end]
        assert its.duration_seconds == (following[0] if following else summary.duration_seconds)
    assert [one.time_seconds for one in samples] == [one.time_seconds for one in whole]
    assert [one.is_cut for one in samples] == [one.is_cut for one in whole]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(samples, whole, strict=True))
    assert tuple(starts) == summary.shot_starts_seconds
    assert len(starts) == len(CUTS) + 1


def test_frames_of_different_length(tmp_path: Path) -> None:
    gaps = np.tile([1, 1, 7, 2, 1, 25, 1, 3], 25)
    pts = [0, *np.cumsum(gaps)[:-1].tolist()]
    path = write_video(tmp_path / "a.mkv", pan(3, len(pts)), pts=pts, options=PYRAMID, gop=30)
    ingest = IngestSettings()
    whole, _ = of_the_whole(path, ingest)
    samples = [
        one for start, end in pairwise([0.0, 15.0, 27.0, float("inf")])
        for one in of_a_stretch(path, ingest, start, end)[0]
    ]  # fmt: skip
    assert [one.time_seconds for one in samples] == [one.time_seconds for one in whole]


def test_a_stretch_that_the_file_does_not_fill_is_partial(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 14)
    samples, summary = of_a_stretch(path, IngestSettings(), 12.0, 20.0)
    assert samples and summary.status == "partial"
    assert summary.reason == "The video ends at 14.0 s, before 20.0 s."


@pytest.mark.parametrize(("seconds", "container", "starts"), [
    (100.0, "mp4", (0.0, 33.333, 66.667)),
    (80.0, "matroska", (0.0, 40.0)),
    (40.0, "mp4", ()),
    (None, "matroska", ()),
    (100.0, "mpegts", ()),
])  # fmt: skip
def test_where_stretches_begin(
    seconds: float | None, container: str, starts: tuple[float, ...]
) -> None:
    facts = MediaFacts("video", container, "h264", 640, 360, seconds)
    assert starts_of(facts, 40) == starts
    assert starts_of(facts, 0) == ()


# Into the index

OpenEngine = Callable[..., Engine]


@pytest.fixture
def open_engine(tmp_path: Path, model_dir: Path) -> Iterator[OpenEngine]:
    """Libraries of this test, without faces."""
    opened: list[Engine] = []

    def open_one(name: str, **ingest: Any) -> Engine:
        given = {
            "data_dir": tmp_path / name, "model_dir": model_dir, "faces": {"model": "none"},
            "ingest": {"samples_per_second": 1, **ingest},
        }  # fmt: skip
        opened.append(Engine(load(None, given)))
        return opened[-1]

    yield open_one
    for engine in opened:
        engine.close()


def points_of(engine: Engine) -> Points:
    return engine.store.scroll("visual", Where())


def things(points: Points) -> set[tuple[str, str, float, tuple[float, ...]]]:
    spans = map(tuple, points.span_seconds.tolist())
    return set(zip(points.id, points.kind, points.time_seconds.tolist(), spans, strict=True))


@pytest.mark.long
def test_a_split_video_has_the_points_of_a_whole_one(open_engine: OpenEngine, tmp_path: Path) -> None:
    """All of them where every sample has its own; where runs may join samples, those in shots that no border
    cuts."""
    path = film(tmp_path / "film.mp4")
    for likeness in (1, 0.95):
        whole = open_engine(f"whole{likeness}", stretch_seconds=0, run_likeness=likeness)
        split = open_engine(f"split{likeness}", stretch_seconds=14, run_likeness=likeness)
        [one], [other] = whole.ingest([path]), split.ingest([path])
        assert one.status == other.status == "indexed" and one.frames == other.frames
        [row], [its] = (engine.list_media(None, None, 10, 0) for engine in (whole, split))
        same = ("status", "sample_count", "shot_starts_seconds", "duration_seconds", "fps", "codec", "width")
        assert [getattr(row, name) for name in same] == [getattr(its, name) for name in same]
        assert split.media_with_wrong_counts() == []
        assert split.catalogue.stretches_of(its.id) == []
        expected, found = points_of(whole), points_of(split)
        if likeness == 1:
            assert things(expected) == things(found)
            assert row.point_counts == its.point_counts
        starts = [*row.shot_starts_seconds, 40.0]
        borders = (13.333, 26.667)
        for start, end in pairwise(starts):
            if not any(start < border < end for border in borders):
                within = [(p.time_seconds >= start) & (p.time_seconds < end) for p in (expected, found)]
                assert things(expected[within[0]]) == things(found[within[1]])
        # No thing of one stretch has the number of one of another.
        for column in (found.shot, found.track[found.track >= 0]):
            assert set((column // 1_000_000).tolist()) == {0, 1, 2}
        boards = [engine.storyboard_dir(row.id) for engine in (whole, split)]
        tracks = [(board / "storyboard.vtt").read_text() for board in boards]
        assert tracks[0] == tracks[1]
        assert [one.name for one in boards[1].parent.iterdir()] == [its.id]


def begun(engine: Engine, path: Path) -> str:
    """Stopped when the first of three stretches was done. Returns the media id."""

    def stop_in_the_second(progress: Progress) -> None:
        if progress.file_share > 0.3:
            work.stop.set()

    work = Ingest(engine._ingest_parts(), stop_in_the_second)
    assert work.run([path]) == []
    [row] = engine.list_media(None, None, 10, 0)
    assert states(engine, row.id) == ["done", "queued", "queued"]
    assert row.status == "indexing" and engine.store.count(Where()) > 0
    assert engine.catalogue.get_job(ingest_job_id(row.id)).state == "queued"
    return row.id


def states(engine: Engine, media_id: str) -> list[str]:
    return [one.state for one in engine.catalogue.stretches_of(media_id)]


def test_what_is_done_is_not_done_again(open_engine: OpenEngine, tmp_path: Path) -> None:
    """Nor is what another worker does before somebody has the file again."""
    path, engine = film(tmp_path / "film.mp4", 21), open_engine("data", stretch_seconds=8)
    media_id, owner, parts = begun(engine, path), new_owner(), engine._ingest_parts()
    taken = reserve_stretch(engine.catalogue, owner, engine.fingerprint.name)
    assert taken is not None and taken.number == 1
    assert index_stretch(parts, path, taken, owner, lambda: None)
    assert states(engine, media_id) == ["done", "done", "queued"]
    seen: list[float] = []
    [outcome] = Ingest(parts, lambda one: seen.append(one.file_share)).run([path])
    assert outcome.status == "indexed" and min(seen[1:]) > 0.6
    assert engine.get_media(media_id).attempts == 1
    assert engine.media_with_wrong_counts() == []


@pytest.mark.long
def test_a_damaged_file_is_indexed_as_a_whole(open_engine: OpenEngine, tmp_path: Path) -> None:
    good = film(tmp_path / "good.mkv")
    path = tmp_path / "cut.mkv"
    path.write_bytes(good.read_bytes()[: good.stat().st_size * 6 // 10])
    whole, split = open_engine("whole", stretch_seconds=0), open_engine("split", stretch_seconds=14)
    [one], [other] = whole.ingest([path]), split.ingest([path])
    assert (one.status, one.reason) == (other.status, other.reason)
    assert other.status == "partial"
    assert things(points_of(whole)) == things(points_of(split))
    assert split.catalogue.stretches_of(str(other.media_id)) == []


def test_a_stretch_that_loses_its_workers_takes_the_file_with_it(
    open_engine: OpenEngine, tmp_path: Path
) -> None:
    path, engine = film(tmp_path / "film.mp4", 21), open_engine("data", stretch_seconds=8)
    media_id = begun(engine, path)
    for number in range(2 * (MOST_LOST + 1)):
        assert engine.catalogue.claim_stretch(f"lost{number}", -1, engine.fingerprint.name, media_id)
    [outcome] = engine.ingest([path])
    assert outcome.status == "quarantined" and str(outcome.reason).startswith("6 workers were lost")
    assert engine.store.count(Where()) == 0 and engine.catalogue.stretches_of(media_id) == []
    assert engine.catalogue.get_job(ingest_job_id(media_id)).state == "failed"


@pytest.mark.long
def test_workers_of_one_process_share_it(open_engine: OpenEngine, tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", 21)
    engine = open_engine("data", stretch_seconds=8, files_at_once=2)
    engine.load_for_work()
    job = engine.register(str(path), anywhere=True).job
    assert job is not None
    outcomes: list[Outcome] = []
    helped: list[int] = []
    workers = engine.make_worker(outcomes.extend, on_stretch=lambda _, one: helped.append(one.number))
    workers.start()
    try:

        def is_done() -> bool:
            workers.wake()  # as news of another file would
            return engine.catalogue.get_job(job.id).state == "done"

        until(is_done, 60)
    finally:
        workers.stop()
    assert [one.status for one in outcomes] == ["indexed"] and helped
    assert engine.media_with_wrong_counts() == [] and not engine.catalogue.has_open_stretches()


def test_removing_the_video_ends_its_stretches(open_engine: OpenEngine, tmp_path: Path) -> None:
    path, engine = film(tmp_path / "film.mp4", 21), open_engine("data", stretch_seconds=8)
    media_id, lease_seconds = begun(engine, path), 0.5
    assert engine.catalogue.claim_stretch("writer", lease_seconds, engine.fingerprint.name)
    engine.remove_media(media_id)  # when nobody writes any more
    assert engine.store.count(Where()) == 0
    assert engine.catalogue.find_media(media_id) is None and not engine.catalogue.has_open_stretches()


def test_a_still_and_a_short_video_know_nothing_of_it(open_engine: OpenEngine, tmp_path: Path) -> None:
    engine = open_engine("data", stretch_seconds=14)
    path = write_video(tmp_path / "short.mp4", (textured(n, (160, 120)) for n in range(10)), fps=5)
    [outcome] = engine.ingest([path])
    assert outcome.status == "indexed"
    assert engine.catalogue.list_jobs(kind="stretch") == []
