"""What a reader wants from a file's frames: samples with shots, or every frame of an interval."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, islice

from core.errors import TimeOutOfRange
from core.settings import IngestSettings
from core.time import clock
from ingest.frames import Frame, Source, VideoSource
from ingest.media import DecodeSummary, Sample
from ingest.sample import GridSampler
from ingest.shots import LOOKAHEAD_FRAMES, ShotFinder

LEAD_IN_SECONDS = 10.0
"""Read before a stretch. What looks back furthest is the choice of frames that need not be decoded: at 24
sizes of packets that others refer to, and 40 packets ahead; the search for cuts looks at five frames, the
grid at one."""


def read_samples(
    source: Source, frames: Iterator[Frame], ingest: IngestSettings
) -> Iterator[Sample | DecodeSummary]:
    """Grid samples and the first frame of every shot in time order, then the summary.

    Frames are kept until it is certain whether a shot begins at them: LOOKAHEAD_FRAMES + 1 full frames, and
    the times of those between them that were not decoded.
    """
    moving = source.facts.media_type == "video"
    picker = _Picker(ingest, ShotFinder() if ingest.shots and moving else None)
    for frame in frames:
        yield from picker.take(frame)
    yield from picker.finish()
    problem = source.problem()
    yield DecodeSummary(
        "partial" if problem else "ok", problem, source.end_seconds, source.frames_decoded,
        source.frames_dropped, picker.shot_starts_seconds,
    )  # fmt: skip


def read_stretch(
    source: VideoSource, frames: Iterator[Frame], ingest: IngestSettings, start_seconds: float,
    end_seconds: float,
) -> Iterator[Sample | DecodeSummary]:
    """What ``read_samples`` finds within the half-open [start_seconds, end_seconds), at the same times, with
    shots counted from 0; then the summary, of which the duration is the time of the next sample.

    ``frames`` begin LEAD_IN_SECONDS before the start: by then all that looks back sees what it sees in the
    whole file. A stretch that the file does not fill is partial.
    """
    picker = _Picker(ingest, ShotFinder() if ingest.shots else None)
    samples = chain(chain.from_iterable(map(picker.take, frames)), _late(picker.finish))
    next_seconds: float | None = None
    first_shot: int | None = None
    for sample in samples:
        if sample.time_seconds >= end_seconds:
            next_seconds = sample.time_seconds
            break
        if sample.time_seconds >= start_seconds:
            first_shot = sample.shot if first_shot is None else first_shot
            yield replace(sample, shot=sample.shot - first_shot)
    problem = source.problem_within()
    if next_seconds is None:
        problem = problem or source.problem()
        if math.isfinite(end_seconds):
            problem = problem or f"The video ends at {source.end_seconds:.1f} s, before {end_seconds:.1f} s."
    shots = tuple(one for one in picker.shot_starts_seconds if start_seconds <= one < end_seconds)
    yield DecodeSummary(
        "partial" if problem else "ok", problem,
        source.end_seconds if next_seconds is None else next_seconds, source.frames_decoded,
        source.frames_dropped, shots,
    )  # fmt: skip


def _late(samples: Callable[[], Iterator[Sample]]) -> Iterator[Sample]:
    """Asked for only when everything before it has been taken."""
    yield from samples()


class _Picker:
    def __init__(self, ingest: IngestSettings, finder: ShotFinder | None) -> None:
        self._grid = GridSampler(ingest.samples_per_second)
        self._max_side = ingest.max_side_px
        self._finder = finder
        # Without shots one frame is kept: how long it is shown is certain when the next one comes.
        self._lookahead = LOOKAHEAD_FRAMES if finder else 1
        self._held: deque[Frame] = deque()
        self._frames_since_seen = 0
        self._owed = False
        self._cuts: set[float] = set()
        self._shot = 0

    @property
    def shot_starts_seconds(self) -> tuple[float, ...]:
        return tuple(self._finder.starts_seconds) if self._finder else (0.0,)

    def take(self, frame: Frame) -> Iterator[Sample]:
        self._held.append(frame)
        self._frames_since_seen += 1
        if not frame.has_pixels:
            return
        if self._finder:
            cut = self._finder.look(frame.time_seconds, frame.thumbnail_bgr(), self._frames_since_seen)
            if cut is not None:
                self._cuts.add(cut)
        self._frames_since_seen = 0
        while self._seen_behind_first() >= self._lookahead:
            yield from self._release()

    def finish(self) -> Iterator[Sample]:
        if self._finder:
            self._cuts.update(self._finder.finish())
        while self._held:
            yield from self._release()

    def _seen_behind_first(self) -> int:
        return sum(frame.has_pixels for frame in islice(self._held, 1, None))

    def _release(self) -> Iterator[Sample]:
        frame = self._held.popleft()
        until = self._held[0].time_seconds if self._held else frame.time_seconds + frame.shown_seconds
        on_grid = self._grid.wants(frame.time_seconds, until) or self._owed
        is_cut = frame.time_seconds in self._cuts
        if is_cut:
            self._cuts.discard(frame.time_seconds)
            self._shot += 1
        # A frame without pixels is wanted only where a file's times are not what its packets said.
        self._owed = on_grid and not frame.has_pixels
        if (on_grid or is_cut) and frame.has_pixels:
            yield Sample(frame.time_seconds, self._shot, frame.picture(self._max_side), is_cut)


def frames_between(
    source: Source, frames: Iterator[Frame], start_seconds: float, end_seconds: float
) -> Iterator[Frame]:
    """Every frame that is shown within the half-open [start_seconds, end_seconds): first the one on screen
    at the start, whose own time may be before it. ``frames`` are ``source.frames(start_seconds)``.

    Raises TimeOutOfRange when the start is past the end of the content, and of the sound beside it: while
    that lasts the last frame stays on screen.
    """
    if start_seconds < 0:
        raise TimeOutOfRange(f"A time of {start_seconds:g} s was asked for; times start at 0.")
    shown: Frame | None = None
    for frame in frames:
        if shown is not None and frame.time_seconds > start_seconds:
            yield shown
        shown = frame
        if frame.time_seconds >= end_seconds and frame.time_seconds > start_seconds:
            return
    if shown is None:
        return
    end = source.played_seconds()
    if start_seconds > end:
        asked, length = clock(start_seconds), clock(end)
        raise TimeOutOfRange(f"{asked} is past the end of the media, which is {length} long.")
    yield shown
