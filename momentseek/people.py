"""``momentseek people``: whose faces are in the library."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import NotFound
from momentseek.options import ConfigOption, DataDirOption, JsonOption, one_line, settings_of

if TYPE_CHECKING:
    from core.settings import Settings
    from index.people import People, PersonRow

people_app = typer.Typer(
    help="List, name and group the people in the library.", no_args_is_help=True, rich_markup_mode=None
)

_SHOWN = 50


@people_app.command("list")
def list_people(
    limit: Annotated[int, typer.Option(min=1, help="So many, who has most faces first.")] = _SHOWN,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Who is in the library, as far as faces have been grouped."""
    with one_line(), _opened(settings_of(config, data_dir)) as people:
        rows = people.list_people(limit)
    _print(rows, as_json)


@people_app.command("name")
def name_person(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Id or name, as people list shows them.")],
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="Nothing takes the name away.", show_default=False)
    ] = "",
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Give somebody a name; no grouping takes away the faces that person has now."""
    with one_line(), _opened(settings_of(config, data_dir)) as people:
        row = people.name_person(people.find_person(person).id, name or None)
    _print([row], as_json=False)


@people_app.command("group")
def group(
    again: Annotated[
        bool, typer.Option("--again", help="All faces anew, but for what people have decided.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Group faces that are new by whose they are."""
    from core.background import Task
    from momentseek.engine import Engine

    with one_line(), Engine.of_existing(settings_of(config, data_dir)) as engine:
        engine.people.group(Task(threading.Event(), lambda _: None), again)
        rows = engine.people.known_people(_SHOWN)
    _print(rows, as_json)


def _print(rows: list[PersonRow], as_json: bool) -> None:
    if as_json:
        plain = [
            {"id": row.id, "name": row.name, "faces": row.faces, "media": row.media} for row in rows
        ]  # fmt: skip
        typer.echo(json.dumps(plain, indent=2, ensure_ascii=False))
        return
    if not rows:
        typer.echo("No faces have been grouped yet; group them with: momentseek people group")
        return
    from momentseek.show import console, name, table

    made = table("id", "name", "faces", "media")
    for row in rows:
        made.add_row(row.id, name(row.name or ""), str(row.faces), str(row.media))
    console().print(made)


@contextmanager
def _opened(settings: Settings) -> Iterator[People]:
    from index.people import People
    from momentseek.engine import catalogue_place, has_library

    if not has_library(settings):
        raise NotFound(
            f"There is no library in {settings.data_dir} yet; make one with: momentseek ingest PATH"
        )
    with People.open(catalogue_place(settings)) as people:
        yield people
