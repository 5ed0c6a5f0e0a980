"""``momentseek duplicates``: what is in the library more than once."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from core.time import clock
from momentseek.options import ConfigOption, DataDirOption, JsonOption, one_line, settings_of

if TYPE_CHECKING:
    from search.duplicates import DuplicateGroup


def duplicates(
    as_json: JsonOption = False, config: ConfigOption = None, data_dir: DataDirOption = None
) -> None:
    """Stills, videos and stretches of video that are copies of one another. Decodes them: takes a while."""
    from core.background import Task
    from momentseek.engine import Engine

    with one_line(), Engine.of_existing(settings_of(config, data_dir)) as engine:
        engine.duplicates.find(Task(threading.Event(), lambda _: None))
        groups = engine.duplicates.groups()
        names = engine.media_names([one.media_id for group in groups for one in group.members])
    _print(groups, names, as_json)


def _print(groups: Sequence[DuplicateGroup], names: Mapping[str, str], as_json: bool) -> None:
    if as_json:
        plain = [
            {
                "id": group.id, "kind": group.kind, "seconds": round(group.seconds, 3),
                "members": [{**asdict(one), "media": names.get(one.media_id)} for one in group.members],
            }
            for group in groups
        ]  # fmt: skip
        typer.echo(json.dumps(plain, indent=2, ensure_ascii=False))
        return
    if not groups:
        typer.echo("Nothing is in the library more than once.")
        return
    from momentseek.show import console, name, table

    made = table("kind", "media", "from", "to")
    for group in groups:
        for row, one in enumerate(group.members):
            last = row == len(group.members) - 1
            still = one.media_type == "image"
            times = "" if still else clock(one.start_seconds), "" if still else clock(one.end_seconds)
            made.add_row(group.kind if row == 0 else "", name(names.get(one.media_id, "")), *times,
                         end_section=last)  # fmt: skip
    console().print(made)
