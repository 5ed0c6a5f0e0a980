"""Query pictures from addresses, for the routes: a few at a time, on disk until somebody looks at them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO

from api.fetch_picture import Fetcher
from api.floods import Places
from core.settings import ServerSettings

_AT_A_TIME, _WAITING = 4, 16
"""Fetching is waiting for others: these must not take the places of searches, nor wait as long."""
_IN_MEMORY_BYTES = 1 << 20
"""As of what is uploaded: what is larger lies on disk while others are being answered."""


class Fetching:
    """``fetcher`` None: as the settings say, which allow none unless somebody wants it."""

    def __init__(self, settings: ServerSettings, fetcher: Fetcher | None = None):
        self._settings, self._fetcher = settings, fetcher
        self._places = Places(_AT_A_TIME, _WAITING)

    @asynccontextmanager
    async def files(self, urls: Sequence[str]) -> AsyncIterator[list[IO[bytes]]]:
        """What lies at ``urls``, read from the start, as long as the block lasts.

        Raises InvalidRequest where fetching is off, and for an address that is not allowed or gives nothing;
        HTTPException 429 when too many wait already.
        """
        with ExitStack() as closing:
            files: list[IO[bytes]] = []
            if urls:
                fetcher = self._fetcher or Fetcher.of(self._settings)
                for url in urls:
                    file = closing.enter_context(SpooledTemporaryFile(_IN_MEMORY_BYTES))
                    # A place for each: whoever names ten slow ones does not keep one for all that time.
                    await self._places.run(partial(_save, fetcher, url, file))
                    files.append(file)
            yield files


def _save(fetcher: Fetcher, url: str, file: IO[bytes]) -> None:
    file.write(fetcher.download(url))
    file.seek(0)
