"""Which faces are worth a descriptor: one of a blurred, tiny or averted face resembles everybody's.

Measured with dlib's descriptor on three photographs of people (same person: cosine of 0.91 and more): the
descriptor of the blurred face leaves its own person where the sharpness below has fallen from 0.5-1.7 to
0.02-0.08, and that of a shrunk face at 16 px, where it is still whole at 24.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from core.boxes import to_pixels
from core.settings import FaceSettings
from core.types import Faces, Image
from detect.models import LANDMARK_SCHEMES

_SCALE_PX = 48
"""Faces are brought to this size before their sharpness is taken, whatever the camera."""


def good_faces(
    image: Image, faces: Faces, settings: FaceSettings, landmarks: str | None = None
) -> NDArray[np.bool_]:
    """Which faces pass the gate, shape (n,): large, certain and sharp enough and, where the scheme of the
    ``landmarks`` is known, not turned too far away."""
    height, width = image.shape[:2]
    sides_px = (faces.box_xyxy[:, 2:] - faces.box_xyxy[:, :2]) * np.array([width, height], np.float32)
    good = (sides_px >= settings.min_side_px).all(axis=1) & (faces.score >= settings.min_score)
    if landmarks in LANDMARK_SCHEMES:
        good &= turn(image, faces, landmarks) <= settings.max_turn
    rows = np.flatnonzero(good)
    good[rows] = sharpness(image, faces[rows]) >= settings.min_sharpness
    return np.asarray(good, np.bool_)


def sharpness(image: Image, faces: Faces) -> NDArray[np.float32]:
    """Variance of the Laplacian over the variance of the brightness, shape (n,), on faces of one size.

    Without the division a sharp face in the dark would count as blurred: contrast goes into both.
    """
    return np.array([_sharpness(image, box) for box in faces.box_xyxy], np.float32)


def turn(image: Image, faces: Faces, landmarks: str) -> NDArray[np.float32]:
    """How far the nose lies from the middle between the eyes, along the line of the eyes and in shares of
    their distance, shape (n,): 0 for a face from the front, 0.5 where it covers an eye, above that a profile.
    """
    scheme = LANDMARK_SCHEMES[landmarks]
    points = faces.landmarks_xy * np.array([image.shape[1], image.shape[0]], np.float32)
    left, right = (points[:, rows].mean(axis=1) for rows in (scheme.left_eye, scheme.right_eye))
    across = right - left
    length = np.maximum((across**2).sum(axis=1), 1e-6)
    off = ((points[:, scheme.nose] - (left + right) / 2) * across).sum(axis=1) / length
    return np.asarray(np.abs(off), np.float32)


def _sharpness(image: Image, box_xyxy: NDArray[np.float32]) -> float:
    left, top, right, bottom = to_pixels([float(value) for value in box_xyxy], image.shape[1], image.shape[0])
    grey = cv2.cvtColor(np.ascontiguousarray(image[top:bottom, left:right]), cv2.COLOR_RGB2GRAY)
    face = cv2.resize(grey, (_SCALE_PX, _SCALE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    # One grey level more than there is: a flat patch is not sharp.
    return float(cv2.Laplacian(face, cv2.CV_32F).var() / (face.var() + 1))
