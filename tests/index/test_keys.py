"""Keys: what is kept of them, who is let in, what is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from core.errors import InvalidRequest, NotFound
from index.keys import SCOPES, USE_NOTED_EVERY, KeyRow, Keys, allows, find_key
from index.tables import ApiKey, now


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    with Keys.open(tmp_path / "catalogue.db") as opened:
        yield opened


def by_id(keys: Keys) -> dict[str, KeyRow]:
    return {row.id: row for row in keys.list_keys()}


def test_there_are_none_at_first(keys: Keys) -> None:
    assert keys.list_keys() == []
    assert find_key({}, "ms_00000000_" + "0" * 40) is None
    assert find_key({}, "") is None


def test_a_key_is_long_random_and_shown_once(keys: Keys, tmp_path: Path) -> None:
    first, second = keys.add_key("page", "read"), keys.add_key("robot", "ingest")
    for made in (first, second):
        assert re.fullmatch(r"ms_[0-9a-f]{8}_[0-9a-f]{40}", made.key)
        assert made.key not in repr(made)
    assert first.key != second.key
    assert [(row.name, row.scope, row.last_used_at) for row in keys.list_keys()] == [
        ("page", "read", None), ("robot", "ingest", None),
    ]  # fmt: skip
    secret = first.key.rpartition("_")[2].encode()
    written = [path.read_bytes() for path in tmp_path.iterdir()]
    assert written and not any(secret in content for content in written)


def test_only_the_whole_key_is_the_key(keys: Keys) -> None:
    made, other = keys.add_key("page", "read"), keys.add_key("robot", "admin")
    rows = by_id(keys)
    assert find_key(rows, made.key) == made.row
    _, key_id, secret = made.key.split("_")
    other_secret = other.key.split("_")[2]
    for wrong in (
        made.key[:-1], made.key + "0", made.key.upper(), f" {made.key}", secret, key_id, f"ms_{key_id}_",
        f"ms_{key_id}_{other_secret}", f"ms_{other.row.id}_{secret}", rows[key_id].sha256,
        f"ms_{key_id}_{rows[key_id].sha256}", f"ms_{key_id}_é", "ms__", "\udcff",
    ):  # fmt: skip
        assert find_key(rows, wrong) is None, wrong


def test_revoked_by_name_or_id(keys: Keys) -> None:
    one, two, three = (keys.add_key(name, "read") for name in ("one", "two", "three"))
    assert keys.revoke_key("one").id == one.row.id
    assert keys.revoke_key(two.row.id).name == "two"
    rows = by_id(keys)
    assert [find_key(rows, made.key) for made in (one, two, three)] == [None, None, three.row]
    with pytest.raises(NotFound, match=r"no key 'one'.*keys list"):
        keys.revoke_key("one")
    again = keys.add_key("one", "admin")
    assert again.key != one.key and find_key(by_id(keys), one.key) is None


@pytest.mark.parametrize("name", ["", " page", "page\n", "a\x1b[31mb", "x" * 101])
def test_names_that_are_none(keys: Keys, name: str) -> None:
    with pytest.raises(InvalidRequest, match="cannot be the name"):
        keys.add_key(name, "read")
    assert keys.list_keys() == []


def test_taken_names_and_unknown_scopes(keys: Keys) -> None:
    keys.add_key("page", "read")
    with pytest.raises(InvalidRequest, match="already"):
        keys.add_key("page", "admin")
    with pytest.raises(InvalidRequest, match="no scope 'write'; they are read, ingest, admin"):
        keys.add_key("other", "write")


def test_scopes_include_the_ones_before() -> None:
    allowed = {(has, needed) for has in SCOPES for needed in SCOPES if allows(has, needed)}
    assert allowed == {
        ("read", "read"), ("ingest", "read"), ("ingest", "ingest"),
        ("admin", "read"), ("admin", "ingest"), ("admin", "admin"),
    }  # fmt: skip


def test_use_is_noted_to_the_hour(keys: Keys) -> None:
    made = keys.add_key("page", "read")
    keys.note_use(made.row.id)
    [noted] = keys.list_keys()
    assert noted.last_used_at is not None and noted.last_used_at <= now()
    keys.note_use(made.row.id)
    assert keys.list_keys() == [noted]
    long_ago = now() - USE_NOTED_EVERY - timedelta(seconds=1)
    with keys._write() as session:
        session.execute(update(ApiKey).values(last_used_at=long_ago))
    keys.note_use(made.row.id)
    [later] = keys.list_keys()
    assert later.last_used_at is not None and later.last_used_at > long_ago
    keys.note_use("gone")
