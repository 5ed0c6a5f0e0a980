"""The gate in front of the face index, on real faces made worse step by step."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from core.settings import FaceSettings
from core.types import Faces, Image
from detect.detectors.dlib_faces import DlibFaceDetector
from detect.face_quality import good_faces, sharpness, turn

SETTINGS = FaceSettings()


@pytest.fixture(scope="module")
def detector() -> DlibFaceDetector:
    return DlibFaceDetector()


@pytest.fixture(scope="module", params=["collins", "hopper"])
def person(request: pytest.FixtureRequest, detector: DlibFaceDetector) -> tuple[Image, Faces]:
    image = request.getfixturevalue(request.param)
    faces = detector.detect(image)
    return image, faces[[int(faces.score.argmax())]]


def good(image: Image, faces: Faces, settings: FaceSettings = SETTINGS) -> list[bool]:
    return list(good_faces(image, faces, settings, "dlib5"))


def blurred(image: Image, faces: Faces, share_of_face: float) -> Image:
    width_px = float(faces.box_xyxy[0, 2] - faces.box_xyxy[0, 0]) * image.shape[1]
    return np.asarray(cv2.GaussianBlur(image, (0, 0), share_of_face * width_px), np.uint8)


def at_width(image: Image, faces: Faces, face_px: float) -> Image:
    scale = face_px / (float(faces.box_xyxy[0, 2] - faces.box_xyxy[0, 0]) * image.shape[1])
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def test_no_faces(collins: Image) -> None:
    assert good(collins, Faces.empty()) == []


def test_a_clean_face_passes(person: tuple[Image, Faces]) -> None:
    assert good(*person) == [True]


def test_a_hopelessly_blurred_face_does_not(person: tuple[Image, Faces]) -> None:
    image, faces = person
    assert good(blurred(image, faces, 0.01), faces) == [True]
    assert good(blurred(image, faces, 0.1), faces) == [False]
    assert good(blurred(image, faces, 0.1), faces, FaceSettings(min_sharpness=0)) == [True]


def test_more_blur_is_never_sharper(person: tuple[Image, Faces]) -> None:
    image, faces = person
    shares = (0.005, 0.01, 0.02, 0.04, 0.08)
    measured = [sharpness(blurred(image, faces, share), faces)[0] for share in shares]
    assert measured == sorted(measured, reverse=True) and len(set(measured)) == len(shares)


def test_a_tiny_face_does_not(person: tuple[Image, Faces]) -> None:
    image, faces = person
    assert good(at_width(image, faces, 40), faces) == [True]
    assert good(at_width(image, faces, 24), faces) == [False]
    assert good(at_width(image, faces, 24), faces, FaceSettings(min_side_px=16)) == [True]


def test_a_dark_face_is_not_taken_for_a_blurred_one(person: tuple[Image, Faces]) -> None:
    image, faces = person
    dark = (image * 0.15).astype(np.uint8)
    assert good(dark, faces) == [True]
    assert sharpness(dark, faces)[0] == pytest.approx(sharpness(image, faces)[0], rel=0.35)


def test_a_flat_patch_is_no_face() -> None:
    box = np.array([[0.1, 0.1, 0.9, 0.9]], np.float32)
    patch = Faces(box, np.ones(1, np.float32), np.zeros((1, 5, 2), np.float32))
    assert good(np.full((200, 200, 3), 77, np.uint8), patch) == [False]


def test_an_uncertain_face_does_not(person: tuple[Image, Faces]) -> None:
    image, faces = person
    doubtful = Faces(faces.box_xyxy, np.array([0.4], np.float32), faces.landmarks_xy)
    assert good(image, doubtful) == [False]


def test_a_face_turned_away_does_not_where_the_landmarks_are_known(person: tuple[Image, Faces]) -> None:
    image, faces = person
    assert turn(image, faces, "dlib5")[0] < 0.35
    points = faces.landmarks_xy.copy()
    eyes = points[0, [0, 1]].mean(axis=0) - points[0, [2, 3]].mean(axis=0)
    points[0, 4] += 1.5 * eyes
    away = Faces(faces.box_xyxy, faces.score, points)
    assert turn(image, away, "dlib5")[0] == pytest.approx(1.5, abs=0.35)
    assert good(image, away) == [False]
    assert list(good_faces(image, away, SETTINGS)) == [True]


def test_how_far_a_face_is_turned_does_not_depend_on_the_shape_of_the_frame() -> None:
    """A head tilted by 45 degrees, nose over the middle of the line of its eyes."""
    points_px = np.array([[[40, 40], [60, 60], [40, 60], [0, 0], [0, 0]]], np.float32)
    for width, height in ((100, 100), (400, 100), (100, 300)):
        box, points = np.array([[0.1, 0.1, 0.9, 0.9]], np.float32), points_px / [width, height]
        faces = Faces(box, np.ones(1, np.float32), points.astype(np.float32))
        assert turn(np.zeros((height, width, 3), np.uint8), faces, "yunet5")[0] == pytest.approx(0, abs=1e-5)


def test_each_face_is_judged_by_itself(detector: DlibFaceDetector, collins: Image, hopper: Image) -> None:
    faces = detector.detect(hopper)
    faces = faces[[int(faces.score.argmax())]]
    right = blurred(hopper, faces, 0.1)
    both = np.concatenate([hopper, right], axis=1)
    boxes = [faces.box_xyxy * [0.5, 1, 0.5, 1] + [shift, 0, shift, 0] for shift in (0.0, 0.5)]
    points = [faces.landmarks_xy * [0.5, 1] + [shift, 0] for shift in (0.0, 0.5)]
    pair = Faces(
        np.concatenate(boxes).astype(np.float32), np.repeat(faces.score, 2),
        np.concatenate(points).astype(np.float32),
    )
    assert good(both, pair) == [True, False]
