"""Files into the library over HTTP: uploads, and files that lie under an allowed folder already."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from core.errors import InvalidRequest
from index.catalogue import Catalogue
from index.rows import Added
from ingest.identity import content_id

_NOT_ALLOWED = "This is not a file under one of the folders that server.media_roots allows."
"""For everything outside, there or not: what else is on the machine is nobody's business."""


class Intake:
    """``probe`` raises MediaError for what is no media. ``uploads`` holds one folder for each content that
    was uploaded, named by its id, with the file in it."""

    def __init__(
        self, catalogue: Catalogue, probe: Callable[[Path], object], uploads: Path, roots: Sequence[Path]
    ) -> None:
        self._catalogue, self._probe, self._uploads, self._roots = catalogue, probe, uploads, tuple(roots)

    def take(self, draft: Path, name: str) -> Added:
        """Move a whole upload to its place; ``draft`` is gone then, except when this raises. Raises
        MediaError."""
        self._probe(draft)
        media_id = content_id(draft)
        if any(path.is_file() for path in self._catalogue.paths_of(media_id)):
            draft.unlink()
            return self._added(media_id, known=True)
        known = self._catalogue.find_media(media_id) is not None
        place = self._uploads / media_id / name
        place.parent.mkdir(parents=True, exist_ok=True)
        draft.replace(place)
        return self._record(place, media_id, known)

    def register(self, given: str, anywhere: bool = False) -> Added:
        """A file that stays where it is. Raises InvalidRequest for one that is not under an allowed folder,
        MediaError for what is no media. ``anywhere``: under any folder, and the job says what is no media,
        so that the library keeps the reason."""
        path = _any_file(given) if anywhere else self._allowed(given)
        if not anywhere:
            self._probe(path)
        media_id = content_id(path)
        return self._record(path, media_id, self._catalogue.find_media(media_id) is not None)

    def find_lost(self) -> list[Added]:
        """Uploads that have reached their place, but of which a killed process could not tell the
        catalogue; their jobs wait now."""
        found = (path for path in self._uploads.glob("*/*") if path.parent.name != "incoming")
        lost = [path for path in found if path.is_file() and self._catalogue.find_file(path) is None]
        # What cannot be read must not keep the server from starting.
        readable = [path for path in lost if os.access(path, os.R_OK)]
        return [self._record(path, content_id(path), known=False) for path in readable]

    def remove_uploads(self, media_paths: Sequence[Path]) -> None:
        """Delete those of the files that were uploaded; others are their owners'."""
        for path in media_paths:
            if path.parent.parent == self._uploads.absolute():
                path.unlink(missing_ok=True)
                if not any(path.parent.iterdir()):
                    path.parent.rmdir()

    def _allowed(self, given: str) -> Path:
        if not self._roots:
            raise InvalidRequest(
                "This server indexes no files by their path: it has no server.media_roots. Upload the file."
            )
        path = _absolute(given)
        try:
            # Links are followed first, or one under a root could lead anywhere.
            real = path.resolve(strict=True)
            roots = [root.resolve(strict=True) for root in self._roots if root.is_dir()]
            inside = any(root in real.parents for root in roots)
            if not inside or not stat.S_ISREG(real.stat().st_mode):
                raise InvalidRequest(_NOT_ALLOWED)
        except (OSError, RuntimeError):
            raise InvalidRequest(_NOT_ALLOWED) from None
        if not os.access(real, os.R_OK):
            raise InvalidRequest(f"{real.name} may not be read by the server; change its permissions.")
        return real

    def _record(self, path: Path, media_id: str, known: bool) -> Added:
        facts = path.stat()
        self._catalogue.record_file(path, facts.st_size, facts.st_mtime_ns, media_id)
        return self._added(media_id, known)

    def _added(self, media_id: str, known: bool) -> Added:
        """With a job, where there is something to do for this content. What has failed before fails again:
        that is for whoever asks for another try."""
        media = self._catalogue.get_media(media_id)
        if media.status in ("pending", "indexing"):
            return Added(media, self._catalogue.queue_media(media_id), known)
        job = self._catalogue.list_jobs(media_id=media_id, kind="ingest", limit=1)
        return Added(media, job[0] if job else None, known)


def _any_file(given: str) -> Path:
    """For whoever runs the server, and could open it without us. As named: links are not followed, as
    ``momentseek ingest`` does it."""
    path = _absolute(given)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InvalidRequest(f"{path.name} is not a file with content of its own.")
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}.") from None
    if not os.access(path, os.R_OK):
        raise InvalidRequest(f"{path.name} may not be read by the server; change its permissions.")
    return path


def _absolute(given: str) -> Path:
    path = Path(given)
    if not path.is_absolute() or "\0" in given:
        raise InvalidRequest(f"{given[:200]!r} is not an absolute path; write it from / on.")
    return path
