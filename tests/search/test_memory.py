"""What is remembered of queries, for how long, and the tokens that name pages of them."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from core.errors import InvalidRequest, QueryForgotten
from search import memory as room
from search.chance import Calibration, Chance, Scale
from search.evidence import Wanted
from search.memory import Memory, Remembered, page_token, read_page_token
from search.query import Filters, Terms


def query(query_id: str) -> Remembered:
    nothing = np.zeros((0, 4), np.float32)
    calibration = Calibration(Chance(0.0, 0.1), Scale(4.0, 4.8, 6.3))
    terms = Terms("scene", (), Filters(), refine=False, sort="score", grouped=False)
    return Remembered(query_id, terms, Wanted("visual", ("frame",), nothing, nothing, calibration), ())


def test_what_was_kept_is_there_and_nothing_else() -> None:
    memory = Memory()
    with pytest.raises(QueryForgotten, match="'a'"):
        memory.get("a")
    kept = query("a")
    memory.keep(kept)
    assert memory.get("a") is kept
    with pytest.raises(QueryForgotten):
        memory.get("b")


def test_the_one_not_used_for_longest_is_forgotten_first() -> None:
    memory = Memory()
    for number in range(64):
        memory.keep(query(str(number)))
    assert memory.get("0").query_id == "0"
    memory.keep(query("new"))
    with pytest.raises(QueryForgotten):
        memory.get("1")
    assert [memory.get(one).query_id for one in ("0", "2", "63", "new")] == ["0", "2", "63", "new"]


def test_a_query_of_long_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory()
    memory.keep(query("a"))
    monkeypatch.setattr(room, "_KEPT_SECONDS", -1.0)
    for _ in range(2):
        with pytest.raises(QueryForgotten, match="hour"):
            memory.get("a")


@pytest.mark.parametrize("offset", [0, 1, 50, 4999])
def test_a_token_says_which_page(offset: int) -> None:
    token = page_token("5f0c6b1d2e3a4f7a8b9c0d1e2f3a4b5c", offset)
    assert read_page_token(token) == ("5f0c6b1d2e3a4f7a8b9c0d1e2f3a4b5c", offset)
    assert token.replace("-", "").replace("_", "").isalnum(), "it goes into an address as it is"


def encoded(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


@pytest.mark.parametrize("token", [
    "", "a", "zz", "é", "\0", "....", encoded(b"no colon"), encoded(b"a:b"), encoded(b"a:"), encoded(b"a:-1"),
    encoded(b"a:1:2"), encoded(b"a:1.5"), encoded(b"\xff\xfe:1"), encoded(b"a:" + b"9" * 5000),
])  # fmt: skip
def test_what_is_no_token(token: str) -> None:
    with pytest.raises(InvalidRequest, match="no page token"):
        read_page_token(token)
