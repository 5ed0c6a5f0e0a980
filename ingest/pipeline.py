"""Files to records: decode, describe, write; resumable at every file.

The order of writes is what makes it safe to kill: the catalogue says ``indexing`` before the first point
is written and ``indexed`` only after the store has flushed the last one. Whatever is found at ``indexing``
without a living worker is done again, and deterministic ids make that change nothing.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from core.errors import DecoderCrashed, LeaseLost, MediaError
from core.settings import IngestSettings
from core.types import Kind
from index.catalogue import Catalogue, ingest_job_id
from index.rows import FAILED, SEARCHABLE, FileRow, IndexedFacts, MediaRow, MediaStatus
from index.store import VectorStore, Where
from ingest.analyze import Analyzer, FrameVectors, to_points
from ingest.decode import Decoder
from ingest.discover import discover
from ingest.identity import content_id
from ingest.media import DecodeSummary, MediaFacts, Sample
from ingest.progress import OnProgress, Outcome, Progress
from ingest.storyboard import Storyboard

_BATCH = 4
"""Frames described together; at most _BATCH + 1 of them are held here."""

_LEASE_SECONDS, _RENEW_SECONDS = 120.0, 5.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What an ingest works with; the engine chooses it. ``storyboard_dir`` gives the folder of a
    media file's storyboard."""

    catalogue: Catalogue
    store: VectorStore
    analyzer: Analyzer
    decoder: Decoder
    generation: str
    settings: IngestSettings
    storyboard_dir: Callable[[str], Path]


Report = Callable[[str, float], None]


class Ingest:
    """One run over files and folders. Stop it from another thread by setting ``stop``."""

    def __init__(self, parts: Parts, on_progress: OnProgress = lambda _: None, again: bool = False):
        self._parts, self._on_progress, self._again = parts, on_progress, again
        self._owner = f"{socket.gethostname()}:{os.getpid()}"
        self._media_seconds = 0.0
        self._renewed = 0.0
        self.stop = threading.Event()

    def run(self, paths: Iterable[Path | str]) -> list[Outcome]:
        """Every file's outcome, in order. Only DiskFull and a lost store end the run early."""
        found = discover(paths)
        outcomes = [
            Outcome(path, "failed", f"{path} does not exist or cannot be read.") for path in found.unreadable
        ]
        for number, path in enumerate(found.files):
            if self.stop.is_set():
                break
            report = self._reporter(path, number, len(found.files))
            report("looking", 0.0)
            outcomes.append(self._one(path, report))
        return outcomes

    def _reporter(self, path: Path, number: int, total: int) -> Report:
        def report(doing: str, share: float) -> None:
            self._on_progress(Progress(number, total, path, doing, share, self._media_seconds))

        return report

    def _one(self, path: Path, report: Report) -> Outcome:
        catalogue = self._parts.catalogue
        try:
            stat = path.stat()
            known = catalogue.find_file(path)
            if (
                known
                and not self._again
                and known.matches(stat.st_size, stat.st_mtime_ns)
                and self._is_done(known)
            ):
                return Outcome(
                    path,
                    "known" if known.status in SEARCHABLE else known.status,
                    known.reason,
                    known.media_id,
                )
            media_id = content_id(path)
        except OSError as error:
            return Outcome(path, "failed", f"{path.name} cannot be read: {error.strerror}.")
        catalogue.record_file(path, stat.st_size, stat.st_mtime_ns, media_id)
        row = catalogue.get_media(media_id)
        if self._is_current(row) and not self._again:
            return self._known_content(path, row)
        if not self._claim(media_id):
            return Outcome(path, "busy", f"{path.name} is being indexed by another process.", media_id)
        try:
            return self._index(path, media_id, report)
        finally:
            catalogue.release_media(media_id, self._owner)

    def _is_done(self, known: FileRow) -> bool:
        if known.media_id is None:
            return known.is_settled
        return self._is_current(self._parts.catalogue.get_media(known.media_id))

    def _is_current(self, row: MediaRow) -> bool:
        """Nothing to do for this content: it is in this generation, or it failed and has not changed."""
        return row.status in FAILED or (row.status in SEARCHABLE and row.generation == self._parts.generation)

    def _known_content(self, path: Path, row: MediaRow) -> Outcome:
        if row.status in FAILED:
            return Outcome(path, row.status, row.reason, row.id)
        others = [other for other in self._parts.catalogue.paths_of(row.id) if other != path]
        gone = [other for other in others if not other.exists()]
        self._parts.catalogue.mark_missing(gone)
        if len(gone) < len(others):
            there = next(other for other in others if other not in gone)
            return Outcome(path, "copy", f"The same content as {there}.", row.id)
        return Outcome(path, "moved", "Known under another path; its vectors are kept.", row.id)

    def _claim(self, media_id: str) -> bool:
        catalogue = self._parts.catalogue
        if catalogue.claim_media(media_id, self._owner, _LEASE_SECONDS):
            return True
        holder = catalogue.get_job(ingest_job_id(media_id)).lease_owner
        if holder is None or not _is_dead(holder):
            return False
        # Killed on this machine: no need to wait until its lease runs out.
        catalogue.release_media(media_id, holder)
        return catalogue.claim_media(media_id, self._owner, _LEASE_SECONDS)

    def _index(self, path: Path, media_id: str, report: Report) -> Outcome:
        """Once more after a crash of the decoder: the second one puts the file into quarantine."""
        outcome = self._try(path, media_id, report)
        return self._try(path, media_id, report) if outcome.status == "pending" else outcome

    def _try(self, path: Path, media_id: str, report: Report) -> Outcome:
        parts = self._parts
        parts.catalogue.mark_indexing(media_id, parts.generation)
        # What an interrupted run with other settings left behind would never be overwritten.
        parts.store.delete(Where(media_ids=(media_id,)))
        writer = _Writer(parts, media_id)
        before = self._media_seconds
        try:
            for item in parts.decoder.read(path):
                self._keep(media_id)
                writer.take(item)
                self._media_seconds = before + writer.media_seconds
                report("indexing", parts.decoder.progress or 0.0)
        except MediaError as error:
            parts.store.delete(Where(media_ids=(media_id,)))
            crashed = isinstance(error, DecoderCrashed)
            status = parts.catalogue.mark_failed(
                media_id, cast(MediaStatus, error.status), str(error), crashed
            )
            self._media_seconds = before
            return Outcome(path, status, str(error), media_id)
        parts.store.flush()
        facts, counts, reason = writer.result()
        parts.catalogue.mark_indexed(media_id, facts, counts, parts.generation, reason)
        status = "partial" if reason else "indexed"
        return Outcome(path, status, reason, media_id, writer.media_seconds, sum(counts.values()))

    def _keep(self, media_id: str) -> None:
        """Renew the lease now and then; give up when told to stop or when the lease went to another."""
        if self.stop.is_set():
            raise KeyboardInterrupt
        now = time.monotonic()
        if now - self._renewed > _RENEW_SECONDS:
            self._renewed = now
            share = self._parts.decoder.progress
            if not self._parts.catalogue.renew_media(media_id, self._owner, _LEASE_SECONDS, share):
                raise LeaseLost(
                    f"Another process took over {media_id}; this one stops so as not to write beside it."
                )


def _is_dead(owner: str) -> bool:
    """Whether ``host:pid`` names a process of this machine that is gone."""
    host, _, pid = owner.rpartition(":")
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


class _Writer:
    """Samples of one file to points in the store, in batches; holds back one frame until its end is known."""

    def __init__(self, parts: Parts, media_id: str):
        self._parts, self._media_id = parts, media_id
        self._waiting: list[Sample] = []
        self._last: FrameVectors | None = None
        self._counts: Counter[Kind] = Counter()
        self._samples = 0
        self._storyboard = Storyboard()
        self._facts: MediaFacts | None = None
        self._summary: DecodeSummary | None = None
        self.media_seconds = 0.0

    def take(self, item: MediaFacts | Sample | DecodeSummary) -> None:
        """The next item of the decoder: facts, then samples, then the summary."""
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
            media_type=facts.media_type,
            container=facts.container,
            codec=facts.codec,
            width=facts.width,
            height=facts.height,
            duration_seconds=summary.duration_seconds if facts.media_type == "video" else None,
            duration_from_header_seconds=facts.duration_from_header_seconds,
            fps=facts.fps,
            sample_count=self._samples,
            shot_starts_seconds=summary.shot_starts_seconds,
        )
        return indexed, dict(self._counts), summary.reason if summary.status == "partial" else None

    def _known_facts(self) -> MediaFacts:
        assert self._facts is not None  # the decoder's first word
        return self._facts

    @property
    def _wants_storyboard(self) -> bool:
        return self._parts.settings.storyboard and self._known_facts().media_type == "video"

    def _add(self, sample: Sample) -> None:
        self._samples += 1
        self.media_seconds = sample.time_seconds
        if self._wants_storyboard:
            self._storyboard.add(sample.time_seconds, sample.image)
        self._waiting.append(sample)
        if len(self._waiting) >= _BATCH:
            self._describe()

    def _finish(self, summary: DecodeSummary) -> None:
        self._describe()
        if self._last is not None:
            self._write(self._last, summary.duration_seconds)
        if self._wants_storyboard:
            self._storyboard.write(self._parts.storyboard_dir(self._media_id), summary.duration_seconds)
        self._summary, self.media_seconds = summary, summary.duration_seconds

    def _describe(self) -> None:
        frames = self._parts.analyzer.analyze(self._waiting) if self._waiting else []
        self._waiting.clear()
        for frame in frames:
            if self._last is not None:
                self._write(self._last, frame.sample.time_seconds)
            self._last = frame

    def _write(self, frame: FrameVectors, end_seconds: float) -> None:
        for points in to_points(frame, self._media_id, self._known_facts().media_type, end_seconds):
            self._parts.store.upsert(points)
            self._counts.update(points.kind)
