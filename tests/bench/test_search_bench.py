"""The tool that times searches, on the small library."""

from __future__ import annotations

from pathlib import Path

from bench.quality.library import opened
from bench.search.asking import ask_one_by_one, new_questions
from bench.search.report import http_figures, spread, tables
from bench.search.stages import compare_with_exact, query_of, time_stages
from tests.support.library import Library
from tests.support.library_fixtures import library, own_library
from tests.support.server import serving

__all__ = ["library", "own_library"]


def test_no_question_comes_twice(tmp_path: Path) -> None:
    asked = [*new_questions(tmp_path, 6), *new_questions(tmp_path, 6, first=6)]
    assert len({(one.picture, one.box) for one in asked}) == 24
    assert [one.box is None for one in asked] == [True, False] * 12
    first, later = query_of(asked[0]).examples[0].image, query_of(asked[8]).examples[0].image
    assert first is not None and later is not None
    assert (later.shape[0], later.shape[1]) == (first.shape[0], first.shape[1] - 1), "the same, cut smaller"


def test_stages_and_recall(own_library: Library, tmp_path: Path) -> None:
    asked = new_questions(tmp_path, 4)
    with opened(own_library.settings(), own_library.media) as searched:
        stages = time_stages(searched, asked)
        found = compare_with_exact(searched, asked)
    for own in stages.values():
        assert len(own.total) == 4 and min(own.describe) > 0 and min(own.store) > 0
        assert all(total >= store for total, store in zip(own.total, own.store, strict=True))
        assert min(own.store_calls) >= 1 and max(own.store_calls) <= 8
    assert (found.recall, found.worst_recall, found.missing_segments) == (1.0, 1.0, 0)
    assert found.answers == found.same_answers == 8 and found.segments > 0
    assert found.largest_score_difference == 0.0


def test_through_a_server(own_library: Library, tmp_path: Path) -> None:
    asked = new_questions(tmp_path, 2)
    with serving(own_library) as server:
        taken = ask_one_by_one(server.url, asked)
    figures = {form: http_figures(own) for form, own in taken.items()}
    assert {own["questions"] for own in figures.values()} == {2}
    assert all(own["total"]["p95"] >= own["embed"]["p50"] > 0 for own in figures.values())


def test_tables() -> None:
    assert spread([]) == {} and spread([1.0, 3.0]) == {"p50": 2.0, "p95": 2.9}
    one = {"p50": 1.0, "p95": 2.0}
    result = {
        "sizes": [{
            "points": 9,
            "embedded": {"picture": {"describe": one, "store": one, "scores": one, "total": one}},
            "http": {"picture": {"http": one, "total": one}},
            "concurrency": {8: {"whole_ms": one, "boxed_ms": {}, "searches_per_second": 3.0, "errors": 0}},
            "recall": {"recall": 1.0, "worst_recall": 0.98, "same_answers": 3, "answers": 4,
                       "missing_segments": 1, "segments": 7},
        }],
        "startup": {"serve, ready": [2.0, 1.0, 4.0]},
    }  # fmt: skip
    lines = tables(result).splitlines()
    assert "| 9 | picture | 1.0 / 2.0 | 1.0 / 2.0 | 1.0 / 2.0 | 1.0 / 2.0 |" in lines
    assert "| 9 | picture | - | - | - | 1.0 / 2.0 | 1.0 / 2.0 |" in lines
    assert "| 8 | 9 | 1.0 / 2.0 | - | 3.0 | 0 |" in lines
    assert "| 9 | 1.0000 | 0.98 | 3 of 4 | 1 | 7 |" in lines
    assert "| serve, ready | 2.00 | 1.00 | 4.00 |" in lines
