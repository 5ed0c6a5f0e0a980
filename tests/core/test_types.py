from __future__ import annotations

import numpy as np
import pytest

from core.types import Faces, Regions

TWO = Regions(
    np.array([[0, 0, 0.5, 0.5], [0.2, 0.2, 0.9, 0.8]], np.float32),
    np.array([0.9, 0.3], np.float32),
    ("cup", None),
)


def test_none_is_an_ordinary_value() -> None:
    assert len(Regions.empty()) == 0 == len(Faces.empty())
    assert Regions.empty().box_xyxy.shape == (0, 4)
    assert len(Regions.empty()[np.zeros(0, bool)]) == 0
    assert len(TWO[TWO.score > 1]) == 0


def test_filtering_keeps_the_columns_together() -> None:
    kept = TWO[TWO.score > 0.5]
    assert kept.label == ("cup",) and kept.score.tolist() == pytest.approx([0.9])
    turned = TWO[np.array([1, 0])]
    assert turned.label == (None, "cup") and turned.box_xyxy[1].tolist() == [0, 0, 0.5, 0.5]
    assert TWO[1:].label == (None,)


@pytest.mark.parametrize(("columns", "says"), [
    ((np.zeros((1, 3), np.float32), np.ones(1, np.float32), (None,)), "shape (1, 3)"),
    ((TWO.box_xyxy, np.ones(1, np.float32), ("a", "b")), "2 boxes, but (1,) scores and 2 labels"),
    ((TWO.box_xyxy, TWO.score, ("a",)), "1 labels"),
    ((np.array([[0.5, 0, 0.5, 1]], np.float32), np.ones(1, np.float32), (None,)), "no area"),
    ((np.array([[0, 0.9, 0.5, 0.1]], np.float32), np.ones(1, np.float32), (None,)), "no area"),
])
def test_columns_that_do_not_match_are_refused(columns: tuple[object, ...], says: str) -> None:
    with pytest.raises(ValueError) as caught:
        Regions(*columns)  # type: ignore[arg-type]
    assert says in str(caught.value)


def test_faces_filter_with_their_landmarks() -> None:
    boxes = np.array([[0, 0, 0.2, 0.2], [0.5, 0.5, 0.7, 0.7]], np.float32)
    landmarks = np.arange(20, dtype=np.float32).reshape(2, 5, 2) / 20
    faces = Faces(boxes, np.array([0.8, 1.4], np.float32), landmarks)
    assert faces[faces.score > 1].landmarks_xy.tolist() == landmarks[1:].tolist()
    with pytest.raises(ValueError, match="faces do not match"):
        Faces(boxes, faces.score, landmarks[:1])
