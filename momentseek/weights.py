"""The model tables of all rooms together: listing them, fetching and checking their files."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from core.errors import SettingsError
from core.fetch import HuggingFace, Package, Weights, fetch, inspect
from core.fetch import Progress as Fetched
from core.settings import Settings, load, profile_names
from detect.models import DETECTORS, FACE_DETECTORS, LANDMARKS
from embed.models import EMBEDDERS, FACE_EMBEDDERS
from momentseek.show import console, name, table

_SHOWN = {
    "packaged": "in its package", "present": "here", "missing": "not here", "damaged": "damaged",
    "unchecked": "here, unchecked",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A name for the settings and the files that it stands for. ``part`` is the section of the settings."""

    name: str
    part: str
    good_for: str
    facts: str
    files: tuple[Weights, ...]

    @property
    def size_mb(self) -> float:
        return sum(file.size_mb for file in self.files)

    def state(self, model_dir: Path) -> str:
        """Of the file that is worst off."""
        states = {inspect(file, model_dir) for file in self.files}
        order = ("damaged", "missing", "unchecked", "present", "packaged")
        return next(state for state in order if state in states)


def entries() -> list[Entry]:
    """All models of the tables. The salient regions of the offline profile have no weights of their own."""
    found = [
        Entry(
            model.name, "embedder", model.good_for,
            f"{model.dimension}-d, {model.input_px} px, {'words' if model.words else 'no words'}",
            model.files,
        )
        for model in EMBEDDERS.values()
    ]
    found += [
        Entry(
            model.name, "detector", model.good_for, f"{model.input_px} px, {model.classes}", (model.weights,)
        )
        for model in DETECTORS.values()
    ]
    detectors = {"dlib": LANDMARKS["dlib5"].weights, "sface": FACE_DETECTORS["yunet"].weights}
    return found + [
        Entry(pair, "faces", model.good_for, f"{model.dimension}-d", (detectors[pair], *model.files))
        for pair, model in FACE_EMBEDDERS.items()
    ]


def print_models(settings: Settings, as_json: bool) -> None:
    rows = entries()
    if as_json:
        typer.echo(json.dumps([_as_json(entry, settings) for entry in rows], indent=2))
        return
    used = _used(settings)
    made = table("name", "for", "facts", "size", "weights", "licence", "detail")
    for entry in rows:
        mark = " *" if (entry.part, entry.name.lower()) in used else ""
        made.add_row(
            name(entry.name + mark), entry.part, entry.facts, _size(entry.size_mb),
            _SHOWN[entry.state(settings.model_dir)], entry.files[-1].licence, entry.good_for,
        )
    console().print(made)
    typer.echo(f"* used by your settings (profile {settings.profile})")
    typer.echo(f"Weights are kept in {settings.model_dir}")
    for entry in rows:
        note = entry.files[0].licence_note
        if "forbids" in note:
            typer.echo(f"{entry.name}: {note}.")


def pull_models(settings: Settings, what: str | None, config: Path | None = None) -> None:
    """Raises SettingsError for an unknown name, ModelUnavailable when something cannot be fetched."""
    files = wanted(settings, what, config)
    if not files:
        typer.echo("These settings use no weights of the tables: there is nothing to fetch.")
        return
    for weights in files:
        _pull_one(weights, settings)


def wanted(settings: Settings, what: str | None, config: Path | None = None) -> list[Weights]:
    """The files that a profile, a model, or (None) the settings need."""
    if what is None:
        return _of_settings(settings)
    if what in profile_names():
        return _of_settings(load(config, {"profile": what}))
    for entry in entries():
        if entry.name.lower() == what.lower():
            return list(entry.files)
    files = _all_files()
    named = [file for file in files if file.name.lower() == what.lower()]
    if not named:
        names = sorted({entry.name for entry in entries()} | {file.name for file in files})
        near = difflib.get_close_matches(what, names, 1, 0.5)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise SettingsError(
            f"There is no profile or model {what!r}.{hint} Profiles are {', '.join(profile_names())}; "
            f"models: {', '.join(names)}."
        )
    return named


def verify_models(settings: Settings) -> bool:
    """Print the state of each file that is here; False when one is damaged."""
    made, damaged = table("name", "detail", "file"), []
    for weights in _all_files():
        state = inspect(weights, settings.model_dir, thorough=True)
        if state == "missing":
            continue
        made.add_row(name(weights.key), _SHOWN[state], weights.origin)
        if state == "damaged":
            damaged.append(weights.name)
    console().print(made)
    for model in dict.fromkeys(damaged):
        typer.echo(f"{model} is damaged; momentseek models pull {model} fetches it again.")
    return not damaged


def _used(settings: Settings) -> set[tuple[str, str]]:
    parts: dict[str, Any] = {
        "embedder": settings.embedder, "detector": settings.detector, "faces": settings.faces,
    }
    return {(part, str(section.model).lower()) for part, section in parts.items()}


def _of_settings(settings: Settings) -> list[Weights]:
    used = _used(settings)
    return _once(
        file for entry in entries() if (entry.part, entry.name.lower()) in used for file in entry.files
    )


def _all_files() -> list[Weights]:
    return _once(file for entry in entries() for file in entry.files)


def _once(files: Iterable[Weights]) -> list[Weights]:
    return list({file.key: file for file in files}.values())


def _pull_one(weights: Weights, settings: Settings) -> None:
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=console(), transient=True) as bars:
        bar = bars.add_task(weights.key, total=weights.size_mb * 1e6, visible=False)

        def show(seen: Fetched) -> None:
            if seen.note:
                bars.console.print(name(seen.note))
            total = seen.total_bytes or weights.size_mb * 1e6
            bars.update(bar, completed=seen.done_bytes, total=total, visible=True)

        path = fetch(weights, settings.model_dir, settings.models.mirror, settings.models.offline, show)
    size = _size(path.stat().st_size / 1e6)
    typer.echo(f"{weights.key}: {path} ({size}; {weights.licence}: {weights.licence_note})")


def _as_json(entry: Entry, settings: Settings) -> dict[str, Any]:
    files = [
        {
            "file": file.key, "origin": file.origin, "sha256": file.sha256, "size_mb": file.size_mb,
            "revision": file.source.revision if isinstance(file.source, HuggingFace) else None,
            "packaged": isinstance(file.source, Package), "licence": file.licence,
            "licence_note": file.licence_note, "state": inspect(file, settings.model_dir),
        }
        for file in entry.files
    ]
    return {**asdict(entry), "files": files, "size_mb": entry.size_mb}


def _size(size_mb: float) -> str:
    if size_mb >= 1000:
        return f"{size_mb / 1000:.1f} GB"
    return f"{size_mb:.0f} MB" if size_mb >= 10 else f"{size_mb:.1f} MB"
