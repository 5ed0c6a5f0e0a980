"""``momentseek index``: the vector store behind the library."""

from __future__ import annotations

import json
import time
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, cast

import typer

from momentseek.options import ConfigOption, DataDirOption, JsonOption, one_line, settings_of

if TYPE_CHECKING:
    from core.settings import Settings
    from index.stores.server import ServerStore

_LOOK_EVERY_SECONDS = 5.0

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
    how = "every vector" if done.method == "exact" else "a small copy of all vectors first, then at the best"
    typer.echo(
        f"{done.points} points in order after {time.monotonic() - started:.0f} s; {before // 1_000_000} MB "
        f"on disk before, {after // 1_000_000} MB now. Searches look at {how}."
    )


@index_app.command("loading")
def loading(
    state: Annotated[
        str | None, typer.Argument(metavar="[on|off]", help="Without it: how it stands.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Have a Qdrant server make no graphs while much is indexed, and all of them afterwards.

    For many thousand files at once: on before, off when the workers are done, however many there are. While
    it is on, searches compare with every vector of what is new. migrate and restore do this by themselves.
    """
    from core.errors import InvalidRequest

    settings = settings_of(config, data_dir)
    with one_line():
        if state not in (None, "on", "off"):
            raise InvalidRequest(f"Loading can be on or off, not {state}.")
        if settings.store.url is None:
            raise InvalidRequest(
                "The index of this library is embedded and makes no graphs; there is nothing to switch."
            )
        _switch_loading(settings, state)


def _switch_loading(settings: Settings, state: str | None) -> None:
    from core.errors import NotFound
    from index.catalogue import Catalogue
    from momentseek.engine import catalogue_place
    from momentseek.stores import held_dimensions, open_store

    with Catalogue.open(catalogue_place(settings)) as catalogue:
        active = catalogue.active_generation()
    if active is None:
        raise NotFound("There is no index yet; momentseek ingest PATH makes one.")
    dimensions = held_dimensions(settings, active.name)
    with closing(cast("ServerStore", open_store(settings, active.name, dimensions, create=False))) as store:
        if state == "on":
            store.begin_loading()
        elif state == "off":
            store.end_loading()
            _wait_for_graphs(store)
        told = store.info()
    typer.echo(
        f"Loading is {'on' if told['loading'] else 'off'}: {told['indexed']} of {told['points']} vectors are "
        f"in graphs, the collection is {told['status']}."
    )


def _wait_for_graphs(store: ServerStore) -> None:
    """Small segments never get one, so it is the status that tells. Interrupted, the server goes on."""
    while (told := store.info())["status"] == "yellow":
        typer.echo(f"{told['indexed']} of {told['points']} vectors are in graphs.", err=True)
        time.sleep(_LOOK_EVERY_SECONDS)
