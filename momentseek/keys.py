"""``momentseek keys``: who may ask a server on this library."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import SettingsError
from momentseek.options import ConfigOption, DataDirOption, JsonOption, one_line, settings_of

if TYPE_CHECKING:
    from core.settings import Settings
    from index.keys import KeyRow, Keys

keys_app = typer.Typer(
    help="Make, list and revoke keys for the server.", no_args_is_help=True, rich_markup_mode=None
)

_AT_ONCE = "A server that is running knows it within a second."


@keys_app.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose or what for; lists show it.")],
    scope: Annotated[
        str,
        typer.Option(
            metavar="read|ingest|admin", help="ask; and add media; and everything else.", show_default=False
        ),
    ],
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Make a key and print it, once: only a hash of it is kept.

    While a library has no key, a server on this machine answers everybody on this machine. From the first
    key on it asks for one: Authorization: Bearer KEY, or x-api-key: KEY.
    """
    with one_line(), _opened(settings_of(config, data_dir)) as keys:
        first = not keys.list_keys()
        made = keys.add_key(name, scope)
    typer.echo(made.key)
    noted = f"Key {made.row.id} ({name}, {scope}). It is shown this once. {_AT_ONCE}"
    typer.echo(noted, err=True)
    if first:
        typer.echo("It is the first one: from now on the server answers nobody without a key.", err=True)


@keys_app.command("list")
def list_keys(
    as_json: JsonOption = False, config: ConfigOption = None, data_dir: DataDirOption = None
) -> None:
    """Names, scopes, and when each was last used (to the hour)."""
    with one_line():
        settings = settings_of(config, data_dir)
        rows: list[KeyRow] = []
        if _has_library(settings):
            with _opened(settings) as keys:
                rows = keys.list_keys()
    _print(rows, as_json)


@keys_app.command("revoke")
def revoke(
    name_or_id: Annotated[str, typer.Argument(metavar="NAME|ID", help="As momentseek keys list shows them.")],
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """End a key, and what is logged in with it."""
    with one_line(), _opened(settings_of(config, data_dir)) as keys:
        row = keys.revoke_key(name_or_id)
        last = not keys.list_keys()
    typer.echo(f"Revoked {row.id} ({row.name}, {row.scope}). {_AT_ONCE}")
    if last:
        typer.echo(
            "It was the last one: a server on this machine alone (or with --insecure) answers everybody who "
            "reaches it again, any other nobody.",
            err=True,
        )


def has_keys(settings: Settings) -> bool:
    if not _has_library(settings):
        return False
    with _opened(settings) as keys:
        return bool(keys.list_keys())


def _print(rows: list[KeyRow], as_json: bool) -> None:
    if as_json:
        plain = [
            {
                "id": row.id, "name": row.name, "scope": row.scope, "created_at": row.created_at.isoformat(),
                "last_used_at": row.last_used_at.isoformat() if row.last_used_at else None,
            }
            for row in rows
        ]  # fmt: skip
        typer.echo(json.dumps(plain, indent=2, ensure_ascii=False))
        return
    if not rows:
        typer.echo("There are no keys; make one with: momentseek keys add NAME --scope read")
        return
    from momentseek.show import console, name, table

    made = table("id", "name", "scope", "made", "last used")
    for row in rows:
        used = f"{row.last_used_at:%Y-%m-%d %H:00}" if row.last_used_at else "never"
        made.add_row(row.id, name(row.name), row.scope, f"{row.created_at:%Y-%m-%d}", used)
    console().print(made)


@contextmanager
def _opened(settings: Settings) -> Iterator[Keys]:
    """Makes the library's folder where there is none: a key may come before the first media file."""
    from index.keys import Keys
    from momentseek.engine import catalogue_place

    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"data_dir {settings.data_dir} cannot be used: {error.strerror}.") from None
    with Keys.open(catalogue_place(settings)) as keys:
        yield keys


def _has_library(settings: Settings) -> bool:
    from momentseek.engine import has_library

    return has_library(settings)
