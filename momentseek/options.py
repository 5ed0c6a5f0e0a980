"""What the groups of commands have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import MomentseekError

if TYPE_CHECKING:
    from core.settings import Settings

ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="YAML file with settings.", show_default=False)
]
DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="Where the library is kept.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def settings_of(config: Path | None, data_dir: Path | None, **overrides: Any) -> Settings:
    from core.settings import load

    given = {"data_dir": data_dir.expanduser().absolute()} if data_dir else {}
    return load(config, {**given, **overrides})


@contextmanager
def one_line() -> Iterator[None]:
    """Our errors become one line and exit code 1; Ctrl-C becomes 130."""
    try:
        yield
    except MomentseekError as error:
        typer.echo(f"momentseek: {error}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("momentseek: stopped; what has arrived is kept, run the same command to go on.", err=True)
        raise typer.Exit(130) from None
