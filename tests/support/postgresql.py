"""A throwaway PostgreSQL for tests, started once per session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from bench.postgresql import NoPostgreSql, PostgreSql, running

REQUIRED = os.environ.get("REQUIRE_POSTGRESQL") == "1"
"""Read when tests are collected: while they run, nothing of the environment outside is there."""


@contextmanager
def available() -> Iterator[PostgreSql]:
    """Skips the test where PostgreSQL is absent, and fails it where it is promised."""
    with ExitStack() as stopping:
        try:
            server = stopping.enter_context(running())
        except NoPostgreSql as error:
            if REQUIRED:
                pytest.fail(f"REQUIRE_POSTGRESQL is set. {error}")
            pytest.skip(str(error))
        yield server
