"""Requests to a server: errors as ours, patience with a busy one, files that are whole or not there."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from momentseek.client.errors import ServerUnreachable, error_of

_LONGEST_PAUSE_SECONDS = 30.0
_CONNECT_SECONDS = 10.0

Fields = Mapping[str, Any]
Files = Sequence[tuple[str, bytes]]


class Connection:
    """One server. A reply of 429 is waited out as its Retry-After says, for ``patience_seconds`` in all
    per request; after that it is raised."""

    def __init__(self, http: httpx.Client, url: str, patience_seconds: float) -> None:
        self.url = url
        self._http, self._patience_seconds = http, patience_seconds

    def json(
        self, method: str, path: str, *, query: Fields | None = None, body: Fields | None = None,
        form: Fields | None = None, files: Files = (), content: bytes | None = None,
    ) -> Any:
        """The JSON of the reply, None where it is empty. None in ``query`` and ``form`` is left out."""
        reply = self.reply(method, path, query=query, body=body, form=form, files=files, content=content)
        if reply.status_code == 204:
            return None
        try:
            return reply.json()
        except json.JSONDecodeError:
            raise ServerUnreachable(f"What answers at {self.url} is not momentseek.") from None

    def reply(
        self, method: str, path: str, *, query: Fields | None = None, body: Fields | None = None,
        form: Fields | None = None, files: Files = (), content: bytes | None = None,
    ) -> httpx.Response:
        """Raises what the server reports as our own errors, ServerUnreachable where there is none."""
        # An empty files= would make httpx send an urlencoded form, which the API takes as well.
        request = self._request(
            method, path, params=_given(query), json=body, data=_given(form) if form else None,
            files=list(files) or None, content=content,
        )  # fmt: skip
        return self._send(request)

    def save(
        self, method: str, path: str, target: Path, *, query: Fields | None = None, body: Fields | None = None
    ) -> Path:
        """Write the body to ``target``, which is there when all of it has come."""
        request = self._request(method, path, params=_given(query), json=body)
        draft = target.with_name(f".{target.name}.part")
        try:
            # Opened first: a target that cannot be written costs the server no work.
            with draft.open("wb") as file, self._streamed(request) as reply, self._said():
                for piece in reply.iter_bytes():
                    file.write(piece)
            return draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)

    def lines(self, path: str) -> Iterator[str]:
        """The lines of a reply that has no end of its own, as they come."""
        with self._streamed(self._request("GET", path)) as reply, self._said():
            yield from reply.iter_lines()

    def _request(self, method: str, path: str, **parts: Any) -> httpx.Request:
        with self._said():
            return self._http.build_request(method, self.url + path, **parts)

    @contextmanager
    def _streamed(self, request: httpx.Request) -> Iterator[httpx.Response]:
        reply = self._send(request, stream=True)
        try:
            yield reply
        finally:
            reply.close()

    def _send(self, request: httpx.Request, stream: bool = False) -> httpx.Response:
        until = time.monotonic() + self._patience_seconds
        while True:
            with self._said():
                reply = self._http.send(request, stream=stream)
                if reply.is_error:
                    reply.read()
            pause = _pause_seconds(reply)
            if reply.status_code != 429 or time.monotonic() + pause > until:
                break
            time.sleep(pause)
        if reply.is_error:
            raise error_of(reply)
        if reply.is_redirect:
            reply.close()
            raise ServerUnreachable(
                f"{self.url} only points to {reply.headers.get('location', 'another place')}; give the "
                "address of the server itself."
            )
        return reply

    @contextmanager
    def _said(self) -> Iterator[None]:
        """What httpx raises, said in our words."""
        try:
            yield
        except httpx.ConnectError:
            raise ServerUnreachable(
                f"No server answers at {self.url}; start one with: momentseek serve"
            ) from None
        except httpx.TimeoutException:
            raise ServerUnreachable(f"The server at {self.url} did not answer in time.") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServerUnreachable(f"The server at {self.url} could not be asked: {error}.") from None


def new_http(key: str | None, timeout_seconds: float) -> httpx.Client:
    """Proxies of the environment are not asked: most servers are on this machine or in this house."""
    return httpx.Client(
        timeout=httpx.Timeout(timeout_seconds, connect=_CONNECT_SECONDS), trust_env=False,
        headers=None if key is None else {"Authorization": f"Bearer {key}"},
    )  # fmt: skip


def _pause_seconds(reply: httpx.Response) -> float:
    given = reply.headers.get("retry-after", "")
    return min(float(given), _LONGEST_PAUSE_SECONDS) if given.isdecimal() else 1.0


def _given(fields: Fields | None) -> dict[str, Any]:
    return {name: value for name, value in (fields or {}).items() if value is not None}
