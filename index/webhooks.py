"""Webhooks: whom to tell, and what has still to be told. What waits is kept here, so it outlives a process.

Every event is one delivery for each webhook that wants it, with an id that stays the same at every attempt.
Everything is delivered at least once; bounds are MOST_WAITING of a webhook that cannot be reached, and
KEPT_DELIVERIES of those that have ended.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast, get_args

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from core.errors import InvalidRequest, NotFound
from index.database import Database
from index.tables import Webhook, WebhookDelivery, now

Event = Literal["job.ready", "job.failed", "saved_query.matched"]
EVENTS: tuple[Event, ...] = get_args(Event)
PING = "ping"
"""The event of a delivery that somebody asks for to see whether it arrives."""

DeliveryState = Literal["waiting", "delivered", "failed"]

MOST_WEBHOOKS = 50
MOST_WAITING = 10_000
KEPT_DELIVERIES = 1000
_MARK = "whsec_"
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class WebhookRow:
    id: str
    url: str
    events: tuple[Event, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """``secret`` is shown here and never again."""

    row: WebhookRow
    secret: str

    def __repr__(self) -> str:
        return f"NewWebhook({self.row.id})"


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One event on its way. ``status`` is the last answer's, ``message`` what went wrong last, ``next_at``
    when it is tried next."""

    id: str
    webhook_id: str
    event: str
    state: DeliveryState
    attempts: int
    status: int | None
    message: str | None
    next_at: datetime | None
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery with all that is needed to send it."""

    id: str
    webhook_id: str
    url: str
    secret: str
    body: str
    attempts: int

    def __repr__(self) -> str:
        return f"Due({self.id})"


class Webhooks(Database):
    """The tables of webhooks. Thread-safe; any number of processes may have them open."""

    def add(self, url: str, events: Sequence[str]) -> NewWebhook:
        """Raises InvalidRequest for events that there are not, and above MOST_WEBHOOKS."""
        unknown = [one for one in events if one not in EVENTS]
        if unknown or not events:
            given = f"There is no event {unknown[0]!r}" if unknown else "No event is named"
            raise InvalidRequest(f"{given}; they are {', '.join(EVENTS)}.")
        secret = _MARK + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
        with self._write() as session:
            if (session.scalar(select(func.count()).select_from(Webhook)) or 0) >= MOST_WEBHOOKS:
                raise InvalidRequest(f"There are {MOST_WEBHOOKS} webhooks already; remove one first.")
            made = Webhook(
                id=secrets.token_hex(8), url=url, events=[one for one in EVENTS if one in events],
                secret=secret,
            )  # fmt: skip
            session.add(made)
            session.flush()
            return NewWebhook(_row(made), secret)

    def list_all(self) -> Sequence[WebhookRow]:
        """The oldest first."""
        with self._read() as session:
            return [
                _row(one) for one in session.scalars(select(Webhook).order_by(Webhook.created_at, Webhook.id))
            ]

    def get(self, webhook_id: str) -> WebhookRow:
        """Raises NotFound."""
        with self._read() as session:
            return _row(_get(session, webhook_id))

    def remove(self, webhook_id: str) -> None:
        """What waits for it goes, too. Raises NotFound."""
        with self._write() as session:
            session.delete(_get(session, webhook_id))

    def ping(self, webhook_id: str) -> Due:
        """A delivery that is sent at once, by whoever asked for it. Raises NotFound."""
        with self._write() as session:
            webhook = _get(session, webhook_id)
            made = _delivery(webhook_id, PING, _body(PING, {"webhook_id": webhook_id}))
            # Not due: nobody else is to send it.
            made.next_at = None
            session.add(made)
            session.flush()
            return _due(made, webhook)

    def deliveries(self, webhook_id: str, limit: int, offset: int) -> Sequence[DeliveryRow]:
        """The newest first. Raises NotFound."""
        query = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id)
        order = WebhookDelivery.created_at.desc(), WebhookDelivery.id
        with self._read() as session:
            _get(session, webhook_id)
            found = session.scalars(query.order_by(*order).limit(limit).offset(offset))
            return [_delivery_row(one) for one in found]

    def delivery(self, delivery_id: str) -> DeliveryRow:
        """Raises NotFound."""
        with self._read() as session:
            found = session.get(WebhookDelivery, delivery_id)
            if found is None:
                raise NotFound(f"There is no delivery {delivery_id!r}.")
            return _delivery_row(found)

    def due(self, resting: Collection[str]) -> Sequence[Due]:
        """Of every webhook that is not ``resting``, the delivery that has been due longest."""
        with self._read() as session:
            found = []
            for webhook in session.scalars(select(Webhook).where(Webhook.id.not_in(list(resting)))):
                oldest = (
                    select(WebhookDelivery).where(*_waiting(webhook.id), WebhookDelivery.next_at <= now())
                    .order_by(WebhookDelivery.next_at, WebhookDelivery.id).limit(1)
                )  # fmt: skip
                one = session.scalar(oldest)
                if one is not None:
                    found.append(_due(one, webhook))
            return found

    def next_time(self) -> datetime | None:
        """When the next delivery is due."""
        query = select(func.min(WebhookDelivery.next_at)).where(WebhookDelivery.state == "waiting")
        with self._read() as session:
            return session.scalar(query)

    def note_attempt(
        self, delivery_id: str, delivered: bool, status: int | None, message: str | None,
        next_at: datetime | None = None,
    ) -> None:
        """What came of one attempt; without ``next_at`` there is no other. Nothing happens when the delivery
        is gone with its webhook."""
        with self._write() as session:
            one = session.get(WebhookDelivery, delivery_id)
            if one is None:
                return
            one.attempts, one.status, one.message = one.attempts + 1, status, message
            one.next_at = None if delivered else next_at
            if one.next_at is None:
                one.state, one.ended_at = ("delivered" if delivered else "failed"), now()
                session.flush()
                _forget_old(session, one.webhook_id)


def add_deliveries(
    session: Session, event: Event, data: Mapping[str, Any], webhook_id: str | None = None
) -> int:
    """Tell every webhook that wants this event, or that one alone if it does; part of the caller's
    transaction. Returns how many that are."""
    wants = [
        one for one in session.scalars(select(Webhook))
        if event in one.events and webhook_id in (None, one.id)
    ]  # fmt: skip
    body = _body(event, data) if wants else ""
    for webhook in wants:
        _make_room(session, webhook.id)
        session.add(_delivery(webhook.id, event, body))
    return len(wants)


def _body(event: str, data: Mapping[str, Any]) -> str:
    """As the Standard Webhooks specification has it."""
    timestamp = now().isoformat().replace("+00:00", "Z")
    return json.dumps({"type": event, "timestamp": timestamp, "data": data}, separators=(",", ":"))


def _delivery(webhook_id: str, event: str, body: str) -> WebhookDelivery:
    moment = now()
    return WebhookDelivery(
        id=f"msg_{secrets.token_hex(16)}", webhook_id=webhook_id, event=event, body=body, state="waiting",
        attempts=0, next_at=moment, created_at=moment,
    )  # fmt: skip


def _waiting(webhook_id: str) -> tuple[Any, ...]:
    return WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.state == "waiting"


def _make_room(session: Session, webhook_id: str) -> None:
    waiting = select(func.count()).select_from(WebhookDelivery).where(*_waiting(webhook_id))
    if (session.scalar(waiting) or 0) < MOST_WAITING:
        return
    oldest = select(WebhookDelivery.id).where(*_waiting(webhook_id)).order_by(WebhookDelivery.created_at)
    session.execute(
        update(WebhookDelivery).where(WebhookDelivery.id == oldest.limit(1).scalar_subquery())
        .values(state="failed", next_at=None, ended_at=now(), message="Too many events waited for it.")
    )  # fmt: skip


def _forget_old(session: Session, webhook_id: str) -> None:
    ended = WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.state != "waiting"
    order = WebhookDelivery.created_at.desc(), WebhookDelivery.id
    old = session.scalars(
        select(WebhookDelivery.id).where(*ended).order_by(*order).offset(KEPT_DELIVERIES).limit(100)
    ).all()
    if old:
        session.execute(delete(WebhookDelivery).where(WebhookDelivery.id.in_(old)))


def _get(session: Session, webhook_id: str) -> Webhook:
    found = session.get(Webhook, webhook_id)
    if found is None:
        raise NotFound(f"There is no webhook {webhook_id!r}; GET /v1/webhooks lists those there are.")
    return found


def _row(one: Webhook) -> WebhookRow:
    return WebhookRow(one.id, one.url, tuple(cast(Sequence[Event], one.events)), one.created_at)


def _due(one: WebhookDelivery, webhook: Webhook) -> Due:
    return Due(one.id, webhook.id, webhook.url, webhook.secret, one.body, one.attempts)


def _delivery_row(one: WebhookDelivery) -> DeliveryRow:
    return DeliveryRow(
        one.id, one.webhook_id, one.event, cast(DeliveryState, one.state), one.attempts, one.status,
        one.message, one.next_at, one.created_at, one.ended_at,
    )
