"""``momentseek models``: which models there are, and bringing their weights here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import MomentseekError

if TYPE_CHECKING:
    from core.settings import Settings

models_app = typer.Typer(
    help="List models, fetch their weights, check them.", no_args_is_help=True, rich_markup_mode=None
)

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="YAML file with settings.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@models_app.command("list")
def list_models(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Every model that the settings can name, and whether its weights are here."""
    from momentseek.weights import print_models

    with _one_line():
        print_models(_settings(config), as_json)


@models_app.command("pull")
def pull(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[PROFILE|NAME]", help="A profile or a model; without it, what your settings use.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Fetch weights. A transfer that was cut off goes on where it stopped."""
    from momentseek.weights import pull_models

    with _one_line():
        pull_models(_settings(config), what, config)


@models_app.command("verify")
def verify(config: ConfigOption = None) -> None:
    """Read every file that is here again and compare its checksum."""
    from momentseek.weights import verify_models

    with _one_line():
        if not verify_models(_settings(config)):
            raise typer.Exit(1)


@models_app.command("where")
def where(config: ConfigOption = None) -> None:
    """Print the folder that holds the weights: copy it to bring them to another machine."""
    with _one_line():
        typer.echo(str(_settings(config).model_dir))


def _settings(config: Path | None) -> Settings:
    from core.settings import load

    return load(config)


@contextmanager
def _one_line() -> Iterator[None]:
    """Our errors become one line and exit code 1; Ctrl-C becomes 130."""
    try:
        yield
    except MomentseekError as error:
        typer.echo(f"momentseek: {error}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("momentseek: stopped; what has arrived is kept, run the same command to go on.", err=True)
        raise typer.Exit(130) from None
