"""Files and folders that somebody named -> candidate media files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

VIDEO_SUFFIXES = frozenset({
    ".3g2", ".3gp", ".asf", ".avi", ".f4v", ".flv", ".m2ts", ".m2v", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg",
    ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".qt", ".ts", ".vob", ".webm", ".wmv",
})  # fmt: skip
STILL_SUFFIXES = frozenset({".avif", ".gif", ".heic", ".heif", ".jpe", ".jpeg", ".jpg", ".png", ".webp"})
MEDIA_SUFFIXES = VIDEO_SUFFIXES | STILL_SUFFIXES


@dataclass(frozen=True, slots=True)
class Found:
    """``files`` sorted and without doubles; ``passed_over`` counts files in folders whose suffix is not a
    media suffix; ``unreadable`` are named paths that do not exist and folders that cannot be listed."""

    files: tuple[Path, ...]
    passed_over: int = 0
    unreadable: tuple[Path, ...] = ()


def discover(paths: Iterable[Path | str]) -> Found:
    """Candidates among ``paths``, absolute. A file that is named is a candidate whatever its suffix; folders
    are searched for media suffixes, hidden entries and loops of links left out."""
    files: set[Path] = set()
    unreadable: list[Path] = []
    passed_over = 0
    for path in (Path(path).absolute() for path in paths):
        if not path.is_dir():
            (files.add if path.exists() else unreadable.append)(path)
            continue
        for entry in _walk(path, unreadable):
            if entry.suffix.lower() in MEDIA_SUFFIXES:
                files.add(entry)
            else:
                passed_over += 1
    return Found(tuple(sorted(files)), passed_over, tuple(unreadable))


def _walk(root: Path, unreadable: list[Path]) -> Iterator[Path]:
    visited: set[tuple[int, int]] = set()
    pending = [root]
    while pending:
        folder = pending.pop()
        try:
            facts = folder.stat()
            if (facts.st_dev, facts.st_ino) in visited:
                continue
            visited.add((facts.st_dev, facts.st_ino))
            entries = sorted(folder.iterdir())
        except OSError:
            unreadable.append(folder)
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                pending.append(entry)
            elif entry.is_file():
                yield entry
