"""What was asked lately: so that pages stay as they were, and curves and feedback need no picture again."""

from __future__ import annotations

import base64
import binascii
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from core.errors import InvalidRequest, QueryForgotten
from search.evidence import Wanted
from search.moment import Moment
from search.query import Terms

_MOST_QUERIES = 64
_KEPT_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Remembered:
    """A query as vectors, ``wider`` those of its second round if there was one, and everything it found, in
    the order it is shown."""

    query_id: str
    terms: Terms
    wanted: Wanted
    moments: tuple[Moment, ...]
    wider: Wanted | None = None


class Memory:
    """The last queries of this process, each for an hour at most. Thread-safe."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[float, Remembered]] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, remembered: Remembered) -> None:
        with self._lock:
            self._kept[remembered.query_id] = time.monotonic(), remembered
            while len(self._kept) > _MOST_QUERIES:
                self._kept.popitem(last=False)

    def get(self, query_id: str) -> Remembered:
        """Raises QueryForgotten."""
        with self._lock:
            since, remembered = self._kept.get(query_id, (0.0, None))
            if remembered is None or time.monotonic() - since > _KEPT_SECONDS:
                self._kept.pop(query_id, None)
                raise QueryForgotten(
                    f"The query {query_id!r} is not remembered (any more); ask it again. The last "
                    f"{_MOST_QUERIES} queries of a running server are kept for an hour."
                )
            self._kept.move_to_end(query_id)
            return remembered


def page_token(query_id: str, offset: int) -> str:
    """An opaque token for the page that begins at ``offset``.

    >>> read_page_token(page_token("7f3a", 50))
    ('7f3a', 50)
    """
    return base64.urlsafe_b64encode(f"{query_id}:{offset}".encode()).decode().rstrip("=")


def read_page_token(token: str) -> tuple[str, int]:
    """Query id and offset. Raises InvalidRequest."""
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        query_id, offset = text.split(":")
        if int(offset) < 0:
            raise ValueError(offset)
        return query_id, int(offset)
    except (ValueError, binascii.Error):
        raise InvalidRequest(
            f"{token[:40]!r} is no page token; give next_page_token of an answer as it is."
        ) from None
