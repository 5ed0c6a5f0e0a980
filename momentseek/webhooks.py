"""Webhooks, sent: one thread of a serving process, apart from all that answers or indexes.

Signed as the Standard Webhooks specification says (https://www.standardwebhooks.com): headers webhook-id,
webhook-timestamp and webhook-signature. Delivered is what is answered with 2xx; a redirect is not followed,
nothing of an answer's body is read. A webhook that fails rests before anything else is sent to it, so that
one that cannot be reached takes nobody else's time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import random
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpcore

from core.errors import InvalidRequest
from core.outbound import Door, Guarded, Target, one_line, usual_tls
from index.webhooks import DeliveryRow, Due, NewWebhook
from index.webhooks import Webhooks as WebhookRows
from momentseek.rounds import LOOK_EVERY_SECONDS, Rounds

_log = logging.getLogger(__name__)

WAITS_SECONDS = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 36_000.0)
"""After each failed attempt: the first again within seconds, the last after more than a day."""
_LONGEST_REST_SECONDS = 300.0
_TROUBLE_SECONDS = 30.0
_GONE = 410
"""Whoever answers this wants no other attempt."""
_WHAT = "The address of the webhook"


@dataclass(frozen=True, slots=True)
class Answered:
    """``status`` of the answer, or ``message``: why there is none."""

    status: int | None = None
    message: str | None = None

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Webhooks(Rounds):
    """``rows`` keeps them. ``door`` says where they may lead; one attempt takes ``timeout_seconds``."""

    def __init__(
        self, rows: WebhookRows, door: Door, timeout_seconds: float,
        waits_seconds: Sequence[float] = WAITS_SECONDS, tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__("momentseek-webhooks", _TROUBLE_SECONDS)
        self.rows = rows
        self._door, self._timeout_seconds, self._tls = door, timeout_seconds, tls
        self._waits_seconds = tuple(waits_seconds)
        self._failures: dict[str, int] = {}
        self._resting: dict[str, float] = {}

    def add(self, url: str, events: Sequence[str]) -> NewWebhook:
        """Raises InvalidRequest for an address that may not be asked or cannot be found."""
        target = Target.of(url, _WHAT)
        self._check(target, time.monotonic() + self._timeout_seconds)
        return self.rows.add(url, events)

    def ping(self, webhook_id: str) -> DeliveryRow:
        """Send something now, once. Raises NotFound."""
        due = self.rows.ping(webhook_id)
        answered = self._post(due)
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
        answered = self._post(due)
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

    def _post(self, due: Due) -> Answered:
        deadline = time.monotonic() + self._timeout_seconds
        try:
            return self._exchange(due, Target.of(due.url, _WHAT), deadline)
        except InvalidRequest as error:
            return Answered(message=str(error))
        except httpcore.TimeoutException:
            return Answered(message=f"There was no answer within {self._timeout_seconds:g} s.")
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            return Answered(message=f"It could not be sent: {one_line(error)}.")
        except Exception as error:
            # One that cannot be sent must not keep the others from being sent.
            _log.warning("Delivery %s failed: %s", due.id, type(error).__name__)
            return Answered(message=f"It could not be sent: {type(error).__name__}.")

    def _exchange(self, due: Due, target: Target, deadline: float) -> Answered:
        headers = [
            ("Host", target.authority), ("User-Agent", "momentseek"), ("Content-Type", "application/json"),
            *signed_headers(due.secret, due.id, int(time.time()), due.body),
        ]  # fmt: skip
        tls = self._tls or usual_tls()
        with (
            httpcore.ConnectionPool(tls, network_backend=Guarded(self._door, deadline)) as pool,
            pool.stream("POST", target.for_transport(), headers=headers, content=due.body.encode()) as reply,
        ):
            message = None if 200 <= reply.status < 300 else f"It answered {reply.status}."
            return Answered(reply.status, message)

    def _check(self, target: Target, deadline: float) -> None:
        try:
            self._door.addresses(target.host, target.port, deadline)
        except httpcore.TimeoutException:
            raise InvalidRequest(f"{target.host} cannot be found at the moment; try again.") from None
        except InvalidRequest as error:
            raise InvalidRequest(
                f"{str(error).removesuffix('.')}. Webhooks may lead into the own network where "
                "server.webhook_private_addresses allows it."
            ) from None

    def _idle_seconds(self) -> float:
        """Until something may be due, or may have been added by others."""
        due_at, now = self.rows.next_time(), datetime.now(UTC)
        times = [until - time.monotonic() for until in self._resting.values()]
        if due_at is not None and due_at > now:
            times.append((due_at - now).total_seconds())
        return max(min([LOOK_EVERY_SECONDS, *times]), 0.05)


def signed_headers(secret: str, message_id: str, timestamp: int, body: str) -> list[tuple[str, str]]:
    """``secret`` is ``whsec_`` and base64; ``timestamp`` in whole seconds.

    >>> signed_headers("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_1", 1614265330, "{}")[2][1]
    'v1,ZztYR0IIDCBCUcYzh8ZE+qsQWpIgtHU7R1hpe8htaD4='
    """
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{message_id}.{timestamp}.{body}".encode(), hashlib.sha256).digest()
    return [
        ("webhook-id", message_id), ("webhook-timestamp", str(timestamp)),
        ("webhook-signature", f"v1,{base64.b64encode(digest).decode()}"),
    ]  # fmt: skip
