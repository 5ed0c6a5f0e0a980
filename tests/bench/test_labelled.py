from __future__ import annotations

import doctest
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from bench.labelled import film as film_module
from bench.labelled import places, truth
from bench.labelled.asking import negative_pictures
from bench.labelled.film import Film, Item, item_box
from bench.labelled.folds import material, whitening_saw
from bench.labelled.light import Light, lit
from bench.labelled.plan import SIZES, Plan, plan
from bench.labelled.things import THINGS, cut_out
from bench.labelled.truth import LEAST_SHARE_SEEN, Seen, area, seen_in
from bench.labelled.write import write_film, write_set, write_still
from bench.sets import read_set

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("labelled")]

QUERIES = 12
SEED, FOLD, SECONDS = 3, 1, 8.0


@pytest.fixture(scope="module")
def made() -> Plan:
    return plan(SEED, FOLD, SECONDS)


@pytest.fixture(scope="module")
def folder(made: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labelled")
    write_set(made, path, QUERIES, progress=lambda _: None)
    return path


@pytest.fixture(scope="module")
def queries(folder: Path) -> list[dict[str, Any]]:
    return list(json.loads((folder / "truth.json").read_text("utf-8"))["queries"])


@pytest.fixture(scope="module")
def large() -> Plan:
    """Of many films, but never drawn."""
    return plan(0, 0, 150.0)


@pytest.fixture(scope="module")
def large_truth(large: Plan) -> dict[str, Seen]:
    return truth.truth(large)


def decoded(path: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(str(path)) as container:
        return [(float(frame.pts * frame.time_base), frame.to_ndarray(format="rgb24"))
                for frame in container.decode(video=0)]  # fmt: skip


def without_dissolves(film: Film) -> Film:
    cut = tuple(replace(take, camera=replace(take.camera, dissolve_seconds=0.0)) for take in film.takes)
    return replace(film, takes=cut)


def things_seen(film: Film, number: int) -> set[str]:
    """The names that are shown in one frame, counted afresh."""
    for take, stretch in film.placed():
        if stretch.first <= number < stretch.stop:
            share = film_module.share_of(stretch, number)
            return {name for name, seen, _ in seen_in(take, share, film.size_wh) if seen >= LEAST_SHARE_SEEN}
    return set()


@pytest.mark.parametrize("module", [film_module, places, truth])
def test_examples_in_the_text(module: Any) -> None:
    assert doctest.testmod(module).attempted and not doctest.testmod(module).failed


def test_the_set_is_one_that_eval_reads(folder: Path, queries: list[dict[str, Any]]) -> None:
    asked = read_set(folder)
    assert len(asked) == QUERIES == len({query.id for query in asked})
    assert all(query.image.is_file() for query in asked)
    media = {path.name for path in (folder / "media").iterdir()}
    for query in queries:
        assert {one["media"] for one in query["segments"] + query["ignore"]} | set(query["stills"]) <= media


def test_a_third_has_no_answer_and_says_so(queries: list[dict[str, Any]]) -> None:
    without = [query for query in queries if not query["segments"]]
    assert len(without) == QUERIES // 3
    for query in queries:
        nothing = query in without
        assert (query["group"]["asks"] == "nothing") == nothing == (query["group"]["size"] is None)
        assert not (nothing and query["stills"])
        assert (query["box_xyxy"] is None) == (query["name"] not in THINGS)


def test_what_has_no_answer_is_nowhere_in_the_library(made: Plan, queries: list[dict[str, Any]]) -> None:
    takes = [take for film in made.films for take in film.takes] + [still.take for still in made.stills]
    stages = {take.camera.photograph for take in takes}
    pasted = {item.name for take in takes for item in take.items}
    shown = set().union(*(places.photographs_of(stage) for stage in stages))
    shown |= {THINGS[name].photograph for name in pasted if name in THINGS}
    for query in queries:
        if not query["segments"]:
            assert query["name"] not in stages | pasted
        if query["group"]["held_out"] and query["name"] in THINGS:
            assert THINGS[query["name"]].photograph not in shown or THINGS[query["name"]].family is not None


def test_the_files_have_the_frames_of_the_plan(made: Plan, folder: Path) -> None:
    film = made.films[0]
    frames = decoded(folder / "media" / film.name)
    assert [seconds for seconds, _ in frames] == pytest.approx([n / film.fps for n in range(len(frames))])
    assert len(frames) == film.placed()[-1][1].stop
    for number in (0, len(frames) // 2, len(frames) - 1):
        assert np.abs(frames[number][1].astype(float) - film.frame(number)).mean() < 12


def test_things_are_seen_at_the_boxes_of_the_truth(
    made: Plan, folder: Path, queries: list[dict[str, Any]]
) -> None:
    frames = {film.name: decoded(folder / "media" / film.name) for film in made.films}
    pasted = {item.name for film in made.films for take in film.takes for item in take.items}
    looked = 0
    for query in queries:
        for one in query["segments"] if query["name"] in pasted else []:
            film = next(film for film in made.films if film.name == one["media"])
            for key in one["boxes"]:
                number = int(key["time"] * film.fps)
                _check_box(film, number, query["name"], key["box_xyxy"], frames[film.name][number][1])
                looked += 1
    assert looked >= 3


def _check_box(film: Film, number: int, name: str, box_xyxy: list[float], from_file: np.ndarray) -> None:
    """Where the frame changes when the thing is left out is where the truth says, and the file has it."""
    cut = without_dissolves(film)
    change = np.abs(cut.frame(number).astype(float) - cut.without(name).frame(number)).max(axis=2)
    width, height = film.size_wh
    x1, x2 = (round(value * width) for value in box_xyxy[::2])
    y1, y2 = (round(value * height) for value in box_xyxy[1::2])
    inside = np.zeros(change.shape, bool)
    inside[y1:y2, x1:x2] = True
    assert change[inside].mean() > 8 > 40 * change[~inside].mean()
    differs = inside & (change > 25)
    errors = [
        np.abs(from_file[differs].astype(float) - picture.frame(number)[differs]).mean()
        for picture in (film, film.without(name))
    ]
    assert errors[0] < errors[1]


@pytest.mark.long
def test_stretches_are_exact_to_the_frame(large: Plan, large_truth: dict[str, Seen]) -> None:
    films = {film.name: film for film in large.films}
    for name, seen in large_truth.items():
        for sight in seen.sights:
            film = films[sight.media]
            first, stop = (seconds * film.fps for seconds in (sight.start_seconds, sight.end_seconds))
            assert (first, stop) == pytest.approx((round(first), round(stop)), abs=1e-6)
            assert name in things_seen(film, round(first)) and name in things_seen(film, round(stop) - 1)
            assert name not in things_seen(film, round(first) - 1) | things_seen(film, round(stop))


@pytest.mark.long
def test_things_have_the_sizes_they_are_said_to_have(large: Plan, large_truth: dict[str, Seen]) -> None:
    assert {large.sizes[name] for name in large.sizes} == set(SIZES)
    for name, size in large.sizes.items():
        for sight in large_truth[name].sights:
            if all(0.02 < edge < 0.98 for _, box in sight.boxes for edge in box):
                assert all(size * 0.6 < area(box) < size * 1.6 for _, box in sight.boxes), name


@pytest.mark.long
def test_the_library_is_as_varied_as_it_should_be(large: Plan, large_truth: dict[str, Seen]) -> None:
    takes = [take for film in large.films for take in film.takes]
    company = [sum(item.name in large.sizes for item in take.items) for take in takes]
    assert sum(count >= 2 for count in company) > len(takes) / 8
    assert len({(film.fps, film.size_wh) for film in large.films}) >= 4
    assert len({film.crf for film in large.films}) >= 2
    assert any(take.camera.dissolve_seconds for take in takes) and any(take.light.defocus for take in takes)
    assert any(item.name.startswith("bar/") for take in takes for item in take.items)
    assert any(
        {item.name for item in one.items} & {item.name for item in other.items} & large.sizes.keys()
        for film in large.films
        for one, other in pairwise(film.takes)
    )
    assert all(1 <= len(large_truth[name].sights) <= 9 for name in large.sizes if name in large_truth)
    assert {still.name.rsplit(".")[-1] for still in large.stills} == {"jpg", "png", "webp"}


@pytest.mark.parametrize("seed", range(4))
def test_the_two_halves_share_nothing(seed: int) -> None:
    one, other = material(seed, 0), material(seed, 1)
    assert not one.photographs & other.photographs and not set(one.things) & set(other.things)
    assert not set(one.scenes) & {THINGS[name].photograph for name in one.things}
    for half in (one, other):
        assert any(THINGS[name].kind == "face" for name in half.things) and len(half.textures) >= 4
        assert not any(THINGS[name].rival in half.things for name in half.things)
    with pytest.raises(ValueError, match="folds 0 and 1, not 2"):
        material(seed, 2)


def test_the_whitening_is_known_to_have_seen_some(queries: list[dict[str, Any]]) -> None:
    assert all(whitening_saw(names) for names in ({"coffee"}, {"motorcycle_right"}, {"bus", "brick"}))
    assert not whitening_saw({"bus"}) and not whitening_saw({"relief", "moon"})
    assert all(isinstance(query["group"]["whitening_saw"], bool) for query in queries)


def test_pictures_of_nothing_in_the_library() -> None:
    pictures = list(negative_pictures(FOLD, 12, SEED))
    again = list(negative_pictures(FOLD, 2, SEED))
    assert len(pictures) == 12
    assert all(np.array_equal(image, same) for (image, _), (same, _) in zip(pictures, again, strict=False))
    for image, box in pictures:
        assert image.std() > 3
        if box is not None:
            assert 0 <= box[0] < box[2] <= 1 and 0 <= box[1] < box[3] <= 1
    assert {box is None for _, box in pictures} == {True, False}


@pytest.mark.long
def test_the_same_seed_gives_the_same_files(made: Plan, folder: Path, tmp_path: Path) -> None:
    again = plan(SEED, FOLD, SECONDS)
    assert again == made and plan(SEED + 1, FOLD, SECONDS) != made
    for still in again.stills:
        assert write_still(still, tmp_path).read_bytes() == (folder / "media" / still.name).read_bytes()
    film = again.films[-1]
    assert write_film(film, tmp_path).read_bytes() == (folder / "media" / film.name).read_bytes()


def test_cut_outs_are_things_without_their_surroundings() -> None:
    for name in ("cup and saucer", "dahlia", "shuttle", "coin 3", "portrait 2"):
        alpha = cut_out(name).alpha
        assert alpha.shape == cut_out(name).colour.shape[:2] and alpha.min() >= 0 and alpha.max() <= 1
        assert 0.25 < (alpha > 0.5).mean() < 0.97, name
    before = cut_out("pagoda").alpha.copy()
    cv2.setRNGSeed(99)
    cut_out.cache_clear()
    assert np.array_equal(cut_out("pagoda").alpha, before)


def test_a_thing_is_where_its_path_says() -> None:
    item = Item("coin 3", ((0.0, 0.2, 0.5), (1.0, 0.8, 0.5)), 0.03)
    for share, x in ((0.0, 0.2), (0.5, 0.5), (1.0, 0.8)):
        box = item_box(item, share, (640, 360))
        assert (box[0] + box[2]) / 2 == pytest.approx(x, abs=0.005)
        assert area(box) == pytest.approx(0.03, rel=0.1)


def test_light_changes_what_it_says() -> None:
    image = np.full((60, 80, 3), 100, np.uint8)
    assert lit(image, Light()).mean() == 100 and lit(image, Light(exposure=0.5)).mean() == 50
    assert lit(image, Light(gamma=2.0)).mean() < 60
    warm = lit(image, Light(cast=(1.2, 1.0, 0.8)))[0, 0]
    assert tuple(warm) == (120, 100, 80)
    assert 2 < lit(image, Light(noise=4.0)).std() < 5
    edge = image.copy()
    edge[:, 40:] = 200
    assert np.abs(np.diff(lit(edge, Light(defocus=30))[30, :, 0].astype(int))).max() < 50
