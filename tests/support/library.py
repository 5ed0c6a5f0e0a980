"""A small library with real content, indexed once per run with the real offline models.

kitchen.mp4: [0, 3) a cup of coffee, [3, 5) a cat. space.mp4: [0, 2.5) an astronaut's face, [2.5, 4.5) a
rocket. cup.webp: the cup. Tests get copies of the index and share the media.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from bench.camera import Reel, Shot, View, look, write_reel
from core.settings import Settings, load
from index.catalogue import Catalogue
from index.keys import Keys
from index.stores.edge import EdgeStore
from momentseek.engine import Engine

REPOSITORY = Path(__file__).resolve().parents[2]
CUT_SECONDS = {"kitchen.mp4": 3.0, "space.mp4": 2.5}
LENGTH_SECONDS = {"kitchen.mp4": 5.0, "space.mp4": 4.5}

_REELS = (
    Reel("kitchen.mp4", Fraction(25), (320, 240), (
        Shot("coffee", 3.0, View(0.5, 0.5), View(0.48, 0.42, 1.3)),
        Shot("chelsea", 2.0, View(0.4, 0.5, 1.3), View(0.6, 0.5, 1.3)),
    )),
    Reel("space.mp4", Fraction(24), (320, 240), (
        Shot("astronaut", 2.5, View(0.45, 0.2, 1.2), View(0.45, 0.2, 1.4)),
        Shot("rocket", 2.0, View(0.5, 0.7, 1.2), View(0.5, 0.6)),
    )),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Library:
    """``media`` holds the files, ``data_dir`` catalogue and index, ``ids`` media ids by file name."""

    media: Path
    data_dir: Path
    model_dir: Path
    ids: dict[str, str]

    def settings(self) -> Settings:
        return load(None, {"data_dir": self.data_dir, "model_dir": self.model_dir})

    def add_key(self, name: str, scope: str) -> str:
        """As `momentseek keys add`, without two seconds of a process."""
        with Keys.open(self.data_dir / "catalogue.sqlite") as keys:
            return keys.add_key(name, scope).key

    def copy(self, folder: Path) -> Library:
        """The same library with an index of its own."""
        copy_sparse(self.data_dir, folder)
        return Library(self.media, folder, self.model_dir, self.ids)


def build_library(folder: Path, model_dir: Path, write: Callable[[Path], None]) -> None:
    """Index what ``write`` puts into ``folder``/media; ``read_library`` says what came of it."""
    made = Library(folder / "media", folder / "data", model_dir, {})
    write(made.media)
    with Engine(made.settings()) as engine:
        outcomes = engine.ingest([made.media])
    number = sum(1 for _ in made.media.iterdir())
    assert [outcome.status for outcome in outcomes] == ["indexed"] * number, outcomes
    until(lambda: EdgeStore.owner(made.data_dir) is None)
    with Catalogue.open(made.data_dir / "catalogue.sqlite") as catalogue:
        ids = {row.name: row.id for row in catalogue.list_media()}
    (folder / "ids.json").write_text(json.dumps(ids))


def read_library(folder: Path, model_dir: Path) -> Library:
    """What ``build_library`` made. Nothing of it is opened, so that many may read it."""
    ids = json.loads((folder / "ids.json").read_text())
    return Library(folder / "media", folder / "data", model_dir, ids)


def write_media(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for reel in _REELS:
        write_reel(reel, folder / reel.name)
    look("coffee", View(0.45, 0.45, 1.1), (400, 300), exposure=0.9).save(folder / "cup.webp")


def write_query(path: Path, photograph: str) -> Path:
    """A picture of ``photograph`` that is in no file of the library."""
    look(photograph, View(0.5, 0.45, 1.05), (360, 300), exposure=1.1).save(path, quality=75)
    return path


def write_bad_files(folder: Path, good_video: Path) -> dict[str, str]:
    """Files that cannot be indexed: name -> the status each must get."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = good_video.read_bytes()
    (folder / "zero.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("This is no film, whatever its name says.\n" * 40)
    (folder / "noise.jpg").write_bytes(bytes(range(256)) * 20)
    # Cut before the index at the end of the file: nothing of it can be read.
    (folder / "truncated.mp4").write_bytes(whole[: len(whole) // 2])
    return {"zero.mp4": "failed", "text.mp4": "failed", "noise.jpg": "failed", "truncated.mp4": "failed"}


def environment(model_dir: Path, **settings: object) -> dict[str, str]:
    """For a process of ours: today's environment with these settings, nothing of the terminal."""
    given = {f"MOMENTSEEK_{name.upper()}": str(value) for name, value in settings.items()}
    return {
        **os.environ, "PYTHONPATH": str(REPOSITORY), "MOMENTSEEK_MODEL_DIR": str(model_dir),
        "COLUMNS": "200", **given,
    }  # fmt: skip


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "momentseek.cli", *map(str, arguments)]


def run_command(model_dir: Path, *arguments: object, **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env=environment(model_dir, **settings), cwd="/", capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip


def until(condition: object, timeout_seconds: float = 30.0, what: str = "") -> None:
    """Wait for ``condition()`` to be true; an AssertionError when it never is."""
    assert callable(condition)
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_seconds:g} s for {what or condition}"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def descendants(pid: int) -> set[int]:
    """Process ids of children, their children and so on."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found |= {child} | descendants(child)
    return found


def copy_sparse(source: Path, target: Path) -> None:
    """Copy a tree; holes stay holes (the index is mostly made of them)."""
    for path in [source, *source.rglob("*")]:
        place = target / path.relative_to(source)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            _copy_file(path, place)


def _copy_file(source: Path, target: Path, block: int = 1 << 18) -> None:
    empty = bytes(block)
    with source.open("rb") as reading, target.open("wb") as writing:
        for part in iter(lambda: reading.read(block), b""):
            if part == empty[: len(part)]:
                writing.seek(len(part), os.SEEK_CUR)
            else:
                writing.write(part)
        writing.truncate(source.stat().st_size)


def copies(media: Path, folder: Path, names: Iterable[str]) -> list[Path]:
    """Media files of the library, copied into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    return [Path(shutil.copy(media / name, folder / name)) for name in names]
