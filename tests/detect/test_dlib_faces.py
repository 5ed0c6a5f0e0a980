"""dlib's faces on real photographs: found, placed and told apart."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from core.boxes import iou
from core.types import Image
from detect.detectors.dlib_faces import DlibFaceDetector
from embed.embedders.dlib_face import DlibFaceEmbedder

COLLINS_FACE = np.array([[0.345, 0.13, 0.53, 0.36]], np.float32)
"""Read off the photograph by eye."""


@pytest.fixture(scope="module")
def detector() -> DlibFaceDetector:
    return DlibFaceDetector()


def test_no_face_is_an_ordinary_answer(detector: DlibFaceDetector) -> None:
    assert len(detector.detect(np.full((300, 400, 3), 90, np.uint8))) == 0


def test_a_face_is_found_where_it_is(detector: DlibFaceDetector, collins: Image) -> None:
    faces = detector.detect(collins)
    assert len(faces) == 1
    assert iou(COLLINS_FACE, faces.box_xyxy)[0, 0] > 0.5
    assert faces.score[0] > 0.8
    x, y = faces.landmarks_xy[0].mean(axis=0)
    assert 0.34 < x < 0.56 and 0.1 < y < 0.38


def test_boxes_are_of_the_picture_not_of_what_the_detector_saw(collins: Image) -> None:
    """Non-square and larger than the detector's frame: the box still lands on the face."""
    canvas = np.full((1024, 2560, 3), 128, np.uint8)
    canvas[:, 1200:2224] = cv2.resize(collins, (1024, 1024), interpolation=cv2.INTER_CUBIC)
    faces = DlibFaceDetector(max_side_px=1280).detect(canvas)
    expected = (COLLINS_FACE * [1024, 1024, 1024, 1024] + [1200, 0, 1200, 0]) / [2560, 1024, 2560, 1024]
    assert len(faces) == 1
    assert iou(expected.astype(np.float32), faces.box_xyxy)[0, 0] > 0.5


def test_the_same_person_is_nearer_than_another(
    detector: DlibFaceDetector, collins: Image, hopper: Image
) -> None:
    embedder = DlibFaceEmbedder()
    darker = (cv2.resize(collins, (700, 700), interpolation=cv2.INTER_CUBIC) * 0.75).astype(np.uint8)
    vectors = []
    for image in (collins, darker, hopper):
        faces = detector.detect(image)
        vectors.append(embedder.describe(image, faces[faces.score.argmax()[None]])[0])
    same, other = float(vectors[0] @ vectors[1]), float(vectors[0] @ vectors[2])
    assert same > 0.95 > 0.9 > other


def test_no_faces_no_vectors(collins: Image) -> None:
    from core.types import Faces

    assert DlibFaceEmbedder().describe(collins, Faces.empty()).shape == (0, 128)


def test_several_threads_at_once(detector: DlibFaceDetector, collins: Image) -> None:
    """Without its lock this ends the process: dlib's detector writes into itself."""
    pictures = [collins, np.ascontiguousarray(collins[:, ::-1]), cv2.resize(collins, None, fx=0.8, fy=0.8)]
    alone = [detector.detect(picture).box_xyxy for picture in pictures]
    with ThreadPoolExecutor(3) as threads:
        together = list(threads.map(detector.detect, pictures * 8))
    for found, expected in zip(together, alone * 8, strict=True):
        assert np.array_equal(found.box_xyxy, expected)
