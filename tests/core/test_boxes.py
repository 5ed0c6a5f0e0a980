from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.boxes import WHOLE, area, check_box, expand, iou, no_boxes, to_pixels
from core.errors import InvalidBox, InvalidRequest

share = st.floats(0, 1, width=32)


@st.composite
def boxes(draw: st.DrawFn) -> tuple[float, float, float, float]:
    x1, x2 = sorted(draw(st.lists(share, min_size=2, max_size=2, unique=True)))
    y1, y2 = sorted(draw(st.lists(share, min_size=2, max_size=2, unique=True)))
    return x1, y1, x2, y2


def rows(*given_boxes: tuple[float, ...]) -> np.ndarray:
    return np.array(given_boxes, np.float32).reshape(-1, 4)


def test_no_boxes_is_an_ordinary_value() -> None:
    none = no_boxes()
    assert none.shape == (0, 4) and none.dtype == np.float32
    assert area(none).shape == (0,)
    assert iou(none, rows(WHOLE)).shape == (0, 1) and iou(rows(WHOLE), none).shape == (1, 0)
    assert expand(none, 0.5).shape == (0, 4)


@pytest.mark.parametrize(("box", "says"), [
    ((0.1, 0.2, 0.3), "four numbers x1,y1,x2,y2; 3 were given"),
    ((), "0 were given"),
    ((0, 0, 0, 0), "0,0,0,0 has no area"),
    ((0.5, 0.1, 0.5, 0.2), "x1 must be below x2"),
    ((0.6, 0.1, 0.5, 0.2), "x1 must be below x2"),
    ((0.1, 0.3, 0.5, 0.2), "y1 below y2"),
    ((-0.1, 0, 1, 1), "outside the picture"),
    ((0, 0, 1.01, 1), "divide pixels by the size"),
    ((10, 20, 300, 400), "10,20,300,400"),
    ((float("nan"), 0, 1, 1), "not a number"),
    ((0, 0, float("inf"), 1), "not a number"),
])
def test_a_wrong_box_is_refused_in_one_line(box: tuple[float, ...], says: str) -> None:
    with pytest.raises(InvalidBox) as caught:
        check_box(box)
    assert says in str(caught.value) and "\n" not in str(caught.value)
    assert isinstance(caught.value, InvalidRequest) and isinstance(caught.value, ValueError)


def test_the_whole_picture_is_a_box() -> None:
    assert check_box(list(WHOLE)) == WHOLE


@given(boxes())
def test_a_right_box_comes_back_as_it_was(box: tuple[float, float, float, float]) -> None:
    assert check_box(box) == box


@given(boxes(), boxes())
def test_iou_is_symmetric_and_one_only_for_the_same(
    a: tuple[float, ...], b: tuple[float, ...]
) -> None:
    both, back = iou(rows(a), rows(b))[0, 0], iou(rows(b), rows(a))[0, 0]
    assert both == pytest.approx(back, abs=1e-6) and 0 <= both <= 1 + 1e-6
    if area(rows(a))[0] > 1e-6:
        assert iou(rows(a), rows(a))[0, 0] == pytest.approx(1, abs=1e-4)


def test_iou_of_every_pair() -> None:
    left, right, whole = (0, 0, 0.5, 1), (0.5, 0, 1, 1), WHOLE
    assert iou(rows(left, right), rows(left, right, whole)).tolist() == [[1, 0, 0.5], [0, 1, 0.5]]


def test_expand_grows_by_a_share_of_the_box_and_stops_at_the_frame() -> None:
    grown = expand(rows((0.4, 0.4, 0.6, 0.5), (0, 0, 0.5, 1)), 0.5)
    np.testing.assert_allclose(grown, [[0.3, 0.35, 0.7, 0.55], [0, 0, 0.75, 1]], atol=1e-6)


@given(boxes(), st.integers(1, 4000), st.integers(1, 4000))
def test_pixels_cover_the_box_and_hold_at_least_one(
    box: tuple[float, float, float, float], width: int, height: int
) -> None:
    left, top, right, bottom = to_pixels(box, width, height)
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    assert left <= box[0] * width and box[2] * width <= right
    assert right - left <= (box[2] - box[0]) * width + 2


def test_pixels_of_the_whole() -> None:
    assert to_pixels(WHOLE, 640, 360) == (0, 0, 640, 360)
    assert to_pixels((0.25, 0.5, 0.5, 1), 8, 4) == (2, 2, 4, 4)
