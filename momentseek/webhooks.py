"""Webhooks, sent: one thread of a serving process, apart from all that answers or indexes.

Signed as the Standard Webhooks specification says (https://www.standardwebhooks.com): headers webhook-id,
webhook-timestamp and webhook-signature. Delivered is what is answered with 2xx; a redirect is not followed,
nothing of an answer's body is read. A webhook that fails rests before anything else is sent to it, so that
one that cannot be reached takes nobody else's time.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from index.webhooks import DeliveryRow, Due, NewWebhook
from index.webhooks import Webhooks as WebhookRows
from momentseek.rounds import LOOK_EVERY_SECONDS, Rounds

if TYPE_CHECKING:
    from momentseek.posting import Poster

_log = logging.getLogger(__name__)

WAITS_SECONDS = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 36_000.0)
"""After each failed attempt: the first again within seconds, the last after more than a day."""
_LONGEST_REST_SECONDS = 300.0
_TROUBLE_SECONDS = 30.0
_GONE = 410
"""Whoever answers this wants no other attempt."""


class Webhooks(Rounds):
    """``rows`` keeps them. ``make_poster`` is called when there is something to send: what talks to the web
    takes long to import, and most servers have no webhooks."""

    def __init__(
        self, rows: WebhookRows, make_poster: Callable[[], Poster],
        waits_seconds: Sequence[float] = WAITS_SECONDS,
    ) -> None:
        super().__init__("momentseek-webhooks", _TROUBLE_SECONDS)
        self.rows = rows
        self._make_poster = make_poster
        self._waits_seconds = tuple(waits_seconds)
        self._failures: dict[str, int] = {}
        self._resting: dict[str, float] = {}

    @cached_property
    def _poster(self) -> Poster:
        return self._make_poster()

    def add(self, url: str, events: Sequence[str]) -> NewWebhook:
        """Raises InvalidRequest for an address that may not be asked or cannot be found."""
        self._poster.check(url)
        return self.rows.add(url, events)

    def ping(self, webhook_id: str) -> DeliveryRow:
        """Send something now, once. Raises NotFound."""
        due = self.rows.ping(webhook_id)
        answered = self._poster.post(due)
        self.rows.note_attempt(due.id, answered.is_delivered, answered.status, answered.message)
        return self.rows.delivery(due.id)

    def _complain(self, error: Exception) -> None:
        _log.error("Webhooks cannot be sent.", exc_info=error)

    def _round(self) -> bool:
        """One delivery for each webhook that has one due; whether there were any. Of several servers that
        share the catalogue, one does this."""
        if not self.rows.leads("webhooks"):
            return False
        now = time.monotonic()
        self._resting = {one: until for one, until in self._resting.items() if until > now}
        found = self.rows.due(self._resting)
        for due in found:
            if self._ending.is_set():
                break
            self._deliver(due)
        return bool(found)

    def _deliver(self, due: Due) -> None:
        answered = self._poster.post(due)
        if answered.is_delivered:
            self._failures.pop(due.webhook_id, None)
            self.rows.note_attempt(due.id, True, answered.status, None)
            return
        failures = self._failures[due.webhook_id] = self._failures.get(due.webhook_id, 0) + 1
        rest = min(self._waits_seconds[min(failures, len(self._waits_seconds)) - 1], _LONGEST_REST_SECONDS)
        self._resting[due.webhook_id] = time.monotonic() + rest
        next_at = None
        if due.attempts < len(self._waits_seconds) and answered.status != _GONE:
            # Not all at the same moment, when a receiver comes back.
            wait = self._waits_seconds[due.attempts] * random.uniform(1.0, 1.1)
            next_at = datetime.now(UTC) + timedelta(seconds=wait)
        self.rows.note_attempt(due.id, False, answered.status, answered.message, next_at)

    def _idle_seconds(self) -> float:
        """Until something may be due, or may have been added by others."""
        due_at, now = self.rows.next_time(), datetime.now(UTC)
        times = [until - time.monotonic() for until in self._resting.values()]
        if due_at is not None and due_at > now:
            times.append((due_at - now).total_seconds())
        return max(min([LOOK_EVERY_SECONDS, *times]), 0.05)
