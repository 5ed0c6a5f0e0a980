"""Whether two pictures, or two stretches of film, are the same recording and not just the same place.

What an embedding says is not enough: a camera that does not move gives the same vectors every day. So the
pixels are looked at. A copy may be cropped, stretched, brighter, smaller, compressed and of another frame
rate; its pictures still agree once they are laid over each other, and **what changes from frame to frame**
changes in the same place at the same time. Another day in front of the same camera agrees in the first, never
in the second.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.types import Image

SIDE_PX, STILL_SIDE_PX = 64, 96
"""Frames and stills are compared as squares of this size: shapes that were stretched fit again. There are
fewer stills, and nothing moves that would help."""

_CORE = 0.76
"""The inner part of one picture that is looked for in the other."""
_SCALES = (0.88, 0.92, 0.96, 1.0, 1.04, 1.09, 1.14)
"""Crops of up to 12 % of a side, of the one or of the other."""
_MASK_PX = 2
"""The rim is left out: codecs and scalers treat it differently."""
_BLOCKS = 8
_HOPELESS = 0.6
"""Below this correlation of pictures a second look is not worth it."""
_SHIFT_STEP_SECONDS = 0.02

Grey = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Film:
    """Frames of one medium as grey squares: times in seconds (n,), pictures (n, SIDE_PX, SIDE_PX)."""

    times: NDArray[np.float64]
    pictures: Grey

    def __len__(self) -> int:
        return len(self.times)

    def thinned(self, gap_seconds: float) -> Film:
        """Of these frames so many that they are at least ``gap_seconds`` apart, about."""
        _, rows = np.unique(np.floor(self.times / gap_seconds), return_index=True)
        return Film(self.times[rows], self.pictures[rows])

    def near(self, times: NDArray[np.float64], within_seconds: float) -> Film:
        """Of these frames those that are near one of ``times``, which rise."""
        rows, _ = _pairs(self.times, times, within_seconds)
        return Film(self.times[rows], self.pictures[rows])

    @classmethod
    def of(cls, frames: Sequence[tuple[float, Image]]) -> Film:
        """Frames (seconds, RGB) of any size."""
        times = np.array([seconds for seconds, _ in frames], np.float64)
        pictures = [grey_square(image) for _, image in frames]
        return cls(times, np.array(pictures, np.float32).reshape(-1, SIDE_PX, SIDE_PX))


@dataclass(frozen=True, slots=True)
class StillAgreement:
    """``picture`` is a correlation in [-1, 1]; ``worst`` how far the block that differs most does, in
    deviations of the picture: somebody who has moved is a small part of it."""

    picture: float
    worst: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """``picture`` and ``change`` are correlations in [-1, 1]: of the pictures, and of what changes in them.
    ``moves`` is how much changes, in deviations of the picture, the lesser of the two. ``shift_seconds`` is
    by how much the second is later than was said; ``matrix`` (2, 3) leads from places in the first to places
    in the second."""

    picture: float
    change: float
    moves: float
    shift_seconds: float
    matrix: NDArray[np.float32]


def grey_square(image: Image, side_px: int = SIDE_PX) -> Grey:
    small = cv2.resize(image, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)


def stills_agree(one: Grey, other: Grey) -> StillAgreement:
    """How far two grey squares agree, laid over each other as well as they can be."""
    matrix, inside = _fit(one, other)
    first = _levelled(one[None], inside)[0]
    second = _levelled(_lay(other, matrix)[None], inside)[0]
    apart = np.zeros(one.shape, np.float32)
    apart[inside] = (first - second) ** 2
    block = one.shape[0] // _BLOCKS, one.shape[0] // _BLOCKS
    compared = cv2.boxFilter(inside.astype(np.float32), -1, block, normalize=False)
    sums = cv2.boxFilter(apart, -1, block, normalize=False)
    whole = compared > 0.7 * block[0] * block[1]
    worst = float(np.sqrt((sums[whole] / compared[whole]).max())) if whole.any() else np.inf
    return StillAgreement(float((first * second).mean()) if len(first) else 0.0, worst)


def films_agree(one: Film, other: Film, offset_seconds: float, slack_seconds: float) -> Agreement | None:
    """How far ``other`` is ``one``, ``offset_seconds`` later, give or take ``slack_seconds``. None where
    there is too little to compare."""
    if len(one) < 4 or len(other) < 4:
        return None
    rows = [len(one) * share // 6 for share in (1, 3, 5)]
    near = _levelled(one.pictures[rows]) @ _levelled(other.pictures).T
    found = _best_fit(one, other, zip(rows, near.argmax(axis=1), strict=True), offset_seconds, slack_seconds)
    if found is None or found.picture < _HOPELESS:
        return found
    # Once more, now that it is known which frame is whose partner.
    _, partners = _pairs(one.times, other.times - offset_seconds - found.shift_seconds, np.inf)
    again = _best_fit(one, other, ((row, partners[row]) for row in rows), offset_seconds, slack_seconds)
    return max((fit for fit in (found, again) if fit is not None), key=lambda fit: fit.picture + fit.change)


def _best_fit(
    one: Film, other: Film, pairs: Iterable[tuple[int, int]], offset_seconds: float, slack_seconds: float
) -> Agreement | None:
    """The best agreement when the two are laid over each other as one of these pairs of frames is."""
    best: Agreement | None = None
    for row, partner in pairs:
        matrix, inside = _fit(one.pictures[row], other.pictures[partner])
        laid = np.array([_lay(picture, matrix) for picture in other.pictures], np.float32)
        first, second = _levelled(one.pictures, inside), _levelled(laid, inside)
        shifted = _best_shift(one.times, other.times - offset_seconds, first, second, slack_seconds)
        if shifted is not None and (best is None or shifted[0] + shifted[1] > best.picture + best.change):
            best = Agreement(*shifted, matrix)
    return best


def frames_agree(
    one: Film, other: Film, offset_seconds: float, matrix: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Times of those frames of ``one`` that have a partner in ``other``, ``offset_seconds`` later, and how
    far the two pictures agree, shapes (n,). ``matrix`` is that of an Agreement."""
    if len(one) < 1 or len(other) < 2:
        return np.zeros(0), np.zeros(0, np.float32)
    inside = _inside(matrix, SIDE_PX)
    apart = 1.5 * max(_gap(one.times), _gap(other.times))
    rows, partners = _pairs(one.times, other.times - offset_seconds, apart)
    laid = np.array([_lay(other.pictures[row], matrix) for row in partners], np.float32)
    first = _levelled(one.pictures[rows], inside)
    second = _levelled(laid.reshape(-1, SIDE_PX, SIDE_PX), inside)
    return one.times[rows], np.asarray((first * second).mean(axis=1), np.float32)


def _best_shift(
    times: NDArray[np.float64], others: NDArray[np.float64], first: Grey, second: Grey, slack_seconds: float
) -> tuple[float, float, float, float] | None:
    """Picture, change, moves and shift of an Agreement."""
    pixels = first.shape[1]
    alike = first @ second.T / pixels
    # Against the mean of what is compared, so that a place that stays the same drops out.
    changes, other_changes = first - first.mean(axis=0), second - second.mean(axis=0)
    crossed = changes @ other_changes.T / pixels
    power, other_power = (changes**2).mean(axis=1), (other_changes**2).mean(axis=1)
    apart = 1.5 * max(_gap(times), _gap(others))
    best: tuple[float, float, float, float] | None = None
    for shift in np.arange(-slack_seconds, slack_seconds + 1e-6, _SHIFT_STEP_SECONDS):
        rows, partners = _pairs(times + shift, others, apart)
        if len(rows) < max(4, len(times) // 2):
            continue
        moved = np.sqrt(power[rows].mean() * other_power[partners].mean())
        change = float(crossed[rows, partners].mean() / max(moved, 1e-6))
        picture = float(alike[rows, partners].mean())
        moves = float(np.sqrt(min(power[rows].mean(), other_power[partners].mean())))
        if best is None or change + picture > best[0] + best[1]:
            best = picture, change, moves, float(shift)
    return best


def _pairs(
    times: NDArray[np.float64], others: NDArray[np.float64], apart_seconds: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """For each time the nearest of the others, where one is near."""
    right = np.clip(np.searchsorted(others, times), 1, len(others) - 1)
    left = right - 1
    nearest = np.where(times - others[left] <= others[right] - times, left, right)
    rows = np.flatnonzero(np.abs(others[nearest] - times) <= apart_seconds)
    return rows, nearest[rows]


def _gap(times: NDArray[np.float64]) -> float:
    return float(np.median(np.diff(times))) if len(times) > 1 else 0.04


def _levelled(pictures: Grey, inside: NDArray[np.bool_] | None = None) -> Grey:
    """Pictures (n, h, w) as rows (n, pixels) with mean 0 and deviation 1: light and contrast drop out."""
    rows = pictures[:, inside] if inside is not None else pictures.reshape(len(pictures), -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(rows.std(axis=1, keepdims=True), 1.0), np.float32)


def _lay(picture: Grey, matrix: NDArray[np.float32]) -> Grey:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(picture, matrix, picture.shape, flags=flags), np.float32)


def _fit(one: Grey, other: Grey) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The matrix (2, 3) from places in ``one`` to places in ``other`` at which they agree best, and which
    pixels (h, w) of ``one`` are in both."""
    rim = round(len(one) * (1 - _CORE) / 2)
    core = one[rim:-rim, rim:-rim]
    best, found = -2.0, (1.0, 1.0, float(rim), float(rim))
    for scale_x, scale_y in _scales():
        wide, high = round(core.shape[1] * scale_x), round(core.shape[0] * scale_y)
        template = cv2.resize(core, (wide, high), interpolation=cv2.INTER_LINEAR)
        _, score, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(other, template, cv2.TM_CCOEFF_NORMED))
        if score > best:
            best, found = score, (wide / core.shape[1], high / core.shape[0], float(x), float(y))
    scale_x, scale_y, x, y = found
    matrix = np.array([[scale_x, 0, x - scale_x * rim], [0, scale_y, y - scale_y * rim]], np.float32)
    matrix = _refined(one, other, matrix)
    return matrix, _inside(matrix, len(one))


def _inside(matrix: NDArray[np.float32], side_px: int) -> NDArray[np.bool_]:
    inside = _lay(np.ones((side_px, side_px), np.float32), matrix) > 0.99
    inside[:_MASK_PX] = inside[-_MASK_PX:] = inside[:, :_MASK_PX] = inside[:, -_MASK_PX:] = False
    return np.asarray(inside, np.bool_)


def _refined(one: Grey, other: Grey, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """To a fraction of a pixel (ECC, Evangelidis and Psarakis 2008); as it was where that does not work."""
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-4)
    try:
        _, finer = cv2.findTransformECC(one, other, matrix.copy(), cv2.MOTION_AFFINE, criteria)
    except cv2.error:
        return matrix
    near = np.abs(finer - matrix).max(axis=1)
    return np.asarray(finer, np.float32) if (near < len(one) * 0.06).all() else matrix


def _scales() -> list[tuple[float, float]]:
    even = [(scale, scale) for scale in _SCALES]
    return even + [pair for scale in _SCALES if scale != 1.0 for pair in ((scale, 1.0), (1.0, scale))]
