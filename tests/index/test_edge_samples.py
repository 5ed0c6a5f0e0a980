"""Samples that are kept from one start of the store to the next: always what would be drawn now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from core.record import Points
from index.store import Where
from index.stores.edge_samples import KeptSamples
from index.stores.edge_shard import EdgeGeneration
from tests.support.points import DIMENSIONS, make_points

FRAMES, LIMIT, COUNT = Where(kinds=("frame",)), 20, 300


def opened(folder: Path) -> closing[EdgeGeneration]:
    dimensions = {str(name): size for name, size in DIMENSIONS.items()}
    return closing(EdgeGeneration(folder / "g1", dimensions, create=True))


@pytest.fixture
def generation(tmp_path: Path) -> Iterator[EdgeGeneration]:
    with opened(tmp_path) as made:
        made.upsert(make_points(COUNT))
        yield made


def same(one: Points, other: Points) -> bool:
    """To the bit."""
    pairs = [(getattr(one, field.name), getattr(other, field.name)) for field in fields(one)]
    return all(
        np.array_equal(mine, theirs, equal_nan=mine.dtype.kind == "f") and mine.dtype == theirs.dtype
        if isinstance(mine, np.ndarray) else mine == theirs
        for mine, theirs in pairs
    )


def kept(generation: EdgeGeneration, where: Where = FRAMES) -> Points | None:
    """As the next process that opens this generation finds it."""
    return KeptSamples(generation.path).find("visual", where, LIMIT, generation.count(Where()))


def files(generation: EdgeGeneration) -> list[Path]:
    return sorted((generation.path / "samples").iterdir())


def test_what_is_kept_is_what_was_drawn(generation: EdgeGeneration) -> None:
    assert kept(generation) is None
    drawn = generation.sample("visual", FRAMES, LIMIT)
    assert len(drawn) == LIMIT and set(drawn.kind) == {"frame"}
    found = kept(generation)
    assert found is not None and same(found, drawn)
    assert same(generation.sample("visual", FRAMES, LIMIT), drawn)


def test_each_size_kind_and_name_has_its_own(generation: EdgeGeneration) -> None:
    generation.upsert(make_points(10, "m2", "face"))
    regions = Where(kinds=("region",))
    samples = [
        generation.sample("visual", FRAMES, LIMIT), generation.sample("visual", FRAMES, LIMIT - 1),
        generation.sample("visual", regions, LIMIT), generation.sample("face", Where(kinds=("face",)), LIMIT),
    ]  # fmt: skip
    again = [
        generation.sample("visual", FRAMES, LIMIT), generation.sample("visual", FRAMES, LIMIT - 1),
        generation.sample("visual", regions, LIMIT), generation.sample("face", Where(kinds=("face",)), LIMIT),
    ]  # fmt: skip
    assert [len(one) for one in samples] == [LIMIT, LIMIT - 1, LIMIT, 10]
    assert all(map(same, samples, again)) and len(files(generation)) == 4


def test_what_asks_for_more_than_kinds_is_not_kept(generation: EdgeGeneration) -> None:
    for where in (Where(), Where(("m1",), kinds=("frame",)), Where(kinds=("frame",), labels=("cup",))):
        assert len(generation.sample("visual", where, LIMIT)) == LIMIT
        assert kept(generation, where) is None
    assert not (generation.path / "samples").exists()


def add(generation: EdgeGeneration) -> None:
    generation.upsert(make_points(COUNT, "m2"))


def remove_as_many_as_are_added(generation: EdgeGeneration) -> None:
    generation.upsert(make_points(COUNT, "m2"))
    generation.delete(Where(media_ids=("m1",)))


def overwrite(generation: EdgeGeneration) -> None:
    generation.upsert(make_points(COUNT, seed=1))


@pytest.mark.parametrize("change", [add, remove_as_many_as_are_added, overwrite])
def test_any_write_drops_it(generation: EdgeGeneration, change: Callable[[EdgeGeneration], None]) -> None:
    before = generation.sample("visual", FRAMES, LIMIT)
    change(generation)
    assert kept(generation) is None and files(generation) == []
    after = generation.sample("visual", FRAMES, LIMIT)
    assert not same(after, before) and same(after, generation._draw("visual", FRAMES, LIMIT))
    found = kept(generation)
    assert found is not None and same(found, after)


def test_a_process_that_has_drawn_nothing_drops_it_too(tmp_path: Path) -> None:
    with opened(tmp_path) as first:
        first.upsert(make_points(COUNT))
        drawn = first.sample("visual", FRAMES, LIMIT)
    with opened(tmp_path) as second:
        found = kept(second)
        assert found is not None and same(found, drawn)
        # As many as before: the name of the file does not tell.
        second.upsert(make_points(COUNT, seed=1))
        assert kept(second) is None


def test_one_of_another_number_of_points_counts_as_none(generation: EdgeGeneration) -> None:
    generation.sample("visual", FRAMES, LIMIT)
    assert KeptSamples(generation.path).find("visual", FRAMES, LIMIT, COUNT + 1) is None


def test_a_damaged_file_is_drawn_again(generation: EdgeGeneration) -> None:
    drawn = generation.sample("visual", FRAMES, LIMIT)
    [file] = files(generation)
    whole = file.read_bytes()
    flipped = bytes([*whole[:-100], whole[-100] ^ 1, *whole[-99:]])
    for damaged in (b"", whole[:10], whole[: len(whole) // 2], flipped, whole + b"x"):
        file.write_bytes(damaged)
        assert kept(generation) is None
        assert same(generation.sample("visual", FRAMES, LIMIT), drawn)
        assert file.read_bytes() == whole


def test_where_it_cannot_be_written_it_is_drawn_every_time(generation: EdgeGeneration) -> None:
    # Not by its mode: whoever runs this may be allowed everything.
    (generation.path / "samples").write_text("in the way")
    drawn = generation.sample("visual", FRAMES, LIMIT)
    assert len(drawn) == LIMIT and same(generation.sample("visual", FRAMES, LIMIT), drawn)
    generation.upsert(make_points(COUNT, "m2"))


def test_an_empty_sample_is_kept_as_well(generation: EdgeGeneration) -> None:
    faces = Where(kinds=("face",))
    drawn = generation.sample("face", faces, LIMIT)
    found = KeptSamples(generation.path).find("face", faces, LIMIT, COUNT)
    assert found is not None and len(found) == 0 and same(found, drawn)
