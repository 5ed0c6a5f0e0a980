"""One file over HTTP into a ``.part`` file, going on where an earlier attempt stopped."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import httpx

OnBytes = Callable[[int, int | None], None]

_ATTEMPTS_WITHOUT_PROGRESS = 3
_TIMEOUT = httpx.Timeout(60, connect=15)
_SHA256 = re.compile(r"[0-9a-f]{64}")


class TransferFailed(Exception):
    """Why, in a few words."""


def transfer(url: str, part: Path, on_bytes: OnBytes) -> str | None:
    """Bring ``url`` to ``part``. Returns the sha256 that the server announced, or None.

    ``on_bytes(done, total)``; total is None where unknown. Raises TransferFailed; what has arrived stays in
    ``part`` for the next attempt.
    """
    attempts = 0
    with httpx.Client(follow_redirects=True, timeout=_TIMEOUT) as client:
        while True:
            before = _size(part)
            try:
                return _once(client, url, part, on_bytes)
            except httpx.HTTPStatusError as error:
                raise TransferFailed(f"the server answers {error.response.status_code}") from None
            except (httpx.TransportError, httpx.TooManyRedirects, httpx.InvalidURL) as error:
                attempts = 1 if _size(part) > before else attempts + 1
                if isinstance(error, httpx.ConnectError) or attempts >= _ATTEMPTS_WITHOUT_PROGRESS:
                    raise TransferFailed(_few_words(error)) from None


def _once(client: httpx.Client, url: str, part: Path, on_bytes: OnBytes) -> str | None:
    have = _size(part)
    # Bytes are counted for resuming, so the body must come as it lies on the server.
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        tag = _read_tag(part)
        if tag:
            headers["If-Range"] = tag
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code == 416 and have:
            if _total_of(response) == have:
                return _announced(response)
            part.unlink()
            return _once(client, url, part, on_bytes)
        response.raise_for_status()
        resumed = response.status_code == 206 and have > 0
        _write_tag(part, response)
        _write(response, part, have if resumed else 0, on_bytes)
        return _announced(response)


def _write(response: httpx.Response, part: Path, done: int, on_bytes: OnBytes) -> None:
    length = response.headers.get("content-length")
    total = done + int(length) if length and length.isdigit() else None
    with part.open("ab" if done else "wb") as file:
        on_bytes(done, total)
        # Without a chunk size each piece is written as it comes; what waits in a buffer is lost by a cut.
        for chunk in response.iter_raw():
            file.write(chunk)
            done += len(chunk)
            on_bytes(done, total)


def _announced(response: httpx.Response) -> str | None:
    """The model hub names the sha256 of a large file in a header of its redirect."""
    for answer in (*response.history, response):
        tag = answer.headers.get("x-linked-etag", "").strip('W/"').lower()
        if _SHA256.fullmatch(tag):
            return str(tag)
    return None


def _total_of(response: httpx.Response) -> int | None:
    total = response.headers.get("content-range", "").rpartition("/")[2]
    return int(total) if total.isdigit() else None


def _tag_file(part: Path) -> Path:
    return part.with_name(part.name + ".tag")


def _read_tag(part: Path) -> str:
    try:
        return _tag_file(part).read_text("utf-8")
    except OSError:
        return ""


def _write_tag(part: Path, response: httpx.Response) -> None:
    """Remember which version of the file the first bytes are of: a server may put another in its place."""
    tag = response.headers.get("etag", "")
    if tag.startswith('"'):
        _tag_file(part).write_text(tag, "utf-8")
    else:
        _tag_file(part).unlink(missing_ok=True)


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _few_words(error: Exception) -> str:
    words = re.sub(r"^\[Errno -?\d+\] ", "", " ".join(str(error).split()))
    return words or type(error).__name__
