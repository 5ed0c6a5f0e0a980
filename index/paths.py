"""Paths as text for a database: file names on Linux are bytes, and not all of them are UTF-8."""

from __future__ import annotations

from pathlib import Path

# Bytes that are not UTF-8 are lone surrogates in Python, which no database takes: they stand in the
# private use area instead.
_TO_TEXT = {0xDC80 + byte: 0xF780 + byte for byte in range(128)}
_FROM_TEXT = {there: here for here, there in _TO_TEXT.items()}


def to_text(path: Path | str) -> str:
    """The absolute path; links are not followed, so that a linked file keeps the name people gave it."""
    return str(Path(path).absolute()).translate(_TO_TEXT)


def from_text(text: str) -> Path:
    return Path(text.translate(_FROM_TEXT))


def fold(name: str) -> str:
    """A name without case in any alphabet, to compare by: at most 255 characters."""
    return name.translate(_TO_TEXT).casefold()[:255]
