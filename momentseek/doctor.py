"""``momentseek doctor``: is everything there, and do catalogue and index agree?"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

from core.errors import MomentseekError, SettingsError, StoreDamaged
from core.settings import Settings
from index.catalogue import MediaRow
from momentseek.engine import Engine
from momentseek.remote import running_server
from momentseek.show import ID_SHOWN, console, name, table, word

_NEEDED = ("av", "qdrant-edge-py", "openvino", "numpy", "fastapi")
_OPTIONAL = (
    "opencv-python", "torch", "ultralytics", "open-clip-torch", "qdrant-client", "psycopg", "ray"
)
_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    ok: bool
    detail: str


def examine(settings: Settings, repair: bool) -> bool:
    """Print what is found; True when all is well (after a repair)."""
    findings = [*_machine(settings), *_library(settings, repair)]
    made = table("check", "state", "detail")
    for finding in findings:
        made.add_row(finding.what, word("ok" if finding.ok else "failed"), name(finding.detail))
    console().print(made)
    return all(finding.ok for finding in findings)


def _machine(settings: Settings) -> Iterator[Finding]:
    yield Finding(
        "python", True, f"{platform.python_version()} on {platform.machine()}, {os.cpu_count()} cores"
    )
    for package in (*_NEEDED, *_OPTIONAL):
        yield _package(package)
    yield _free_disk(settings)
    server = running_server(settings.data_dir)
    yield Finding("server", True, f"running at {server.url}" if server else "none is running on this library")


def _package(package: str) -> Finding:
    try:
        return Finding(package, True, importlib.metadata.version(package))
    except importlib.metadata.PackageNotFoundError:
        optional = package in _OPTIONAL
        aside = " (the offline profile needs none)" if optional else "; pip install momentseek again"
        return Finding(package, optional, f"not installed{aside}")


def _free_disk(settings: Settings) -> Finding:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        free_mb = shutil.disk_usage(settings.data_dir).free // 1_000_000
    except OSError as error:
        raise SettingsError(f"data_dir {settings.data_dir} cannot be used: {error.strerror}.") from None
    floor_mb = settings.ingest.min_free_disk_mb
    detail = f"{free_mb} MB at {settings.data_dir} (floor {floor_mb} MB)"
    return Finding("free disk", free_mb > floor_mb, detail)


def _library(settings: Settings, repair: bool) -> Iterator[Finding]:
    try:
        with Engine(settings, check=False) as engine:
            yield Finding("models", True, engine.describe_models())
            yield from _openable(engine, repair)
            facts = engine.facts()
            said = ", ".join(f"{key} {value}" for key, value in facts.items() if key != "fingerprint")
            yield Finding("library", True, said)
            yield from _counts(engine, repair)
            yield from _unfinished(engine, repair)
            yield _originals(engine)
            yield from _graphs(engine)
    except MomentseekError as error:
        yield Finding("library", False, str(error))


def _openable(engine: Engine, repair: bool) -> Iterator[Finding]:
    """An index that cannot even be opened is made anew; what it held is indexed again by what follows."""
    try:
        _ = engine.store
    except StoreDamaged:
        if not repair:
            raise
        aside = engine.set_index_aside()
        yield Finding("store", True, f"could not be opened: moved to {aside}; remove that if all is well")


def _counts(engine: Engine, repair: bool) -> Iterator[Finding]:
    wrong = [engine.get_media(media_id) for media_id in engine.media_with_wrong_counts()]
    if not wrong:
        yield Finding("index", True, "every media file has the points that the catalogue expects")
    elif not repair:
        lacking = f"{_files(len(wrong))} without the points that were written"
        yield Finding("index", False, f"{lacking} ({_some(wrong)}); run: momentseek doctor --repair")
    else:
        yield from _index_again(engine, wrong)


def _index_again(engine: Engine, rows: list[MediaRow]) -> Iterator[Finding]:
    there = [row for row in rows if engine.has_original(row.id)]
    away = [row for row in rows if row not in there]
    outcomes = engine.ingest([engine.media_path(row.id) for row in there], again=True)
    done = sum(outcome.ok for outcome in outcomes)
    detail = f"{done} of {_files(len(there))} indexed again ({_some(there)})"
    yield Finding("index", done == len(there), detail)
    if away:
        ids = " ".join(row.id[:ID_SHOWN] for row in away)
        yield Finding(
            "index", False,
            f"originals that are needed are away ({_some(away)}): bring them back and repair again, "
            f"or give them up with: momentseek media remove {ids}",
        )


def _unfinished(engine: Engine, repair: bool) -> Iterator[Finding]:
    rows = [engine.get_media(media_id) for media_id in engine.unfinished_media()]
    if not rows:
        return
    if repair:
        yield from _index_again(engine, rows)
    else:
        detail = f"{_files(len(rows))} ({_some(rows)}); ingest again, or doctor --repair, goes on"
        yield Finding("unfinished", True, detail)


def _originals(engine: Engine) -> Finding:
    rows = engine.list_media(None, "indexed", 1_000_000, 0)
    missing = [row for row in rows if not engine.has_original(row.id)]
    if not missing:
        return Finding("originals", True, "all there")
    detail = f"{_files(len(missing))} away ({_some(missing)}); their vectors are kept"
    return Finding("originals", True, detail)


def _graphs(engine: Engine) -> Iterator[Finding]:
    """A server that was told to make none, and not told of the end."""
    if engine.settings.store.url is None:
        return
    if engine.store.info()["loading"]:  # type: ignore[attr-defined]
        detail = "none are made, as for loading much at once; when that is done: momentseek index loading off"
        yield Finding("graphs", False, detail)


def _files(number: int) -> str:
    return "1 media file" if number == 1 else f"{number} media files"


def _some(rows: list[MediaRow]) -> str:
    names = ", ".join(row.name for row in rows[:_NAMES_SHOWN])
    return f"{names}, ..." if len(rows) > _NAMES_SHOWN else names
