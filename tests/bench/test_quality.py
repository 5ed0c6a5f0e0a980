"""What each part of a search is worth: the tool that measures it, on a small set that is made here."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.labelled.plan import plan
from bench.labelled.write import write_set
from bench.measures import Expected, Judged, Stretch
from bench.quality.__main__ import main
from bench.quality.library import answer, opened
from bench.quality.negatives import Asking, false_alarms, wilson
from bench.quality.times import FARTHEST, NEAREST, grown
from bench.quality.variants import VARIANTS, answered_with, compare, flat, query_of, question
from bench.sets import made_by, read_set
from core.answer import Confidence, Segment
from core.errors import InvalidRequest
from core.settings import load
from index.store import Where
from momentseek.engine import Engine

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("quality")]

SEED, FOLD, SECONDS, QUERIES = 3, 1, 6.0, 6


def segment(score: float, confidence: Confidence, media: str = "a") -> Segment:
    return Segment("id", media, "video", 0.0, 4.0, score, confidence, 0.0, None, "frame")


def judged(name: str, score: float, answerable: bool, media: str = "a") -> Judged:
    confidence: Confidence = "medium" if score >= 50 else "low"
    return Judged(
        name, Expected((Stretch("a", 0, 4),) if answerable else ()),
        (segment(score, confidence, media),) if score else (),
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labelled")
    write_set(plan(SEED, FOLD, SECONDS), path, QUERIES, progress=lambda _: None)
    return path


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first run leaves its library for the others."""
    return tmp_path_factory.mktemp("kept") / "library"


@pytest.fixture(scope="module")
def shown(
    folder: Path, kept: Path, model_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """All figures of the small set."""
    out = tmp_path_factory.mktemp("figures") / "figures.json"
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MOMENTSEEK_MODEL_DIR", str(model_dir))
        main([
            str(folder), "--library", str(kept), "--json", str(out), "--refine",
            "--negatives", "4", "--sizes", "300", "--timed", "2",
        ])  # fmt: skip
    found: dict[str, Any] = json.loads(out.read_text("utf-8"))
    return found


@pytest.mark.long
@pytest.mark.xdist_group("measured once")
def test_as_shipped_is_what_the_product_answers(shown: dict[str, Any], folder: Path, kept: Path) -> None:
    asked, settings = read_set(folder), load(None, {"data_dir": kept})
    with opened(settings, folder / "media") as library:
        questions = [question(library.searcher(), one) for one in asked]
        mine = [answer(library.searcher(), one.terms, one.wanted).segments for one in questions]
    with Engine(settings) as engine:
        own = [engine.search(query_of(one)).segments for one in asked]
    assert mine == own and any(own)
    expected = [Judged(one.id, one.expected, found) for one, found in zip(asked, own, strict=True)]
    assert shown["variants"]["as shipped"]["figures"] == flat(expected)


@pytest.mark.long
@pytest.mark.xdist_group("measured once")
def test_every_variant_is_measured_beside_another(shown: dict[str, Any]) -> None:
    names = {one.name for one in VARIANTS} | {"fixed cosine", "refined"}
    assert shown["variants"].keys() == names
    assert all(one["beside"] in names for name, one in shown["variants"].items() if name != "as shipped")
    assert {"asks=nothing", "whitening_saw=true"} <= shown["variants"]["as shipped"]["groups"].keys()


@pytest.mark.long
@pytest.mark.xdist_group("measured once")
def test_pictures_that_are_in_no_library_are_asked(shown: dict[str, Any]) -> None:
    parts = shown["negatives"]
    assert parts["all"]["pictures"] == 4
    assert parts["with a box"]["pictures"] + parts["without a box"]["pictures"] == 4


@pytest.mark.long
@pytest.mark.xdist_group("measured once")
def test_stages_are_timed(shown: dict[str, Any]) -> None:
    taken = shown["times"]["taken"]
    assert {one["asked_with"] for one in taken} == {"picture", "picture and box"}
    assert all(one["total_ms"] > one["stages_ms"]["embed"] > 0 for one in taken)
    assert any(one["stages_ms"].get("refine", 0) > 0 for one in taken)


@pytest.mark.long
@pytest.mark.xdist_group("measured once")
def test_what_is_hidden_is_as_if_never_indexed(shown: dict[str, Any], folder: Path, kept: Path) -> None:
    del shown  # it made the library
    with opened(load(None, {"data_dir": kept}), folder / "media") as library:
        whole, part = library.store(), library.store()
        part.hidden = frozenset({"region", "tile"})
        frames = whole.count(Where(kinds=("frame",)))
        assert part.count(Where(kinds=("frame", "region", "tile"))) == frames < whole.count(Where())
        tiles = Where(kinds=("tile",))
        assert part.count(tiles) == len(part.sample("visual", tiles, 9)) == 0 < whole.count(tiles)
        searcher = library.searcher(frozenset({"region", "tile"}))
        one = question(searcher, read_set(folder)[0])
        generous = replace(one.wanted.calibration.scale, low=-20.0)
        wanted = replace(one.wanted, calibration=replace(one.wanted.calibration, scale=generous))
        found = answer(searcher, one.terms, wanted).segments
        assert found and {segment.evidence for segment in found} == {"frame"}


def test_models_that_are_not_packaged_are_refused(tmp_path: Path) -> None:
    settings = load(None, {"data_dir": tmp_path, "faces": {"model": "none"}})
    with (
        pytest.raises(InvalidRequest, match="mobilenetv2 and none; part by part"),
        opened(settings, tmp_path),
    ):
        pass


def test_a_set_says_what_it_was_made_from(folder: Path) -> None:
    assert (made_by(folder)["seed"], made_by(folder)["fold"]) == (SEED, FOLD)


def test_negatives_need_to_know_the_other_half(folder: Path, tmp_path: Path) -> None:
    truth = json.loads((folder / "truth.json").read_text("utf-8"))
    del truth["made_by"]
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    with pytest.raises(SystemExit):
        main([str(tmp_path)])


def test_changes_are_counted_query_by_query() -> None:
    before = [judged("a", 60, True), judged("b", 20, True), judged("c", 60, False), judged("d", 0, False)]
    after = [judged("a", 20, True), judged("b", 60, True), judged("c", 20, False)]
    found = compare(after, before)
    assert (found.queries, found.answered_more, found.answered_less) == (3, 1, 1)
    assert (found.alarms_more, found.alarms_less) == (0, 1)
    assert found.changes["false_alarms"] == -1.0 and found.changes["answered"] == 0.0


def test_higher_scores_alone_gain_nothing_at_equal_alarms() -> None:
    before = [judged("a", 60, True), judged("b", 40, True), judged("c", 55, False), judged("d", 30, False)]
    after = [replace_score(one, one.segments[0].score + 20) for one in before]
    found = compare(after, before)
    assert found.changes["answered"] == 0.5 and found.changes["false_alarms"] == 0.5
    assert found.answered_at_equal_alarms == found.other_at_equal_alarms == 1.0


def replace_score(one: Judged, score: float) -> Judged:
    return judged(one.query, score, one.expected.answerable)


def test_wrong_answers_do_not_count_at_any_threshold() -> None:
    some = [judged("a", 90, True, media="b"), judged("b", 70, True), judged("c", 80, False)]
    assert answered_with(some, alarms=0) == 0.0 and answered_with(some, alarms=1) == 0.5
    assert answered_with(some[2:], alarms=1) is None


def test_false_alarms_with_an_interval() -> None:
    asked = [
        Asking(0, True, "high", 90, "tile"), Asking(1, True, "low", 30, "tile"),
        Asking(2, False, "medium", 55, "frame"), Asking(3, False, None, 0, None),
    ]  # fmt: skip
    found = false_alarms(asked)
    assert (found["all"]["medium"]["count"], found["all"]["high"]["count"]) == (2, 1)
    assert found["with a box"]["high"]["share"] == 0.5 and found["without a box"]["high"]["share"] == 0.0
    assert [one["number"] for one in found["alarms"]] == [0, 2]
    # Agresti and Coull 1998, "Approximate is better than exact": 1 of 10.
    assert wilson(1, 10) == pytest.approx((0.0179, 0.4042), abs=1e-3)


@pytest.mark.long
@pytest.mark.xdist_group("measured once")
def test_invented_points_lie_round_the_real_ones(folder: Path, kept: Path, shown: dict[str, Any]) -> None:
    del shown  # it made the library
    with opened(load(None, {"data_dir": kept}), folder / "media") as library:
        real = library.store().sample("visual", Where(), 1_000_000)
    parts = list(grown(real, 2 * len(real) + 5))
    assert [len(one) for one in parts] == [len(real), len(real), 5]
    assert parts[0].id == real.id and not set(real.id) & set(parts[1].id)
    cosines = (parts[1].vectors * real.vectors).sum(axis=1)
    np.testing.assert_allclose(np.linalg.norm(parts[1].vectors, axis=1), 1, atol=1e-3)
    assert FARTHEST - 0.01 <= cosines.min() < 0.5 and 0.7 < cosines.max() <= NEAREST + 0.01
