"""The tool that measures many searchers at once, on the small library."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from bench.load.asking import Seen, questions, run_phase
from bench.load.library import grow
from bench.load.report import figures, table
from index.catalogue import Catalogue
from index.store import Where
from index.stores.edge import EdgeStore
from momentseek.engine import Engine
from tests.support.library import Library
from tests.support.library_fixtures import library, own_library
from tests.support.server import serving

__all__ = ["library", "own_library"]


@pytest.mark.long
def test_a_grown_library_is_whole(own_library: Library) -> None:
    """Doctor's count agrees, and the copies answer beside their originals."""
    with Engine(own_library.settings()) as engine:
        generation, before = engine.fingerprint.name, engine.store.count(Where())
    catalogue_file = own_library.data_dir / "catalogue.sqlite"
    with (
        Catalogue.open(catalogue_file) as catalogue,
        EdgeStore(own_library.data_dir, generation, {"visual": 256, "face": 128}, create=False) as store,
    ):
        grow(catalogue, store, generation, 1000)
    with Engine(own_library.settings()) as engine:
        assert engine.store.count(Where()) == before + 1000
        assert engine.media_with_wrong_counts() == []
        names = {row.name for row in engine.list_media(None, None, 1000, 0)}
        assert {"kitchen.mp4", "copy-1-kitchen.mp4", "copy-2-kitchen.mp4"} <= names


@pytest.mark.long
def test_many_search_while_a_film_is_added(own_library: Library, tmp_path: Path) -> None:
    asked = questions(tmp_path)
    assert {one.box is None for one in asked} == {True, False}
    with serving(own_library) as server:
        film = own_library.media / "kitchen.mp4"
        seen = asyncio.run(run_phase(server.url, asked, 6, 1.0, film))
    shown = figures(seen)
    assert shown["statuses"] == {"200": shown["searches"]} and shown["searches"] >= 6
    assert (shown["errors"], shown["too_many"], shown["first_error"], shown["jobs_failed"]) == (0, 0, None, 0)
    assert len(seen.whole_seconds) >= 3 <= len(seen.boxed_seconds)
    assert seen.live_seconds and shown["live_ms"]["p50"] <= shown["live_ms"]["max"]


def test_figures() -> None:
    seen = Seen(
        10.0, [0.5, 1.5], [0.1] * 98, [0.001, 0.003], Counter({200: 100, 429: 3, 500: 1, 0: 1}), 300, "x", 2
    )
    shown = figures(seen)
    assert (shown["searches"], shown["searches_per_second"], shown["segments_per_search"]) == (100, 10.0, 3.0)
    assert (shown["errors"], shown["too_many"], shown["videos_added"]) == (2, 3, 2)
    assert shown["all_ms"] == {"p50": 100.0, "p95": 100.0, "p99": 510.0, "max": 1500.0}
    phase = {**shown, "processor_seconds": 12.0, "load_before": 1.0, "load_after": 2.0}
    lines = table({"searchers": 4, "points": 9, "phases": {"idle": phase}}).splitlines()
    assert lines[0] == "| 4 searchers, 9 points | idle |"
    assert "| all, p50 / p95 / p99 (ms) | 100 / 100 / 510 |" in lines
    assert "| processor time a search, server and store (ms) | 120 |" in lines
    assert "| errors | 2 |" in lines
