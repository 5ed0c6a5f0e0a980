"""A restored library takes the place of the one that was there.

It is made ready in a folder of the library itself (which may be a mount, so that it cannot be renamed). Then
what was there moves out and what is ready moves in: a handful of renames. Killed between two of them, the
library is closed until the rest has been done; nothing is lost whenever that is.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from core.errors import StoreBusy

CATALOGUE = "catalogue.sqlite"
FOLDERS = ("storyboards", "pictures", "uploads")
_ASIDE, _BEFORE = "restoring", "replaced"
_READY, _EMPTIED = "ready", "emptied"
_PARTS = (CATALOGUE, f"{CATALOGUE}-wal", f"{CATALOGUE}-shm", "index", *FOLDERS)
"""Of a data folder. The catalogue goes first and comes last: without it there is no library."""


def aside(data_dir: Path) -> Path:
    """Where a library is made ready."""
    return data_dir / _ASIDE


def clear(data_dir: Path) -> Path:
    """An empty folder to make one ready in."""
    shutil.rmtree(aside(data_dir), ignore_errors=True)
    shutil.rmtree(data_dir / _BEFORE, ignore_errors=True)
    aside(data_dir).mkdir(parents=True)
    return aside(data_dir)


def parts_there(data_dir: Path) -> list[str]:
    """What of a library lies in ``data_dir``."""
    there = (data_dir / name for name in _PARTS)
    return sorted(path.name for path in there if path.is_file() or (path.is_dir() and any(path.iterdir())))


def switch(data_dir: Path, identity: str, spared: Iterable[str] = ()) -> None:
    """What is ready takes its place; ``spared`` parts stay as they are."""
    kept = ",".join(spared)
    _write(aside(data_dir) / _READY, f"{identity}\n{kept}")
    finish(data_dir)


def finish(data_dir: Path) -> str | None:
    """Go on with a switch that was begun; the identity of what is in place now, None when none was begun."""
    ready, emptied = aside(data_dir) / _READY, aside(data_dir) / _EMPTIED
    if ready.exists():
        before = data_dir / _BEFORE
        before.mkdir(exist_ok=True)
        spared = ready.read_text("utf-8").partition("\n")[2].split(",")
        for name in _PARTS:
            if name not in spared and (data_dir / name).exists():
                (data_dir / name).rename(before / name)
        ready.rename(emptied)
    if not emptied.exists():
        return None
    for name in reversed(_PARTS):
        if (aside(data_dir) / name).exists():
            (aside(data_dir) / name).rename(data_dir / name)
    identity = emptied.read_text("utf-8").partition("\n")[0]
    emptied.unlink()
    shutil.rmtree(aside(data_dir), ignore_errors=True)
    shutil.rmtree(data_dir / _BEFORE, ignore_errors=True)
    return identity


def require_whole(data_dir: Path) -> None:
    """Raises StoreBusy while a switch is half done."""
    if any((aside(data_dir) / name).exists() for name in (_READY, _EMPTIED)):
        raise StoreBusy(
            f"A restored library is taking its place in {data_dir}, or was interrupted at it: run the same "
            "momentseek restore again."
        )


def _write(path: Path, text: str) -> None:
    """All of it or nothing."""
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(text, "utf-8")
    draft.replace(path)
