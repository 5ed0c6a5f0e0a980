"""``momentseek ingest``: progress while it works, a table at the end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import typer
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from core.settings import Settings
from core.time import clock
from ingest.progress import OnProgress, Outcome
from ingest.progress import Progress as Step
from momentseek.client import Client
from momentseek.engine import Engine
from momentseek.handing_over import hand_over
from momentseek.reindex import reindex
from momentseek.remote import running_server
from momentseek.show import console, name, table, word

_ROWS_SHOWN = 40
"""Longer lists show what went wrong and count the rest."""


def ingest_with_progress(engine: Engine, paths: Sequence[Path], again: bool, as_json: bool) -> int:
    """Ingest and report, by the server that runs on the library where there is one. Returns how many files
    failed."""
    server = None if again else running_server(engine.settings.data_dir)
    if server is None:
        return _report(lambda show: engine.ingest(paths, show, again), as_json)
    with Client(server.url, server.token) as client:
        try:
            return _report(lambda show: hand_over(client, engine.catalogue, paths, show, _nobody), as_json)
        except KeyboardInterrupt:
            typer.echo(
                "What the server was told of stays in its list, for it or a worker to index; momentseek jobs "
                "list shows how far that is.", err=True,
            )  # fmt: skip
            raise


def _nobody() -> None:
    typer.echo(
        "Nobody has begun with what waits. If the server leaves that to workers (server.works: false), start "
        "one: momentseek worker. Ctrl-C ends this command; the files go on waiting.", err=True,
    )  # fmt: skip


def _report(work: Callable[[OnProgress], list[Outcome]], as_json: bool) -> int:
    started = time.monotonic()
    if as_json:
        outcomes = work(lambda step: None)
    else:
        with _bar() as bar:
            outcomes = work(_shower(bar))
    wall_seconds = time.monotonic() - started
    if as_json:
        typer.echo(json.dumps([{**asdict(one), "path": str(one.path)} for one in outcomes], indent=2))
    else:
        print_outcomes(outcomes, wall_seconds)
    return sum(not outcome.ok for outcome in outcomes)


def reindex_with_progress(settings: Settings, leave_behind: bool) -> bool:
    """Reindex and report. Returns whether searches use the new index now."""
    started = time.monotonic()
    with _bar() as bar:
        done = reindex(settings, _shower(bar), leave_behind)
    if done.outcomes:
        print_outcomes(done.outcomes, time.monotonic() - started)
    for row in done.left_behind:
        typer.echo(f"{row.name}: {row.reason or 'its original is not where it was'}")
    if not done.switched:
        typer.echo(
            f"{len(done.left_behind)} media could not be indexed again; searches go on with the old index. "
            "Bring them back and run this again, or leave them behind with --leave-behind."
        )
    elif done.old_kept:
        typer.echo("Done. Restart the server to use the new index; run this again to remove the old one.")
    elif not done.outcomes:
        typer.echo("The index is made with these settings already; there is nothing to do.")
    else:
        typer.echo("Done; searches use the new index now.")
    return done.switched


def print_outcomes(outcomes: Sequence[Outcome], wall_seconds: float) -> None:
    if not outcomes:
        typer.echo("There are no videos or stills here.")
        return
    shown = outcomes if len(outcomes) <= _ROWS_SHOWN else [one for one in outcomes if not one.ok]
    made = table("file", "status", "length", "points", "reason")
    for one in shown:
        length = clock(one.media_seconds) if one.media_seconds else ""
        points = str(one.points or "")
        made.add_row(name(one.path.name), word(one.status), length, points, name(one.reason or ""))
    console().print(made)
    counts: dict[str, int] = {}
    for one in outcomes:
        counts[one.status] = counts.get(one.status, 0) + 1
    seconds = sum(one.media_seconds for one in outcomes)
    speed = f"; {clock(seconds)} of video, {seconds / wall_seconds:.1f} s of it per second" if seconds else ""
    said = ", ".join(f"{number} {status}" for status, number in counts.items())
    files = "1 file" if len(outcomes) == 1 else f"{len(outcomes)} files"
    typer.echo(f"{files}: {said} in {wall_seconds:.1f} s{speed}.")


class _Speed(ProgressColumn):
    """Seconds of video per second of wall time."""

    def render(self, task: Task) -> Text:
        seconds = task.fields.get("media_seconds", 0.0)
        if not seconds or not task.elapsed:
            return Text("")
        return Text(f"{seconds / task.elapsed:.1f}x", style="dim")


class _Remaining(ProgressColumn):
    """ETA from the share of files done, the current one counted by how far it is."""

    def render(self, task: Task) -> Text:
        if not task.elapsed or not task.completed or not task.total:
            return Text("ETA -:--", style="dim")
        left = task.elapsed * (task.total - task.completed) / task.completed
        return Text(f"ETA {clock(left).split('.')[0]}", style="dim")


def _bar() -> Progress:
    shown_on = console()
    return Progress(
        SpinnerColumn(), TextColumn("{task.fields[files]}"), BarColumn(bar_width=24),
        TextColumn("{task.percentage:3.0f}%"), _Speed(), TimeElapsedColumn(), _Remaining(),
        TextColumn("{task.description}", markup=False), console=shown_on, transient=True,
        disable=not shown_on.is_terminal,
    )  # fmt: skip


def _shower(bar: Progress) -> OnProgress:
    task = bar.add_task("", total=1.0, files="", media_seconds=0.0)

    def show(step: Step) -> None:
        bar.update(
            task, total=step.files_total, completed=step.done,
            files=f"{step.files_done + 1}/{step.files_total}", media_seconds=step.media_seconds,
            description=f"{step.doing} {name(step.path.name).plain}",
        )

    return show
