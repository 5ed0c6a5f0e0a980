"""``momentseek models``: which models there are, and bringing their weights here."""

from __future__ import annotations

from typing import Annotated

import typer

from momentseek.options import ConfigOption, JsonOption, one_line, settings_of

models_app = typer.Typer(
    help="List models, fetch their weights, check them.", no_args_is_help=True, rich_markup_mode=None
)


@models_app.command("list")
def list_models(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Every model that the settings can name, and whether its weights are here."""
    from momentseek.weights import print_models

    with one_line():
        print_models(settings_of(config, None), as_json)


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

    with one_line():
        pull_models(settings_of(config, None), what, config)


@models_app.command("verify")
def verify(config: ConfigOption = None) -> None:
    """Read every file that is here again and compare its checksum."""
    from momentseek.weights import verify_models

    with one_line():
        if not verify_models(settings_of(config, None)):
            raise typer.Exit(1)


@models_app.command("where")
def where(config: ConfigOption = None) -> None:
    """Print the folder that holds the weights: copy it to bring them to another machine."""
    with one_line():
        typer.echo(str(settings_of(config, None).model_dir))
