"""YuNet on real photographs, where its weights are on this machine."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from core.boxes import iou
from core.errors import ModelUnavailable
from core.settings import FaceSettings
from core.types import Image
from detect.detectors.dlib_faces import DlibFaceDetector
from detect.detectors.yunet import YuNetFaceDetector, load_yunet


@pytest.fixture(scope="module")
def detector(yunet_file: Path) -> YuNetFaceDetector:
    return YuNetFaceDetector(yunet_file)


def test_no_face_is_an_ordinary_answer(detector: YuNetFaceDetector) -> None:
    assert len(detector.detect(np.full((300, 400, 3), 90, np.uint8))) == 0


def test_a_face_is_found_where_it_is(
    detector: YuNetFaceDetector, collins: Image, collins_face: np.ndarray
) -> None:
    faces = detector.detect(collins)
    assert len(faces) == 1
    assert iou(collins_face, faces.box_xyxy)[0, 0] > 0.6
    assert faces.score[0] > 0.85


def test_the_landmarks_come_in_the_order_that_sface_aligns_by(
    detector: YuNetFaceDetector, collins: Image, hopper: Image
) -> None:
    """The person's right eye, left eye, nose, right and left corner of the mouth."""
    for image in (collins, hopper):
        right_eye, left_eye, nose, right_mouth, left_mouth = detector.detect(image).landmarks_xy[0]
        assert right_eye[0] < nose[0] < left_eye[0]
        assert right_mouth[0] < left_mouth[0]
        assert max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])


def test_both_detectors_see_the_eyes_in_one_place(detector: YuNetFaceDetector, collins: Image) -> None:
    yunet, dlib = detector.detect(collins).landmarks_xy[0], DlibFaceDetector().detect(collins).landmarks_xy[0]
    assert np.abs(yunet[0] - dlib[[2, 3]].mean(axis=0)).max() < 0.02
    assert np.abs(yunet[1] - dlib[[0, 1]].mean(axis=0)).max() < 0.02


@pytest.mark.parametrize(("width", "height"), [(1280, 640), (600, 1250), (513, 517), (1300, 514)])
def test_boxes_and_landmarks_are_of_the_picture_not_of_what_the_detector_saw(
    detector: YuNetFaceDetector, collins: Image, width: int, height: int
) -> None:
    alone = detector.detect(collins)
    canvas = np.full((height, width, 3), 128, np.uint8)
    x, y = width - 512, height - 512
    canvas[y:, x:] = collins
    faces = detector.detect(canvas)
    box = (alone.box_xyxy * 512 + [x, y, x, y]) / [width, height, width, height]
    points = (alone.landmarks_xy * 512 + [x, y]) / [width, height]
    assert len(faces) == 1
    assert iou(box.astype(np.float32), faces.box_xyxy)[0, 0] > 0.8
    off_px = np.abs(faces.landmarks_xy - points) * [width, height]
    assert off_px.max() < 90 * 0.1, "of a face that is 90 px wide"


def test_a_turned_head_and_a_small_face_are_found(detector: YuNetFaceDetector, collins: Image) -> None:
    tilted = cv2.warpAffine(collins, cv2.getRotationMatrix2D((256, 256), 30, 1), (512, 512))
    small = cv2.resize(collins, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    assert len(detector.detect(tilted)) == len(detector.detect(small)) == 1


def test_a_face_cut_by_the_border_stays_inside(detector: YuNetFaceDetector, collins: Image) -> None:
    faces = detector.detect(np.ascontiguousarray(collins[:, 215:]))
    assert len(faces) == 1
    assert faces.box_xyxy.min() >= 0 and faces.box_xyxy.max() <= 1


def test_the_least_score_is_the_setting_s(yunet_file: Path, collins: Image) -> None:
    assert len(YuNetFaceDetector(yunet_file, min_score=0.99).detect(collins)) == 0


def test_it_says_nothing_on_stderr(yunet_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    YuNetFaceDetector(yunet_file).detect(np.zeros((100, 100, 3), np.uint8))
    assert capfd.readouterr() == ("", "")


def test_it_is_taken_from_the_model_folder(yunet_file: Path, tmp_path: Path, collins: Image) -> None:
    place = tmp_path / "yunet" / yunet_file.name
    place.parent.mkdir()
    place.write_bytes(yunet_file.read_bytes())
    loaded = load_yunet(FaceSettings(), tmp_path)
    assert len(loaded.detect(collins)) == 1
    assert loaded.fingerprint["side"] == "640" and loaded.landmarks == "yunet5"


def test_what_is_no_model_is_said(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"no graph")
    with pytest.raises(ModelUnavailable, match=r"broken\.onnx cannot be read as YuNet"):
        YuNetFaceDetector(path)


