"""``momentseek reindex``: the same library with other models or another sampling.

The new generation is built beside the old one from the catalogue's files; searches go on with the old one
until every file is in the new one. Interrupted, the same command goes on where it stopped.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import NotFound
from core.settings import Settings
from index.rows import FAILED, SEARCHABLE, MediaRow
from ingest.progress import OnProgress, Outcome
from momentseek.engine import Engine
from momentseek.remote import running_server
from momentseek.stores import drop_generation

_ALL = 10_000_000


@dataclass(frozen=True, slots=True)
class Reindexed:
    """``left_behind`` could not be described again; while it is not empty and was not given up,
    ``switched`` is False. ``old_kept`` names generations that a running server still uses."""

    outcomes: tuple[Outcome, ...] = ()
    switched: bool = False
    left_behind: tuple[MediaRow, ...] = ()
    old_kept: tuple[str, ...] = ()


def reindex(settings: Settings, on_progress: OnProgress, leave_behind: bool = False) -> Reindexed:
    """Build the generation that ``settings`` ask for and switch to it when it is complete.

    With ``leave_behind`` it switches also when originals are gone or fail now: these leave the library.
    Raises NotFound for a library without an index.
    """
    with Engine.of_existing(settings, building=True) as engine:
        active = engine.catalogue.active_generation()
        if active is None:
            raise NotFound("The library is empty; there is nothing to reindex.")
        if active.name == engine.fingerprint.name:
            return Reindexed(switched=True, old_kept=_remove_old(engine))
        found = engine.catalogue.list_media(statuses=(*SEARCHABLE, "indexing"), limit=_ALL)
        paths = [engine.media_path(row.id) for row in found if engine.has_original(row.id)]
        outcomes = tuple(engine.ingest(paths, on_progress))
        left_behind = _left_behind(engine)
        if left_behind and not leave_behind:
            return Reindexed(outcomes, False, left_behind)
        engine.catalogue.activate_generation(engine.fingerprint.name)
        for row in left_behind:
            engine.remove_media(row.id)
        return Reindexed(outcomes, True, left_behind, _remove_old(engine))


def _left_behind(engine: Engine) -> tuple[MediaRow, ...]:
    """What can be searched in the old generation alone, and what failed on its way into the new one."""
    new = engine.fingerprint.name
    return tuple(
        row for row in engine.catalogue.list_media(limit=_ALL)
        if (row.generation == new if row.status in FAILED else row.generation != new)
    )


def _remove_old(engine: Engine) -> tuple[str, ...]:
    """Delete generations that are not in use; returns those that a running server may hold open."""
    settings = engine.settings
    old = [row.name for row in engine.catalogue.list_generations() if not row.active]
    if old and running_server(settings.data_dir):
        return tuple(old)
    for name in old:
        drop_generation(settings, name)
        engine.catalogue.forget_generation(name)
    return ()
