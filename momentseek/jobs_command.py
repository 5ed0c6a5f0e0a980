"""``momentseek jobs``: what a server works on, and what became of earlier work."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from momentseek.options import ConfigOption, DataDirOption, JsonOption, one_line, settings_of

if TYPE_CHECKING:
    from momentseek.client import Client, Job

jobs_app = typer.Typer(
    help="Show, end and repeat what the server on the library works on.", no_args_is_help=True,
    rich_markup_mode=None,
)  # fmt: skip

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="Its id, as momentseek jobs list shows it.")]
_SHOWN = 50


@jobs_app.command("list")
def list_jobs(
    state: Annotated[
        list[str] | None,
        typer.Option(help="Only queued, running, done, failed or cancelled ones (may be repeated).",
                     show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = _SHOWN,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """The newest first."""
    from itertools import islice

    with one_line(), _connected(config, data_dir) as client:
        rows = list(islice(client.jobs.list(state or ()), limit))
    _print(rows, as_json)


@jobs_app.command("cancel")
def cancel(job: JobArgument, config: ConfigOption = None, data_dir: DataDirOption = None) -> None:
    """End a job that waits or runs. Its media stays in the library, without anything to find in it."""
    with one_line(), _connected(config, data_dir) as client:
        _print([client.jobs.cancel(job)], as_json=False)


@jobs_app.command("retry")
def retry(job: JobArgument, config: ConfigOption = None, data_dir: DataDirOption = None) -> None:
    """Once more, for a job that failed or was cancelled."""
    with one_line(), _connected(config, data_dir) as client:
        _print([client.jobs.retry(job)], as_json=False)


@contextmanager
def _connected(config: Path | None, data_dir: Path | None) -> Iterator[Client]:
    """The server's own, whatever keys there are. Raises ServerUnreachable: without one nobody works."""
    from momentseek.client import Client

    with Client.of_library(settings_of(config, data_dir).data_dir) as client:
        yield client


def _print(rows: list[Job], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2, default=str, ensure_ascii=False))
        return
    if not rows:
        typer.echo("There are no such jobs.")
        return
    from core.time import clock
    from momentseek.show import console, name, table, word

    made = table("id", "file", "state", "done", "left", "reason")
    for row in rows:
        left = clock(row.eta_seconds).split(".")[0] if row.eta_seconds else ""
        done = f"{row.progress:.0%}" if row.state == "running" else ""
        made.add_row(row.id, name(row.media or ""), word(row.state), done, left, name(row.reason or ""))
    console().print(made)
