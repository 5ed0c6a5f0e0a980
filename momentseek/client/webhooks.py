"""``client.webhooks``: addresses that are told what happens. docs/webhooks.md says what they get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from momentseek.client.connection import Connection
from momentseek.client.records import known


@dataclass(frozen=True, slots=True)
class Webhook:
    """``secret`` is shown once, when it is made: what is sent is signed with it."""

    id: str
    url: str
    events: tuple[str, ...]
    created_at: datetime
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    id: str
    event: str
    state: str
    attempts: int
    status: int | None
    message: str | None
    created_at: datetime


class Webhooks:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, url: str, events: Sequence[str] | None = None) -> Webhook:
        """None: it is told of everything."""
        body = {"url": url} if events is None else {"url": url, "events": [*events]}
        return _webhook(self._connection.json("POST", "/v1/webhooks", body=body))

    def list(self) -> Sequence[Webhook]:
        return [_webhook(one) for one in self._connection.json("GET", "/v1/webhooks")["data"]]

    def remove(self, webhook_id: str) -> None:
        self._connection.json("DELETE", _path(webhook_id))

    def test(self, webhook_id: str) -> Delivery:
        """Send something there now; ``state`` says whether it arrived."""
        body = self._connection.json("POST", f"{_path(webhook_id)}/test")
        return Delivery(**known(Delivery, body))


def _webhook(body: dict[str, object]) -> Webhook:
    fields = known(Webhook, body)
    return Webhook(**{**fields, "events": tuple(fields["events"])})


def _path(webhook_id: str) -> str:
    return f"/v1/webhooks/{quote(webhook_id, safe='')}"
