"""Generated scenes and captions say the truth about each other."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from bench.tiny.captions import THINGS, Caption, agreement, caption_of, named
from bench.tiny.pictures import as_square, batch, object_crops, pictures
from bench.tiny.scenes import COLOURS, SHAPES, Scene, crop, draw, make_scene, outline
from core.boxes import iou, to_pixels

pytestmark = pytest.mark.skipif(
    find_spec("skimage") is None or find_spec("sklearn") is None,
    reason="the photographs come with scikit-image and scikit-learn",
)

GREY = np.full((90, 120, 3), 90, np.uint8)
BOX = (0.25, 0.2, 0.75, 0.8)


def test_the_same_seed_gives_the_same_scene_and_another_seed_another() -> None:
    first, again, other = (make_scene(np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.boxes_xyxy, again.boxes_xyxy)
    assert first.objects == again.objects
    assert not np.array_equal(first.image, other.image)


def test_a_scene_may_be_empty() -> None:
    scene = make_scene(np.random.default_rng(0), (160, 90), count=0)
    assert scene.image.shape == (90, 160, 3)
    assert scene.boxes_xyxy.shape == (0, 4)
    assert scene.objects == ()


def test_objects_lie_in_the_picture_and_hardly_overlap() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        scene = make_scene(rng, (320, 180))
        assert scene.boxes_xyxy.min() >= 0 and scene.boxes_xyxy.max() <= 1
        assert iou(scene.boxes_xyxy, scene.boxes_xyxy)[~np.eye(len(scene), dtype=bool)].max(initial=0) < 0.05


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("angle", [0.0, 0.4, 2.0])
def test_a_shape_fills_its_box_and_nothing_outside_it(shape: str, angle: float) -> None:
    drawn = draw(GREY, shape, "red", BOX, angle)
    changed = np.argwhere((drawn != GREY).any(axis=2))
    left, top, right, bottom = to_pixels(BOX, 120, 90)
    assert np.abs(changed.min(axis=0) - (top, left)).max() <= 1
    assert np.abs(changed.max(axis=0) + 1 - (bottom, right)).max() <= 1
    assert (GREY == 90).all()


@pytest.mark.parametrize("colour", COLOURS)
def test_a_flat_shape_has_the_named_colour(colour: str) -> None:
    drawn = draw(GREY, "circle", colour, BOX)
    assert tuple(drawn[45, 60]) == COLOURS[colour]


def test_a_ring_has_a_hole() -> None:
    assert (draw(GREY, "ring", "white", BOX)[45, 60] == 90).all()


def test_an_unknown_shape_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no shape 'blob'; the shapes are circle, .*ring"):
        outline("blob")


def test_a_crop_knows_what_it_shows() -> None:
    boxes = np.array([[0.125, 0.125, 0.375, 0.5], [0.625, 0.5, 0.875, 0.875]], np.float32)
    scene = Scene(draw(GREY, "star", "red", boxes[0]), boxes, ("star", "ring"), ("red", "blue"))
    star, left = crop(scene, boxes[0], margin=0.5), crop(scene, (0.0, 0.0, 0.7, 1.0))
    assert star.objects == left.objects == (("red", "star"),)
    # The grown box is cut at the picture's edges: (0, 0, 0.5, 0.6875) of 120 x 90 pixels.
    assert star.image.shape == (62, 60, 3)
    changed = np.argwhere((star.image != 90).any(axis=2))
    expected = star.boxes_xyxy[0] * (60, 62, 60, 62)
    assert (
        np.abs(np.array([*changed.min(axis=0)[::-1], *changed.max(axis=0)[::-1] + 1]) - expected).max() <= 1
    )


def test_the_parts_of_a_scene_do_not_match_by_accident() -> None:
    with pytest.raises(ValueError, match="0 boxes, but 1 shapes and 1 colours"):
        Scene(GREY, np.zeros((0, 4), np.float32), ("star",), ("red",))


def test_every_caption_is_true_of_its_picture() -> None:
    rng = np.random.default_rng(2)
    source = pictures(rng)
    _, objects = batch(rng, source, 120, 32)
    captions = [caption_of(rng, seen, partial_share=0.5) for seen in objects]
    assert (np.diag(agreement(captions, objects)) > 0).all()
    assert {len(seen) for seen in objects} >= {0, 1, 2, 3}


def test_a_caption_is_wrong_of_another_thing_and_tells_its_share_of_several() -> None:
    red_ring = Caption("a red ring", (("red", "ring"),))
    ring, red = Caption("a ring", ((None, "ring"),)), Caption("something red", (("red", None),))
    seen = [
        [("red", "ring")],
        [("blue", "ring")],
        [("red", "star")],
        [("red", "ring"), ("blue", "star")],
        [("red", "star"), ("blue", "ring")],
        [],
    ]
    truth = agreement([red_ring, ring, red, Caption("nothing", ())], seen)
    assert truth.tolist() == [
        [1, 0, 0, 0.5, 0, 0],
        [1, 1, 0, 0.5, 0.5, 0],
        [1, 0, 1, 0.5, 0.5, 0],
        [0, 0, 0, 0, 0, 1],
    ]


def test_names_read_as_english() -> None:
    assert len(set(THINGS)) == 36
    assert named("red", "triangle", "a photo of {a} {thing}") == "a photo of a red triangle"
    two = caption_of(np.random.default_rng(0), [("red", "star"), ("blue", "ring")])
    assert " and " in two.text and "a red star" in two.text and "a blue ring" in two.text


def test_crops_of_objects_show_their_object() -> None:
    rng = np.random.default_rng(5)
    scene = make_scene(rng)
    parts = list(object_crops(rng, scene, (0.0, 0.3)))
    assert [thing in part.objects for thing, part in zip(scene.objects, parts, strict=True)] == [True] * len(
        scene
    )
    assert as_square(rng, parts[0].image, 64).shape == (64, 64, 3)
