"""Shot cuts, found on thumbnails of every decoded frame.

PySceneDetect's AdaptiveDetector compares the change at a frame with the changes around it. On handheld
footage it found the hard cuts that a fixed threshold on content also finds, with fewer false ones than
that, than luma alone and than perceptual hashes. It reports a cut two frames late; ``LOOKAHEAD_FRAMES`` is
how many frames a caller has to keep to be able to go back to the first frame of the shot.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from core.types import Image

LOOKAHEAD_FRAMES = 2
MIN_SHOT_SECONDS = 0.2


class ShotFinder:
    """Feed it every frame in order; it names the times at which a shot begins."""

    def __init__(self) -> None:
        self._detector = _detector()
        self._times: list[float] = []  # of the last three frames
        self._fed = 0
        self._last: Image | None = None
        self.starts_seconds: list[float] = []

    def look(self, time_seconds: float, thumbnail_bgr: Image, frames: int = 1) -> float | None:
        """The start of a shot that became certain with this frame (one of the last three), or None.

        ``frames`` is how many frames on this one is; what changed is counted for each of them, so that a
        moving camera makes no cut where frames were left out.

        The first frame starts the first shot and is recorded, not returned. Thumbnails of another size
        than the first one's are brought to it.
        """
        if self._last is None:
            self._last = thumbnail_bgr
            self.starts_seconds.append(time_seconds)
            # Copies before the first frame let a cut right behind it be seen.
            for _ in range(LOOKAHEAD_FRAMES):
                self._feed(time_seconds, thumbnail_bgr)
        elif thumbnail_bgr.shape != self._last.shape:
            height, width = self._last.shape[:2]
            thumbnail_bgr = cv2.resize(thumbnail_bgr, (width, height)).astype(np.uint8)
        self._last = thumbnail_bgr
        self._detector.frames = frames
        return self._feed(time_seconds, thumbnail_bgr)

    def finish(self) -> list[float]:
        """Shots that begin within the last frames of the stream."""
        if self._last is None:
            return []
        self._detector.frames = 1
        found = [self._feed(self._times[-1], self._last) for _ in range(LOOKAHEAD_FRAMES)]
        return [time for time in found if time is not None]

    def _feed(self, time_seconds: float, thumbnail_bgr: Image) -> float | None:
        from scenedetect.common import FrameTimecode

        # The detector only counts frames; the rate it is told has no effect on what is returned.
        cuts = self._detector.process_frame(FrameTimecode(self._fed, 30.0), thumbnail_bgr)
        self._times = [*self._times[-LOOKAHEAD_FRAMES:], time_seconds]
        self._fed += 1
        for cut in cuts:
            start: float = self._times[cut.frame_num - self._fed]
            if start - self.starts_seconds[-1] >= MIN_SHOT_SECONDS:
                self.starts_seconds.append(start)
                return start
        return None


def _detector() -> Any:
    # Half a second of imports that a run without shots does not pay.
    from scenedetect.detectors import AdaptiveDetector

    class Detector(AdaptiveDetector):  # type: ignore[misc]
        """The same score as its parent's, at a quarter of the time: the change of a frame is looked at
        thirty times a second of video. Should the parent stop calling this, only that time is lost."""

        frames = 1
        _last_hsv: Image | None = None

        def _calculate_frame_score(self, timecode: Any, frame_img: Image) -> float:
            hsv = np.asarray(cv2.cvtColor(frame_img, cv2.COLOR_BGR2HSV), np.uint8)
            last, self._last_hsv = self._last_hsv, hsv
            return 0.0 if last is None else sum(cv2.mean(cv2.absdiff(hsv, last))[:3]) / 3 / self.frames

    return Detector(min_scene_len=1, window_width=LOOKAHEAD_FRAMES)
