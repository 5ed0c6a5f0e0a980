"""``momentseek index``: the vector store behind the library."""

from __future__ import annotations

import json
import time
from dataclasses import asdict

import typer

from momentseek.options import ConfigOption, DataDirOption, JsonOption, one_line, settings_of

index_app = typer.Typer(
    help="Look after the index that searches run on.", no_args_is_help=True, rich_markup_mode=None
)


@index_app.callback()
def _only_a_group() -> None:
    """Look after the index that searches run on."""


@index_app.command("compact")
def compact(
    as_json: JsonOption = False, config: ConfigOption = None, data_dir: DataDirOption = None
) -> None:
    """Put the index in order, so that searches of a large library stay quick.

    Worth it after much was added or removed. A copy is worked on beside; searches and ingest go on. It
    takes up to three times the disk of the index for a while, and minutes for a million points. Interrupt
    it at any time: the index then stays as it was.
    """
    from core.errors import InvalidRequest, NotFound
    from index.catalogue import Catalogue
    from index.stores.edge import EdgeStore
    from momentseek.engine import catalogue_place, has_library

    settings = settings_of(config, data_dir)
    with one_line():
        if settings.store.url is not None:
            raise InvalidRequest(
                f"The index of this library is on the server {settings.store.url}, which keeps it in order "
                "by itself. Only an embedded one is compacted."
            )
        active = None
        if has_library(settings):
            with Catalogue.open(catalogue_place(settings)) as catalogue:
                active = catalogue.active_generation()
        if active is None:
            raise NotFound(
                f"There is no index in {settings.data_dir} yet; momentseek ingest PATH makes one."
            )
        started = time.monotonic()
        with EdgeStore.of_existing(
            settings.data_dir, active.name, min_free_disk_mb=settings.ingest.min_free_disk_mb
        ) as store:
            before = store.size_bytes()
            done = store.compact()
            after = store.size_bytes()
    if as_json:
        said = {**asdict(done), "seconds": round(time.monotonic() - started, 1), "bytes": after}
        typer.echo(json.dumps(said))
        return
    how = "every vector" if done.method == "exact" else "bytes first, then at the best vectors"
    typer.echo(
        f"{done.points} points in order after {time.monotonic() - started:.0f} s; {before // 1_000_000} MB "
        f"on disk before, {after // 1_000_000} MB now. Searches look at {how}."
    )
