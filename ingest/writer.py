"""What the decoder says of one file, turned into points in the store."""

from __future__ import annotations

import errno
from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Self

from core.errors import DiskFull, StoreError
from core.record import Points, VectorName
from core.types import Kind
from index.rows import IndexedFacts
from index.store import VectorStore
from ingest.analyze import Analyzer, FrameVectors, Seen, to_points
from ingest.media import DecodeSummary, MediaFacts, Sample
from ingest.progress import Stopwatch
from ingest.runs import Runs
from ingest.storyboard import Storyboard
from ingest.tracks import joined

_BATCH = 4
"""Frames described together."""

_BATCHES_AHEAD = 2
"""Batches being described or waiting for it; at most (_BATCHES_AHEAD + 1) * _BATCH + 2 frames are held."""

_BATCH_POINTS = 256
"""Points written together; of each named vector fewer than this wait here, beside those of one sample. One
more such batch is on its way to the store."""


class MediaWriter:
    """Samples of one file to points, in batches; holds back one frame until it is known how long it stands.

    Describing and storing have a thread each, so that they overlap with one another and with whoever brings
    the samples; what goes wrong there is raised here, some samples later. Close it: nothing is written after
    that.

    ``run_likeness`` is how alike two sights must be to become one point, see Runs. ``storyboard_dir`` is
    where a video's storyboard goes, None for none.
    """

    def __init__(
        self,
        store: VectorStore,
        analyzer: Analyzer,
        media_id: str,
        run_likeness: float,
        storyboard_dir: Path | None,
        watch: Stopwatch,
        first_track: int = 0,
    ):
        self._store, self._analyzer, self._media_id = store, analyzer, media_id
        self._storyboard_dir, self._watch = storyboard_dir, watch
        numbers = count(first_track)
        names: tuple[VectorName, ...] = ("visual", "face")
        self._runs = {name: Runs(name, run_likeness, numbers) for name in names}
        self._unwritten = {name: Points.empty(name) for name in names}
        self._storyboard = Storyboard()
        self._seen = Seen()
        self._waiting: list[Sample] = []
        self._describing = ThreadPoolExecutor(1, thread_name_prefix="describe")
        self._described: deque[Future[list[FrameVectors]]] = deque()
        self._storing = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._stored: deque[Future[None]] = deque()
        self._last: FrameVectors | None = None
        self._counts: Counter[Kind] = Counter()
        self._samples = 0
        self._facts: MediaFacts | None = None
        self._summary: DecodeSummary | None = None
        self.media_seconds = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for executor in (self._describing, self._storing):
            executor.shutdown(wait=True, cancel_futures=True)

    @property
    def points(self) -> int:
        return self._counts.total()

    def take(self, item: MediaFacts | Sample | DecodeSummary) -> None:
        """The next item of the decoder: facts, then samples, then the summary. Raises StoreError."""
        if isinstance(item, MediaFacts):
            self._facts = item
        elif isinstance(item, Sample):
            self._add(item)
        else:
            self._finish(item)

    def result(self) -> tuple[IndexedFacts, dict[Kind, int], str | None]:
        """Facts for the catalogue, points written per kind, and why the file is only partly there."""
        facts, summary = self._known_facts(), self._summary
        assert summary is not None  # decoder.read ends with a summary or raises
        indexed = IndexedFacts(
            media_type=facts.media_type, container=facts.container, codec=facts.codec, width=facts.width,
            height=facts.height, duration_seconds=summary.duration_seconds if self._is_video else None,
            duration_from_header_seconds=facts.duration_from_header_seconds, fps=facts.fps,
            sample_count=self._samples, shot_starts_seconds=summary.shot_starts_seconds,
        )  # fmt: skip
        return indexed, dict(self._counts), summary.reason if summary.status == "partial" else None

    def _known_facts(self) -> MediaFacts:
        assert self._facts is not None  # the decoder's first word
        return self._facts

    @property
    def _is_video(self) -> bool:
        return self._known_facts().media_type == "video"

    def _add(self, sample: Sample) -> None:
        self._samples += 1
        self.media_seconds = sample.time_seconds
        if self._storyboard_dir is not None and self._is_video:
            with self._watch.lap("storyboard"):
                self._storyboard.add(sample.time_seconds, sample.image)
        self._waiting.append(sample)
        if len(self._waiting) >= _BATCH:
            self._describe()

    def _finish(self, summary: DecodeSummary) -> None:
        self._describe()
        self._wait_for_described(0)
        if self._last is not None:
            self._collect(self._last, summary.duration_seconds)
        for name, runs in self._runs.items():
            self._write(joined(self._unwritten[name], runs.finish()))
        self._wait_for_stored(0)
        if self._storyboard_dir is not None:
            self._write_storyboard(self._storyboard_dir, summary.duration_seconds)
        self._summary, self.media_seconds = summary, summary.duration_seconds

    def _describe(self) -> None:
        if not self._waiting:
            return
        batch, self._waiting = self._waiting, []
        analyze = self._analyzer.analyze
        self._described.append(self._describing.submit(analyze, batch, self._watch, self._seen))
        self._wait_for_described(_BATCHES_AHEAD)

    def _wait_for_described(self, left: int) -> None:
        """Until at most ``left`` batches are under way. What is ready is taken."""
        while self._described and (len(self._described) > left or self._described[0].done()):
            for frame in self._described.popleft().result():
                if self._last is not None:
                    self._collect(self._last, frame.sample.time_seconds)
                self._last = frame

    def _collect(self, frame: FrameVectors, end_seconds: float) -> None:
        found = to_points(frame, self._media_id, self._known_facts().media_type, end_seconds)
        by_name = {points.vector_name: points for points in found}
        for name, runs in self._runs.items():
            points = by_name.get(name, Points.empty(name))
            if self._is_video:  # on a still there is nothing to follow
                points = runs.add(points)
            self._unwritten[name] = joined(self._unwritten[name], points)
            if len(self._unwritten[name]) >= _BATCH_POINTS:
                self._write(self._unwritten[name])
                self._unwritten[name] = Points.empty(name)

    def _write(self, points: Points) -> None:
        if not len(points):
            return
        # Counted at once: where this fails it is to be taken back, whatever came of it.
        self._counts.update(points.kind)
        self._wait_for_stored(1)
        self._stored.append(self._storing.submit(self._upsert, points))

    def _upsert(self, points: Points) -> None:
        with self._watch.lap("store"):
            self._store.upsert(points)

    def _wait_for_stored(self, left: int) -> None:
        while len(self._stored) > left:
            self._stored.popleft().result()

    def _write_storyboard(self, folder: Path, duration_seconds: float) -> None:
        try:
            with self._watch.lap("storyboard"):
                self._storyboard.write(folder, duration_seconds)
        except OSError as error:
            kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else StoreError
            raise kind(f"The storyboard cannot be written to {folder}: {error.strerror}.") from None
