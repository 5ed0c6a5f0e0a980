"""Files to records: a run over files and folders, several of them at a time; resumable at every file.

What belongs to one file under way is in ingest/lane.py.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from core.errors import MediaError
from index.rows import FAILED, SEARCHABLE, FileRow, MediaRow
from ingest.decode import Decoder
from ingest.discover import discover
from ingest.forget import forget_media
from ingest.identity import content_id
from ingest.lane import Lane
from ingest.lease import new_owner
from ingest.parts import Parts
from ingest.progress import OnProgress, Outcome, Progress, Stopped

__all__ = ["Ingest", "Parts"]

_LOOK_EVERY_SECONDS = 0.5
"""Whether everything is to end, while one waits for another."""


class Ingest:
    """One run over files and folders. Stop it from another thread by setting ``stop``: what is done is
    kept, the files under way are left for the next run.

    With ``more`` decoders so many more files are under way at a time, each in a thread (``parts`` must bear
    that; the first is in the caller's). ``on_progress`` is never called by two at once.
    """

    def __init__(
        self, parts: Parts, on_progress: OnProgress = lambda _: None, again: bool = False,
        more: Sequence[Decoder] = (),
    ) -> None:
        self._parts, self._on_progress, self._again = parts, on_progress, again
        self._lanes = [Lane(one, self) for one in (parts, *(replace(parts, decoder=one) for one in more))]
        self._files: Iterator[tuple[int, Path]] = iter(())
        self._total = 0
        self._outcomes: dict[int, Outcome] = {}
        # Files are taken and looked at one at a time: of two with the same content the first is indexed.
        self._looking = threading.Condition()
        self._under_way: set[str] = set()
        self._telling = threading.Lock()
        self._indexed: set[str] = set()
        self._replaced: set[str] = set()
        self._broken = threading.Event()
        self.stop = threading.Event()

    def run(self, paths: Iterable[Path | str]) -> list[Outcome]:
        """Every file's outcome, in order. Only a StoreError (disk full, store lost) ends the run early."""
        found = discover(paths)
        self._files, self._total, self._outcomes = iter(enumerate(found.files)), len(found.files), {}
        first, *others = self._lanes
        with ThreadPoolExecutor(max(1, len(others)), thread_name_prefix="ingest") as threads:
            working = [threads.submit(self._work, lane) for lane in others[: max(0, self._total - 1)]]
            try:
                self._work(first)
                for one in working:
                    one.result()
            except BaseException:
                self._broken.set()
                raise
        self._forget_replaced()
        unreadable = [
            Outcome(path, "failed", f"{path} does not exist or cannot be read.") for path in found.unreadable
        ]
        return [*unreadable, *(self._outcomes[number] for number in sorted(self._outcomes))]

    # What lanes ask for

    def go_on(self) -> None:
        """Raises Stopped."""
        if self.stop.is_set() or self._broken.is_set():
            raise Stopped

    def pause(self, seconds: float) -> None:
        self.stop.wait(seconds)

    def tell(self, lane: Lane, doing: str) -> None:
        with self._telling:
            others = sum(one.share for one in self._lanes if one is not lane)
            seconds = sum(one.media_seconds for one in self._lanes)
            done = len(self._outcomes)
            self._on_progress(Progress(done, self._total, lane.path, doing, lane.share, seconds, others))

    # One file after another

    def _work(self, lane: Lane) -> None:
        try:
            while self._next(lane):
                pass
        except Stopped:
            pass
        except BaseException:
            self._broken.set()  # the others end, too
            raise

    def _next(self, lane: Lane) -> bool:
        """Whether there was one."""
        with self._looking:
            self.go_on()
            number, lane.path = next(self._files, (-1, lane.path))
            if number < 0:
                return False
            lane.tell("looking", 0.0)
            looked = self._look(lane.path)
            if isinstance(looked, str):
                self._under_way.add(looked)
        outcome = looked if isinstance(looked, Outcome) else self._index(lane, looked)
        with self._telling:
            self._outcomes[number], lane.share = outcome, 0.0
        return True

    def _look(self, path: Path) -> Outcome | str:
        """What is known of the file, or the id of a content that is to be indexed. For who holds
        ``_looking``."""
        catalogue = self._parts.catalogue
        try:
            facts = path.stat()
            if not stat.S_ISREG(facts.st_mode):
                return Outcome(path, "failed", f"{path.name} is not a file with content of its own.")
            known = catalogue.find_file(path)
            if known and not self._again and self._is_done(known, facts):
                status = "known" if known.status in SEARCHABLE else known.status
                return Outcome(path, status, known.reason, known.media_id)
            media_id = content_id(path)
        except OSError as error:
            return Outcome(path, "failed", f"{path.name} cannot be read: {error.strerror}.")
        except MediaError as error:
            return Outcome(path, error.status, str(error))
        if self._waited_for(media_id):
            return self._look(path)  # by now it may be known
        if known and known.media_id not in (None, media_id):
            self._replaced.add(str(known.media_id))
        catalogue.record_file(path, facts.st_size, facts.st_mtime_ns, media_id)
        row = catalogue.get_media(media_id)
        if self._is_current(row) and (not self._again or media_id in self._indexed):
            return self._known_content(path, row)
        return media_id

    def _waited_for(self, media_id: str) -> bool:
        """Whether another lane was at work on this content; now it is not."""
        if media_id not in self._under_way:
            return False
        while media_id in self._under_way:
            self._looking.wait(_LOOK_EVERY_SECONDS)
            self.go_on()
        return True

    def _index(self, lane: Lane, media_id: str) -> Outcome:
        try:
            outcome = lane.index(lane.path, media_id)
            if outcome.status != "busy":
                self._indexed.add(media_id)
            return outcome
        finally:
            with self._looking:
                self._under_way.discard(media_id)
                self._looking.notify_all()

    def _is_done(self, known: FileRow, facts: os.stat_result) -> bool:
        if known.missing or not known.matches(facts.st_size, facts.st_mtime_ns):
            return False
        if known.media_id is None:
            return known.is_settled
        return self._is_current(self._parts.catalogue.get_media(known.media_id))

    def _is_current(self, row: MediaRow) -> bool:
        """Nothing to do for this content: it is in this generation, or it failed and has not changed."""
        return row.status in FAILED or (row.status in SEARCHABLE and row.generation == self._parts.generation)

    def _known_content(self, path: Path, row: MediaRow) -> Outcome:
        others = [other for other in self._parts.catalogue.paths_of(row.id) if other != path]
        there = next((other for other in others if other.exists()), None)
        if row.status in FAILED:
            same = f"The same content as {there}. " if there else ""
            return Outcome(path, row.status, f"{same}{row.reason}", row.id)
        self._parts.catalogue.mark_missing(other for other in others if not other.exists())
        if there:
            return Outcome(path, "copy", f"The same content as {there}.", row.id)
        if others:
            return Outcome(path, "moved", "Known under another path; its vectors are kept.", row.id)
        return Outcome(path, "known", None, row.id)

    def _forget_replaced(self) -> None:
        """Contents whose only file now holds another one. Looked at last, when a file that was renamed in
        the same stroke has been found in its new place; files on a disk that is away still count."""
        if not self._replaced:
            return
        parts = self._parts
        have_files = {file.media_id for file in parts.catalogue.list_files()}
        for media_id in self._replaced - have_files:
            forget_media(parts.catalogue, parts.store, parts.storyboard_dir(media_id), media_id, new_owner())
