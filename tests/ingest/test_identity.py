from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from core.errors import MediaBroken
from ingest.identity import BLOCK_BYTES, WHOLE_FILE_BYTES, content_id, sampled_blocks


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.bin"
    path.write_bytes(random.Random(1).randbytes(5 * WHOLE_FILE_BYTES))
    return path


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def test_name_place_and_dates_do_not_count(large: Path, tmp_path: Path) -> None:
    before = content_id(large)
    other = tmp_path / "elsewhere" / "other name.mp4"
    other.parent.mkdir()
    large.rename(other)
    os.utime(other, (1, 1))
    assert content_id(other) == before
    assert len(before) == 32
    int(before, 16)


@pytest.mark.parametrize("block", range(16))
def test_a_change_in_any_sampled_block_is_another_media(large: Path, block: int) -> None:
    before = content_id(large)
    offset, length = sampled_blocks(large.stat().st_size)[block]
    flip(large, offset + length // 2)
    assert content_id(large) != before


def test_blocks_cover_head_and_tail_and_read_a_megabyte() -> None:
    size = 7_000_000_001
    blocks = sampled_blocks(size)
    assert blocks[0] == (0, BLOCK_BYTES)
    assert sum(blocks[-1]) == size
    assert sum(length for _, length in blocks) <= 1 << 20


def test_size_counts_even_where_the_blocks_are_the_same(tmp_path: Path) -> None:
    ids = set()
    for size in (0, 1, WHOLE_FILE_BYTES, WHOLE_FILE_BYTES + 1, 3 * WHOLE_FILE_BYTES, 4 * WHOLE_FILE_BYTES):
        path = tmp_path / f"{size}"
        path.write_bytes(bytes(size))
        ids.add(content_id(path))
    assert len(ids) == 6


@pytest.mark.parametrize("offset", [0, 500_000, WHOLE_FILE_BYTES - 1])
def test_small_files_are_hashed_whole(tmp_path: Path, offset: int) -> None:
    path = tmp_path / "small.bin"
    path.write_bytes(bytes(WHOLE_FILE_BYTES))
    before = content_id(path)
    flip(path, offset)
    assert content_id(path) != before


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MediaBroken, match=r"gone\.mp4 cannot be read"):
        content_id(tmp_path / "gone.mp4")
