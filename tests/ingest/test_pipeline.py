"""Files to records: what is written, and that killing it at any moment loses and doubles nothing."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from core.record import Points
from core.settings import load
from core.types import KINDS
from index.catalogue import Catalogue, ingest_job_id
from index.store import Where
from index.stores.edge import EdgeStore
from ingest import lane
from ingest.analyze import Analyzer
from ingest.decode import Decoder
from ingest.lease import claim, is_dead, new_owner
from ingest.pipeline import Ingest, Parts
from ingest.progress import Outcome, Progress
from momentseek.engine import Engine
from tests.support.library import (
    CUT_SECONDS,
    LENGTH_SECONDS,
    command,
    copies,
    environment,
    run_command,
    until,
    write_media,
)
from tests.support.media_factory import textured, write_sound, write_video

# Faces double the time that a process needs to start, and nothing here is about them.
NO_FACES = {"faces__model": "none"}
OpenEngine = Callable[[], Engine]


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipeline") / "media"
    write_media(folder)
    return folder


@pytest.fixture(scope="module")
def undisturbed(media: Path, tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Path:
    """The data folder of an ingest that nobody disturbed."""
    data_dir = tmp_path_factory.mktemp("undisturbed")
    with open_engine(data_dir, model_dir) as engine:
        engine.ingest([media])
    return data_dir


@pytest.fixture
def engine(data_dir: Path, model_dir: Path) -> Iterator[Engine]:
    with open_engine(data_dir, model_dir) as opened:
        yield opened


def open_engine(data_dir: Path, model_dir: Path, check: bool = True) -> Engine:
    settings = load(None, {"data_dir": data_dir, "model_dir": model_dir, "faces": {"model": "none"}})
    return Engine(settings, check)


def make_ingest(engine: Engine, decoder: Decoder, watch: Callable[[Progress], None]) -> Ingest:
    analyzer = Analyzer(engine.embedder, engine.detector, engine.settings.detector.tiles, None)
    parts = Parts(
        engine.catalogue, engine.store, analyzer, decoder, engine.fingerprint.name, engine.settings.ingest,
        engine.storyboard_dir,
    )  # fmt: skip
    return Ingest(parts, watch)


def what_is_there(data_dir: Path, model_dir: Path) -> dict[str, object]:
    """Everything that two runs must agree on: catalogue and store, counts, ids, spans."""
    with open_engine(data_dir, model_dir) as engine:
        rows = {row.id: row for row in engine.catalogue.list_media()}
        points = engine.store.scroll("visual", Where())
        spans = dict(zip(points.id, map(tuple, points.span_seconds.tolist()), strict=True))
        assert len(spans) == len(points) == engine.store.count(Where())
        assert {media_id: engine.store.counts(media_id) for media_id in rows} == {
            media_id: row.point_counts for media_id, row in rows.items()
        }
        return {
            "status": {media_id: row.status for media_id, row in rows.items()},
            "counts": {media_id: row.point_counts for media_id, row in rows.items()},
            "samples": {media_id: row.sample_count for media_id, row in rows.items()},
            "spans": spans,
        }


def statuses(outcomes: list[Outcome]) -> dict[str, str]:
    return {outcome.path.name: outcome.status for outcome in outcomes}


def frames_of(engine: Engine, media_id: str) -> Points:
    return engine.store.scroll("visual", Where(media_ids=(media_id,), kinds=("frame",)))


# What is written


def test_spans_of_a_video_touch_and_cover_it(undisturbed: Path, model_dir: Path) -> None:
    with open_engine(undisturbed, model_dir) as engine:
        for row in engine.list_media("video", None, 10, 0):
            frames = frames_of(engine, row.id)
            spans = frames.span_seconds.tolist()
            assert [start for start, _ in spans] == frames.time_seconds.tolist()
            assert spans[0][0] == 0
            assert all(stop == start for (_, stop), (start, _) in pairwise(spans))
            assert spans[-1][1] == pytest.approx(LENGTH_SECONDS[row.name])
            assert CUT_SECONDS[row.name] in [pytest.approx(start) for start, _ in spans]
            assert row.sample_count >= 2 * LENGTH_SECONDS[row.name]
            assert row.sample_count >= len(frames)
            everything = engine.store.scroll("visual", Where(media_ids=(row.id,)))
            starts, ends = everything.span_seconds.T
            assert starts.tolist() == everything.time_seconds.tolist()
            cut = CUT_SECONDS[row.name]
            assert ((ends <= cut + 1e-6) | (starts >= cut - 1e-6)).all()
            assert ((starts < ends) & (ends <= LENGTH_SECONDS[row.name] + 1e-6)).all()


def test_a_still_has_no_extent(undisturbed: Path, model_dir: Path) -> None:
    with open_engine(undisturbed, model_dir) as engine:
        [row] = engine.list_media("image", None, 10, 0)
        points = engine.store.scroll("visual", Where(media_ids=(row.id,)))
        assert row.duration_seconds is None
        assert points.time_seconds.max() == points.span_seconds.max() == 0
        assert set(points.kind) == {"frame", "region", "tile"} < set(KINDS)


def test_videos_get_storyboards(undisturbed: Path, model_dir: Path) -> None:
    with open_engine(undisturbed, model_dir) as engine:
        for row in engine.list_media(None, None, 10, 0):
            folder = engine.storyboard_dir(row.id)
            assert folder.exists() == (row.media_type == "video")
            if folder.exists():
                track = (folder / "storyboard.vtt").read_text()
                assert track.startswith("WEBVTT")
                sheets = re.findall(r"^(\S+\.jpg)#", track, re.MULTILINE)
                assert sheets and all((folder / sheet).stat().st_size for sheet in sheets)


# The same content again, elsewhere, changed


def test_copies_moves_and_what_comes_back(engine: Engine, media: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    [video] = copies(media, folder, ["kitchen.mp4"])
    assert statuses(engine.ingest([folder])) == {"kitchen.mp4": "indexed"}
    points = engine.store.count(Where())
    shutil.copy(video, folder / "twin.mp4")
    assert statuses(engine.ingest([folder])) == {"kitchen.mp4": "known", "twin.mp4": "copy"}
    (folder / "twin.mp4").unlink()
    video.rename(folder / "renamed.mp4")
    [moved] = engine.ingest([folder])
    assert (moved.status, engine.get_media(str(moved.media_id)).name) == ("moved", "renamed.mp4")
    (folder / "renamed.mp4").rename(video)
    [back] = engine.ingest([folder])
    assert engine.media_path(str(back.media_id)) == video
    os.utime(video)
    assert statuses(engine.ingest([folder])) == {"kitchen.mp4": "known"}
    assert engine.store.count(Where()) == points
    assert len(engine.list_media(None, None, 10, 0)) == 1


def test_twins_are_indexed_once_even_again(engine: Engine, media: Path, tmp_path: Path) -> None:
    [first] = copies(media, tmp_path / "folder", ["cup.webp"])
    shutil.copy(first, first.with_name("twin.webp"))
    assert statuses(engine.ingest([first.parent])) == {"cup.webp": "indexed", "twin.webp": "copy"}
    assert statuses(engine.ingest([first.parent], again=True)) == {"cup.webp": "indexed", "twin.webp": "copy"}


def test_a_changed_file_replaces_what_it_was(engine: Engine, media: Path, tmp_path: Path) -> None:
    [video] = copies(media, tmp_path / "folder", ["kitchen.mp4"])
    [before] = engine.ingest([video])
    shutil.copy(media / "space.mp4", video)
    [after] = engine.ingest([video])
    assert after.status == "indexed" and after.media_id != before.media_id
    assert [row.id for row in engine.list_media(None, None, 10, 0)] == [after.media_id]
    assert engine.store.count(Where()) == after.points
    assert not engine.storyboard_dir(str(before.media_id)).exists()


def test_a_swap_of_names_costs_nothing(engine: Engine, media: Path, tmp_path: Path) -> None:
    """Neither content is forgotten only because its old name now holds the other."""
    one, other = copies(media, tmp_path / "folder", ["cup.webp", "space.mp4"])
    engine.ingest([one.parent])
    one.rename(tmp_path / "aside")
    other.rename(one)
    (tmp_path / "aside").rename(other)
    assert set(statuses(engine.ingest([one.parent])).values()) <= {"moved", "known", "copy"}
    names = {row.media_type: row.name for row in engine.list_media(None, None, 10, 0)}
    assert names == {"video": "cup.webp", "image": "space.mp4"}


def test_a_failing_file_is_tried_again_when_it_changed(engine: Engine, media: Path, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_text("no film")
    tried = []
    for _ in range(2):
        [outcome] = engine.ingest([path])
        assert outcome.status == "failed" and outcome.reason
        tried.append(engine.get_media(str(outcome.media_id)).attempts)
    assert tried == [1, 1]
    [outcome] = engine.ingest([path], again=True)
    assert engine.get_media(str(outcome.media_id)).attempts == 2
    shutil.copy(media / "space.mp4", path)
    assert statuses(engine.ingest([path])) == {"film.mp4": "indexed"}
    assert [row.status for row in engine.list_media(None, None, 10, 0)] == ["indexed"]


# One bad file does not stop the others


def test_every_file_gets_a_status_and_a_sentence(engine: Engine, media: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    copies(media, folder, ["cup.webp"])
    write_sound(folder / "song.mp4")
    (folder / "zero.mp4").touch()
    (folder / "empty.mkv").touch()
    (folder / "text.mp4").write_text("no film")
    whole = write_video(tmp_path / "whole.mkv", [textured(7)] * 60 + [textured(8)] * 60)
    (folder / "cut.mkv").write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    os.mkfifo(tmp_path / "pipe.mp4")
    outcomes = engine.ingest([folder, tmp_path / "pipe.mp4", tmp_path / "nowhere.mp4"])
    assert statuses(outcomes) == {
        "cup.webp": "indexed", "song.mp4": "skipped", "zero.mp4": "failed", "empty.mkv": "failed",
        "text.mp4": "failed", "cut.mkv": "partial", "pipe.mp4": "failed", "nowhere.mp4": "failed",
    }  # fmt: skip
    for outcome in outcomes:
        assert outcome.status == "indexed" or (outcome.reason and outcome.reason.endswith(".")), outcome
        assert outcome.ok == (outcome.status in ("indexed", "skipped", "partial"))
    by_name = {outcome.path.name: outcome for outcome in outcomes}
    assert by_name["cut.mkv"].points > 0
    assert engine.store.count(Where()) == by_name["cut.mkv"].points + by_name["cup.webp"].points


@pytest.mark.long
def test_what_crashes_the_decoder_twice_is_quarantined(engine: Engine, media: Path) -> None:
    with Decoder(engine.settings.decode, engine.settings.ingest) as decoder:

        def crash(progress: Progress) -> None:
            if progress.path.name == "kitchen.mp4" and progress.doing == "indexing" and decoder.pid:
                os.kill(decoder.pid, signal.SIGKILL)

        outcomes = make_ingest(engine, decoder, crash).run([media])
    assert statuses(outcomes) == {"cup.webp": "indexed", "kitchen.mp4": "quarantined", "space.mp4": "indexed"}
    [row] = [row for row in engine.list_media(None, None, 10, 0) if row.status == "quarantined"]
    assert (row.crashes, row.point_counts) == (2, {})
    assert engine.store.count(Where(media_ids=(row.id,))) == 0
    assert statuses(engine.ingest([media]))["kitchen.mp4"] == "quarantined"
    assert statuses(engine.ingest([media], again=True))["kitchen.mp4"] == "indexed"


# Leases: one writer per file


def test_a_living_holder_keeps_others_out(engine: Engine, media: Path) -> None:
    path = media / "cup.webp"
    [outcome] = engine.ingest([path])
    media_id = str(outcome.media_id)
    other = new_owner()
    assert not is_dead(other)
    assert claim(engine.catalogue, media_id, other)
    [busy] = engine.ingest([path], again=True)
    assert busy.status == "busy" and not busy.ok
    engine.catalogue.release_media(media_id, other)
    assert statuses(engine.ingest([path], again=True)) == {"cup.webp": "indexed"}


def test_who_counts_as_dead() -> None:
    process = subprocess.Popen(["sleep", "60"])
    host, _, born, token = new_owner().rsplit(":", 3)
    stat = Path(f"/proc/{process.pid}/stat").read_text().split()
    sleeping = f"{host}:{process.pid}:{stat[21]}:{token}"
    try:
        assert not is_dead(sleeping)
        # The same number as this process, but from another life: a container that started again.
        assert is_dead(f"{host}:{os.getpid()}:{int(born) - 1}:{token}")
        process.kill()
        until(lambda: is_dead(sleeping), what="the zombie to count as dead")
    finally:
        process.kill()
        process.wait()
    assert is_dead(sleeping)
    for foreign in (sleeping.replace(host, "elsewhere"), "worker 7", "", f"{host}:x:y:z"):
        assert not is_dead(foreign)


def test_losing_the_lease_ends_the_file_not_the_run(
    engine: Engine, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "RENEW_SECONDS", -1.0)
    with Decoder(engine.settings.decode, engine.settings.ingest) as decoder:

        def take_away(progress: Progress) -> None:
            if progress.path.name == "kitchen.mp4" and progress.doing == "indexing":
                known = engine.catalogue.find_file(progress.path)
                assert known
                engine.catalogue.cancel(ingest_job_id(str(known.media_id)))

        outcomes = make_ingest(engine, decoder, take_away).run([media])
    assert statuses(outcomes) == {"cup.webp": "indexed", "kitchen.mp4": "busy", "space.mp4": "indexed"}


def test_stopping_from_another_thread(
    engine: Engine, media: Path, undisturbed: Path, model_dir: Path
) -> None:
    with Decoder(engine.settings.decode, engine.settings.ingest) as decoder:

        def stop(progress: Progress) -> None:
            if progress.path.name == "kitchen.mp4" and progress.doing == "indexing":
                run.stop.set()

        run = make_ingest(engine, decoder, stop)
        assert statuses(run.run([media])) == {"cup.webp": "indexed"}
    assert [job.state for job in engine.catalogue.list_jobs()].count("queued") == 1
    engine.ingest([media])
    assert {job.state for job in engine.catalogue.list_jobs()} == {"done"}
    engine.close()
    assert what_is_there(engine.settings.data_dir, model_dir) == what_is_there(undisturbed, model_dir)


# Killed, interrupted, out of room


def start_ingest(data_dir: Path, model_dir: Path, media: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command("ingest", media, "--data-dir", data_dir, *options), env=environment(model_dir, **NO_FACES),
        cwd="/", text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def wait_until_it_writes(running: subprocess.Popen[str], data_dir: Path) -> None:
    """Until some file is half in the index, or the process has ended."""

    def writes() -> bool:
        if running.poll() is not None or not (data_dir / "catalogue.sqlite").exists():
            return running.returncode is not None
        with Catalogue.open(data_dir / "catalogue.sqlite") as catalogue:
            return bool(catalogue.list_media(statuses=["indexing"]))

    until(writes, what="an ingest that writes")


@pytest.mark.long
@pytest.mark.parametrize("victims", ["ingest", "store", "both"])
def test_killed_at_any_moment_nothing_is_lost_or_doubled(
    victims: str, media: Path, undisturbed: Path, data_dir: Path, model_dir: Path
) -> None:
    chance = random.Random(victims)
    for _ in range(2):
        running = start_ingest(data_dir, model_dir, media, "--again")
        wait_until_it_writes(running, data_dir)
        time.sleep(chance.uniform(0, 0.8))
        store = EdgeStore.owner(data_dir)
        if victims in ("ingest", "both"):
            running.kill()
        if victims in ("store", "both") and store:
            os.kill(store, signal.SIGKILL)
        _, said = running.communicate(timeout=60)
        if victims == "store":
            assert running.returncode in (0, 1)
            assert said.count("\n") == (running.returncode == 1) and "Traceback" not in said
    last = run_command(model_dir, "ingest", media, "--data-dir", data_dir, **NO_FACES)
    assert last.returncode == 0, last.stdout + last.stderr
    assert what_is_there(data_dir, model_dir) == what_is_there(undisturbed, model_dir)


@pytest.mark.long
def test_ctrl_c_says_so_and_the_next_run_goes_on(
    media: Path, undisturbed: Path, data_dir: Path, model_dir: Path
) -> None:
    running = start_ingest(data_dir, model_dir, media)
    wait_until_it_writes(running, data_dir)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: the decoder gets it too
    printed, said = running.communicate(timeout=30)
    assert (running.returncode, printed) == (130, ""), said
    assert said.startswith("momentseek: stopped;") and said.count("\n") == 1
    again = run_command(model_dir, "ingest", media, "--data-dir", data_dir, **NO_FACES)
    assert again.returncode == 0, again.stdout + again.stderr
    assert what_is_there(data_dir, model_dir) == what_is_there(undisturbed, model_dir)


@pytest.mark.long
def test_two_at_once_do_not_double(media: Path, undisturbed: Path, data_dir: Path, model_dir: Path) -> None:
    both = [start_ingest(data_dir, model_dir, media) for _ in range(2)]
    for running in both:
        printed, said = running.communicate(timeout=120)
        # 2: some file was the other one's at that moment.
        assert running.returncode in (0, 2) and said == "", printed + said
    assert what_is_there(data_dir, model_dir) == what_is_there(undisturbed, model_dir)


@pytest.mark.long
def test_a_full_disk_is_one_clear_line(media: Path, data_dir: Path, model_dir: Path) -> None:
    free_mb = shutil.disk_usage(data_dir).free // 1_000_000
    floor = {"ingest__min_free_disk_mb": free_mb + 100_000}
    done = run_command(model_dir, "ingest", media, "--data-dir", data_dir, **NO_FACES, **floor)
    assert done.returncode == 1
    assert done.stderr.startswith("momentseek: ") and done.stderr.count("\n") == 1
    assert "MB are kept free" in done.stderr
    again = run_command(model_dir, "ingest", media / "cup.webp", "--data-dir", data_dir, **NO_FACES)
    assert again.returncode == 0, again.stderr
