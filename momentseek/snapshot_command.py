"""``momentseek snapshot`` and ``momentseek restore``: progress while they work, a sentence at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from core.settings import Settings
from momentseek.restoring import restore
from momentseek.show import console
from momentseek.snapshot_file import Manifest
from momentseek.snapshots import OnStep, take_snapshot


def snapshot_with_progress(settings: Settings, target: Path, with_uploads: bool) -> None:
    with _shown() as on_step:
        taken = take_snapshot(settings, target, with_uploads, on_step)
    typer.echo(f"{taken.path} ({taken.bytes / 1e6:,.1f} MB): {_contents(taken.manifest)}.")
    if taken.manifest.waiting:
        typer.echo(f"{_media(len(taken.manifest.waiting))} being indexed: restored, they wait to be.")
    if not with_uploads:
        typer.echo(f"What was uploaded is not in it: keep {settings.data_dir / 'uploads'} as well.")


def restore_with_progress(settings: Settings, path: Path, replace: bool) -> None:
    with _shown() as on_step:
        done = restore(settings, path, replace, on_step)
    finished = " What an interrupted run had begun is complete." if done.begun_before else ""
    typer.echo(f"{settings.data_dir} is the library of {done.manifest.created_at} now: "
               f"{_contents(done.manifest)}.{finished}")
    if done.manifest.waiting:
        typer.echo(
            f"{_media(len(done.manifest.waiting))} being indexed then: momentseek serve, worker, or doctor "
            "--repair goes on with that."
        )
    if not done.manifest.with_uploads:
        typer.echo(f"What was uploaded is not in it: bring it to {settings.data_dir / 'uploads'}.")


def _contents(manifest: Manifest) -> str:
    return f"{len(manifest.media)} media, {manifest.points} points of generation {manifest.generation}"


def _media(number: int) -> str:
    return "1 media file was" if number == 1 else f"{number} media files were"


@contextmanager
def _shown() -> Iterator[OnStep]:
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console(), transient=True) as bar:
        task = bar.add_task("")

        def show(what: str, done: int, all_of_it: int) -> None:
            bar.update(task, description=what, completed=done, total=all_of_it or None)

        yield show
