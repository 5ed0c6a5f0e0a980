"""The worked examples in this room's docstrings."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["embed.pooling", "embed.embedders.sface", "embed.towers_torch"])
def test_examples(name: str) -> None:
    if name == "embed.towers_torch":
        pytest.importorskip("torch")
        pytest.importorskip("open_clip")
    tried = doctest.testmod(importlib.import_module(name))
    assert tried.attempted > 0
    assert tried.failed == 0
