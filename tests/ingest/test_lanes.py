"""Several files of one run at a time: the same comes of it, and none of them disturbs another."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from core.errors import DiskFull
from core.record import Points
from core.settings import load
from index.store import Where
from ingest.decode import Decoder, Item
from ingest.pipeline import Ingest
from ingest.progress import Outcome, Progress
from momentseek.engine import Engine
from tests.support.media_factory import textured, write_video

AT_ONCE = 3
OpenEngine = Callable[..., Engine]


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stills of several sizes, videos, two copies and what is neither."""
    folder = tmp_path_factory.mktemp("lanes")
    for number, size in enumerate([(160, 120), (120, 160), (160, 120), (200, 150), (160, 120)]):
        Pillow.fromarray(textured(number, size)).save(folder / f"still{number}.png")
    for name, seed in (("film.mp4", 20), ("talk.mp4", 60), ("walk.mkv", 100)):
        write_video(folder / name, (textured(seed + n // 4, (160, 120)) for n in range(20)), fps=5)
    shutil.copy(folder / "film.mp4", folder / "film2.mp4")
    shutil.copy(folder / "still3.png", folder / "still3-again.png")
    (folder / "text.mp4").write_text("no film")
    return folder


@pytest.fixture
def open_engine(tmp_path: Path, model_dir: Path) -> Iterator[OpenEngine]:
    """Libraries of this test, without faces."""
    with ExitStack() as opened:

        def open_one(name: str, at_once: int) -> Engine:
            given = {
                "data_dir": tmp_path / name, "model_dir": model_dir, "faces": {"model": "none"},
                "ingest": {"files_at_once": at_once},
            }  # fmt: skip
            return opened.enter_context(Engine(load(None, given)))

        yield open_one


def statuses(outcomes: list[Outcome]) -> dict[str, str]:
    return {outcome.path.name: outcome.status for outcome in outcomes}


def points_of(engine: Engine) -> Points:
    return engine.store.get(sorted(engine.store.scroll("visual", Where()).id), "visual")


def test_the_same_comes_of_it(open_engine: OpenEngine, media: Path) -> None:
    one, several = open_engine("one", 1), open_engine("several", AT_ONCE)
    steps: list[Progress] = []
    alone, together = one.ingest([media]), several.ingest([media], steps.append)
    assert [(its.path, its.status, its.reason, its.points, its.frames) for its in alone] == [
        (its.path, its.status, its.reason, its.points, its.frames) for its in together
    ]
    assert statuses(together) == {
        "film.mp4": "indexed", "film2.mp4": "copy", "still0.png": "indexed", "still1.png": "indexed",
        "still2.png": "indexed", "still3-again.png": "indexed", "still3.png": "copy", "still4.png": "indexed",
        "talk.mp4": "indexed", "text.mp4": "failed", "walk.mkv": "indexed",
    }  # fmt: skip
    expected, found = points_of(one), points_of(several)
    assert expected.id == found.id and expected.kind == found.kind
    assert np.array_equal(expected.span_seconds, found.span_seconds)
    assert np.abs(expected.vectors - found.vectors).max() < 1e-3
    for engine in (one, several):
        assert engine.media_with_wrong_counts() == []
    assert {step.files_total for step in steps} == {11}
    assert all(0 <= step.done <= 11 for step in steps)
    assert max(step.others_share for step in steps) > 0
    # Once more there is nothing to do, or everything.
    assert set(statuses(several.ingest([media])).values()) == {"known", "failed"}
    assert statuses(several.ingest([media], again=True)) == statuses(together)
    again = points_of(several)
    assert again.id == found.id


def test_stopped_in_the_middle_the_next_run_goes_on(open_engine: OpenEngine, media: Path) -> None:
    engine = open_engine("data", AT_ONCE)
    first, *more = engine._readers

    def stop(step: Progress) -> None:
        if step.path.suffix == ".png" and step.doing == "indexing":
            run.stop.set()

    run = Ingest(engine._ingest_parts(first), stop, more=more)
    before = statuses(run.run([media]))
    assert set(before.values()) <= {"indexed", "copy"} and len(before) < 9
    assert not engine.catalogue.running_jobs("ingest")
    after = engine.ingest([media])
    assert {its.status for its in after} <= {"indexed", "copy", "known", "failed"}
    rows = engine.list_media(None, None, 20, 0)
    assert sorted(row.status for row in rows) == ["failed"] + ["indexed"] * 8
    assert engine.media_with_wrong_counts() == []


class Watched(Decoder):
    """Knows what it reads."""

    path = Path()

    def read(self, path: Path | str) -> Generator[Item, None, None]:
        self.path = Path(path)
        return super().read(path)


@pytest.mark.long
def test_a_decoder_that_is_killed_leaves_the_others_alone(open_engine: OpenEngine, media: Path) -> None:
    engine = open_engine("data", AT_ONCE)
    with ExitStack() as opened:
        decoders = [
            opened.enter_context(Watched(engine.settings.decode, engine.settings.ingest))
            for _ in range(AT_ONCE)
        ]
        killed: list[int] = []

        def kill(step: Progress) -> None:
            if step.path.name == "talk.mp4" and step.doing == "indexing":
                its = next(one for one in decoders if one.path == step.path)
                if its.pid and its.pid not in killed:
                    killed.append(its.pid)
                    os.kill(its.pid, signal.SIGKILL)

        run = Ingest(engine._ingest_parts(decoders[0]), kill, more=decoders[1:])
        outcomes = statuses(run.run([media]))
    assert len(killed) == 2
    assert outcomes.pop("talk.mp4") == "quarantined" and outcomes.pop("text.mp4") == "failed"
    assert set(outcomes.values()) == {"indexed", "copy"}
    assert engine.media_with_wrong_counts() == []
    assert statuses(engine.ingest([media / "talk.mp4"], again=True)) == {"talk.mp4": "indexed"}


def test_trouble_in_one_ends_them_all(open_engine: OpenEngine, media: Path) -> None:
    """What is not the file's own, such as a full disk; what it was in the middle of is for the next run."""
    engine = open_engine("data", AT_ONCE)
    first, *more = engine._readers

    def burst(step: Progress) -> None:
        if step.path.name == "still1.png" and step.doing == "indexing":
            raise DiskFull("The disk is full.")

    with pytest.raises(DiskFull):
        Ingest(engine._ingest_parts(first), burst, more=more).run([media])
    assert not engine.catalogue.running_jobs("ingest")
    assert len(engine.list_media(None, "indexed", 20, 0)) < 8
    engine.ingest([media])
    assert engine.media_with_wrong_counts() == []
    assert len([row for row in engine.list_media(None, None, 20, 0) if row.status == "indexed"]) == 8
