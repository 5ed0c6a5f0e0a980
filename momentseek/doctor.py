"""``momentseek doctor``: is everything there, and do catalogue and index agree?"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import typer

from core.errors import MomentseekError
from core.settings import Settings
from momentseek.remote import running_server
from momentseek.show import console, name, table, word

_PACKAGES = ("av", "qdrant-edge-py", "openvino", "opencv-python", "numpy", "fastapi", "torch", "ultralytics", "open-clip-torch")


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
    yield Finding("python", True, f"{platform.python_version()} on {platform.machine()}, {os.cpu_count()} cores")
    for package in _PACKAGES:
        try:
            yield Finding(package, True, importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            optional = package in ("torch", "ultralytics", "open-clip-torch", "opencv-python")
            yield Finding(package, optional, "not installed" + (" (the offline profile needs none)" if optional else ""))
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    free_mb = shutil.disk_usage(settings.data_dir).free // 2**20
    enough = free_mb > settings.ingest.min_free_disk_mb
    yield Finding("free disk", enough, f"{free_mb} MB at {settings.data_dir} (floor {settings.ingest.min_free_disk_mb} MB)")
    server = running_server(settings.data_dir)
    yield Finding("server", True, f"running at {server.url}" if server else "none is running on this library")


def _library(settings: Settings, repair: bool) -> Iterator[Finding]:
    from momentseek.engine import Engine

    try:
        with Engine(settings, check=False) as engine:
            yield Finding("models", True, engine.describe_models())
            facts = engine.facts()
            yield Finding("library", True, ", ".join(f"{key} {value}" for key, value in facts.items() if key != "fingerprint"))
            yield from _counts(engine, repair)
            yield from _originals(engine)
    except MomentseekError as error:
        yield Finding("library", False, str(error))


def _counts(engine: Engine, repair: bool) -> Iterator[Finding]:  # type: ignore[name-defined]  # noqa: F821
    wrong = engine.media_with_wrong_counts()
    if not wrong:
        yield Finding("index", True, "every media file has the points that the catalogue expects")
        return
    names = ", ".join(engine.media_name(media_id) for media_id in wrong[:5])
    if not repair:
        yield Finding("index", False, f"{len(wrong)} media files lack points ({names}); run: momentseek doctor --repair")
        return
    outcomes = engine.ingest([engine.media_path(media_id) for media_id in wrong], again=True)
    failed = [outcome for outcome in outcomes if not outcome.ok]
    yield Finding("index", not failed, f"{len(outcomes) - len(failed)} of {len(wrong)} media files were indexed again ({names})")


def _originals(engine: Engine) -> Iterator[Finding]:  # type: ignore[name-defined]  # noqa: F821
    missing = [row.name for row in engine.list_media(None, "indexed", 1_000_000, 0) if not engine.has_original(row.id)]
    detail = f"{len(missing)} originals are gone ({', '.join(missing[:5])}); their vectors are kept" if missing else "all there"
    yield Finding("originals", True, detail)
