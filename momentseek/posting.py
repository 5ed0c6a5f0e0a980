"""One attempt to tell a webhook something: the connection, and what becomes of it. When, and whom, is
momentseek/webhooks.py."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import ssl
import time
from dataclasses import dataclass

import httpcore

from core.errors import InvalidRequest
from core.outbound import Door, Guarded, Target, one_line, usual_tls
from index.webhooks import Due

_log = logging.getLogger(__name__)

_WHAT = "The address of the webhook"


@dataclass(frozen=True, slots=True)
class Answered:
    """``status`` of the answer, or ``message``: why there is none."""

    status: int | None = None
    message: str | None = None

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Poster:
    """``door`` says where webhooks may lead; one attempt takes ``timeout_seconds`` at most."""

    door: Door
    timeout_seconds: float
    tls: ssl.SSLContext | None = None

    def check(self, url: str) -> None:
        """Raises InvalidRequest for an address that may not be asked or cannot be found."""
        target = Target.of(url, _WHAT)
        try:
            self.door.addresses(target.host, target.port, time.monotonic() + self.timeout_seconds)
        except httpcore.TimeoutException:
            raise InvalidRequest(f"{target.host} cannot be found at the moment; try again.") from None
        except InvalidRequest as error:
            raise InvalidRequest(
                f"{str(error).removesuffix('.')}. Webhooks may lead into the own network where "
                "server.webhook_private_addresses allows it."
            ) from None

    def post(self, due: Due) -> Answered:
        deadline = time.monotonic() + self.timeout_seconds
        try:
            return self._exchange(due, Target.of(due.url, _WHAT), deadline)
        except InvalidRequest as error:
            return Answered(message=str(error))
        except httpcore.TimeoutException:
            return Answered(message=f"There was no answer within {self.timeout_seconds:g} s.")
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
        tls = self.tls or usual_tls()
        with (
            httpcore.ConnectionPool(tls, network_backend=Guarded(self.door, deadline)) as pool,
            pool.stream("POST", target.for_transport(), headers=headers, content=due.body.encode()) as reply,
        ):
            message = None if 200 <= reply.status < 300 else f"It answered {reply.status}."
            return Answered(reply.status, message)


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
