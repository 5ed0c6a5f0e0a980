"""``momentseek migrate``: a library from one store to another, its catalogue from one database to another.

Nothing is computed again: points are read with their vectors and written as they are, under the same
generation. It goes media by media, some thousand points at a time; what has arrived already is passed over,
so the same command goes on after an interruption, and does nothing when all is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field

from core.errors import InvalidRequest, NotFound, SettingsError, StoreBusy, StoreDamaged
from core.record import VectorName
from core.settings import Settings, StoreSettings
from core.types import Kind
from index.catalogue import Catalogue
from index.copying import copy_catalogue
from index.counts import require_counts
from index.store import VectorStore, Where
from momentseek.remote import running_server
from momentseek.stores import held_dimensions, open_store

EMBEDDED = "embedded"
_POINTS_AT_A_TIME = 2_000
_EVERY = 2**31
OnPoints = Callable[[int, int], None]
"""Points that are there already, and all of them."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """``points`` are all that the new store holds, ``copied`` those of this run, ``rows`` those of the
    catalogue by table where one was copied."""

    generation: str
    points: int
    copied: int
    rows: Mapping[str, int] = field(default_factory=dict)


def migrate(
    settings: Settings, to: str, catalogue: str | None = None, replace: bool = False,
    on_points: OnPoints = lambda there, all_of_them: None,
) -> Migrated:
    """Copy the active generation to the store ``to`` names, then the catalogue to the URL ``catalogue``.

    The old ones stay as they are. Raises NotFound for a library without an index, StoreBusy while a server
    runs on it, StoreDamaged when points are missing here or did not arrive, InvalidRequest for a place
    that is no other one.
    """
    from momentseek.engine import catalogue_place, has_library

    target_settings = settings_for(settings, to)
    source_catalogue = catalogue_place(settings)
    if not has_library(settings):
        raise NotFound(
            f"There is no library in {settings.data_dir} yet; make one with: momentseek ingest PATH"
        )
    if running_server(settings.data_dir) is not None:
        raise StoreBusy("A server runs on this library and may change it meanwhile; stop it first.")
    if target_settings.store.url == settings.store.url and catalogue is None:
        raise InvalidRequest(f"The library is there already ({settings.store.url or EMBEDDED}).")
    with Catalogue.open(source_catalogue) as rows:
        active = rows.active_generation()
        if active is None:
            raise NotFound("The library is empty; there is nothing to migrate.")
        points = copied = 0
        if target_settings.store.url != settings.store.url:
            dimensions = held_dimensions(settings, active.name)
            with (
                closing(open_store(settings, active.name, dimensions, create=False)) as source,
                closing(open_store(target_settings, active.name, dimensions)) as target,
            ):
                require_counts(source, rows, active.name)
                points, copied = copy_points(source, target, rows, active.name, list(dimensions), on_points)
    copied_rows = {} if catalogue is None else copy_catalogue(source_catalogue, catalogue, replace)
    return Migrated(active.name, points, copied, copied_rows)


def settings_for(settings: Settings, to: str) -> Settings:
    """The same settings with the store that ``to`` names: embedded, or the address of a Qdrant server, which
    may begin with qdrant://. Raises SettingsError."""
    url: str | None = None
    if to != EMBEDDED:
        url = "http://" + to.removeprefix("qdrant://") if to.startswith("qdrant://") else to
    try:
        store = StoreSettings.model_validate({**dict(settings.store), "url": url})
    except ValueError:
        allowed = f"{EMBEDDED}, qdrant://HOST:6333 or https://HOST:6333"
        raise SettingsError(f"--to {to} is no place for an index; write {allowed}.") from None
    return settings.model_copy(update={"store": store})


def copy_points(
    source: VectorStore, target: VectorStore, catalogue: Catalogue, generation: str,
    names: Sequence[VectorName], on_points: OnPoints = lambda there, all_of_them: None,
) -> tuple[int, int]:
    """Every point of the media that are indexed; returns how many there are, and how many had to be copied.

    Raises StoreDamaged when a group of media did not arrive as it is in the catalogue.
    """
    expected = catalogue.expected_counts_by_media(generation)
    total = sum(sum(counts.values()) for counts in expected.values())
    there = copied = 0
    on_points(there, total)
    with loading(target):
        for media_ids, number in groups_of_media(expected):
            group = Where(media_ids=media_ids)
            if target.count(group) != number:
                _copy_group(source, target, group, names)
                copied += number
                if (found := target.count(group)) != number:
                    raise StoreDamaged(
                        f"Of {number} points only {found} are in the new store. Run the same command again; "
                        "if that does not help, run `momentseek doctor`."
                    )
            there += number
            on_points(there, total)
        if target.count(Where()) != total:
            _remove_others(target, tuple(expected))
    require_counts(target, catalogue, generation)
    return there, copied


def _copy_group(
    source: VectorStore, target: VectorStore, group: Where, names: Sequence[VectorName]
) -> None:
    # An interrupted run, or an earlier state of the library, may have left some that are no more.
    target.delete(group)
    for name in names:
        ids = source.scroll(name, group, limit=_EVERY).id
        for first in range(0, len(ids), _POINTS_AT_A_TIME):
            target.upsert(source.get(ids[first : first + _POINTS_AT_A_TIME], name))
    target.flush()


def _remove_others(target: VectorStore, known: tuple[str, ...]) -> None:
    """Points of media that have left the library since an earlier migration."""
    target.delete(Where(not_media_ids=known) if known else Where(kinds=("frame", "region", "tile", "face")))
    target.flush()


def groups_of_media(expected: Mapping[str, Mapping[Kind, int]]) -> Iterator[tuple[tuple[str, ...], int]]:
    """Media ids together with their points, some thousand at a time and always in the same groups: a still
    has a handful of points, and a question to the store for each would take longer than the points."""
    group: list[str] = []
    points = 0
    for media_id in sorted(expected):
        group.append(media_id)
        points += sum(expected[media_id].values())
        if points >= _POINTS_AT_A_TIME:
            yield tuple(group), points
            group, points = [], 0
    if group:
        yield tuple(group), points


def loading(target: VectorStore) -> AbstractContextManager[None]:
    """A server makes its graphs once, at the end."""
    made: Callable[[], AbstractContextManager[None]] = getattr(target, "loading", nullcontext)
    return made()


def migrate_with_progress(
    settings: Settings, to: str, catalogue: str | None, replace: bool
) -> None:
    """Migrate, show how far it is, and say what to set afterwards."""
    import typer
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from momentseek.show import console

    columns = TextColumn("points"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console(), transient=True) as bar:
        task = bar.add_task("points", total=None)
        done = migrate(
            settings, to, catalogue, replace,
            lambda there, all_of_them: bar.update(task, completed=there, total=all_of_them),
        )
    typer.echo(
        f"Generation {done.generation}: {done.points} points are there, {done.copied} of them copied now."
    )
    url = settings_for(settings, to).store.url
    typer.echo(
        f"To use it, set MOMENTSEEK_STORE__URL={url} (or store.url in your configuration)." if url
        else "To use it, leave store.url unset."
    )
    if done.rows:
        typer.echo(
            f"The catalogue's {sum(done.rows.values())} rows are there, too: set catalogue.url. Pictures, "
            f"storyboards and uploads stay in {settings.data_dir}."
        )
