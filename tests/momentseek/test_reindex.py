"""Another model or another sampling: refused with both sides named, made again beside the old index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.scenes import STILLS
from core.errors import FingerprintMismatch, NotFound
from core.pictures import read_picture
from core.settings import Settings, load
from index.stores.edge_wire import generation_dir
from momentseek.engine import Engine
from momentseek.reindex import reindex
from search.query import Query


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(overrides={"data_dir": tmp_path / "data", "faces": {"model": "none"}})


@pytest.fixture
def media(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "media"
    folder.mkdir()
    for still in STILLS[:2]:
        still.write(folder)
    yield folder


def slower(settings: Settings) -> Settings:
    return settings.model_copy(update={"detector": settings.detector.model_copy(update={"tiles": False})})


def first_answer(settings: Settings, picture: Path) -> str:
    with Engine(settings) as engine:
        return engine.search(Query.of(read_picture(picture))).segments[0].media


def test_other_settings_are_refused_then_made_again(settings: Settings, media: Path) -> None:
    picture = media / STILLS[0].name
    with Engine(settings) as engine:
        engine.ingest([media])
        old = engine.fingerprint.name
    changed = slower(settings)
    both_sides = r"tiles True.*tiles False.*reindex"
    with Engine(changed) as engine, pytest.raises(FingerprintMismatch, match=both_sides):
        engine.search(Query.of(read_picture(picture)))
    done = reindex(changed, lambda _: None)
    assert done.switched and not done.left_behind and not done.old_kept
    assert [outcome.status for outcome in done.outcomes] == ["indexed", "indexed"]
    assert first_answer(changed, picture) == STILLS[0].name
    assert not generation_dir(settings.data_dir, old).exists()
    with Engine(settings) as engine, pytest.raises(FingerprintMismatch):
        engine.search(Query.of(read_picture(picture)))
    assert reindex(changed, lambda _: None).outcomes == ()


def test_the_old_index_answers_until_the_switch(settings: Settings, media: Path) -> None:
    with Engine(settings) as engine:
        engine.ingest([media])
    (media / STILLS[1].name).unlink()
    changed = slower(settings)
    done = reindex(changed, lambda _: None)
    assert not done.switched
    assert [row.name for row in done.left_behind] == [STILLS[1].name]
    assert first_answer(settings, media / STILLS[0].name) == STILLS[0].name
    STILLS[1].write(media)
    again = reindex(changed, lambda _: None)
    assert again.switched
    statuses = {outcome.path.name: outcome.status for outcome in again.outcomes}
    assert statuses == {STILLS[0].name: "known", STILLS[1].name: "indexed"}


def test_what_is_gone_can_be_left_behind(settings: Settings, media: Path) -> None:
    with Engine(settings) as engine:
        engine.ingest([media])
    (media / STILLS[1].name).unlink()
    done = reindex(slower(settings), lambda _: None, leave_behind=True)
    assert done.switched
    with Engine(slower(settings)) as engine:
        assert [row.name for row in engine.list_media(None, None, 10, 0)] == [STILLS[0].name]


def test_an_empty_library_has_nothing_to_reindex(settings: Settings) -> None:
    with pytest.raises(NotFound):
        reindex(settings, lambda _: None)
