"""Errors in the dialect's words. Everything that is not translated here is as in the rest of the API."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from api.errors import problem, told
from core.errors import InvalidImage, MediaError, MediaRefused, MomentseekError, QueryForgotten
from index.sets import NameTaken
from ingest.incoming import TooLarge, TooMany

_TRANSLATED: tuple[tuple[type[MomentseekError], int, str], ...] = (
    (NameTaken, 400, "index_name_already_exists"),
    (QueryForgotten, 400, "search_page_token_expired"),
    (TooLarge, 400, "video_filesize_too_large"),
    (TooMany, 429, "too_many_requests"),
    (InvalidImage, 400, "parameter_invalid"),
    (MediaRefused, 400, "parameter_invalid"),
    (MediaError, 400, "video_file_broken"),
)
"""First match wins."""

MORE_RESPONSES: dict[int | str, dict[str, Any]] = {
    409: told("Something else depends on it, or the index has other models"),
    501: told("Not in momentseek"),
}


class Refusal(Exception):
    """An answer that only the dialect knows."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class DialectRoute(APIRoute):
    """A route whose errors are translated."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except Refusal as refusal:
                return problem(refusal.status, refusal.code, refusal.message)
            except MomentseekError as error:
                translated = _translated(error)
                if translated is None:
                    raise
                return translated

        return answer


def _translated(error: MomentseekError) -> JSONResponse | None:
    for kind, status, code in _TRANSLATED:
        if isinstance(error, kind):
            return problem(status, code, str(error), {"Retry-After": "5"} if status == 429 else None)
    return None


def unknown(what: str, given: str) -> Refusal:
    """``what`` is index, video and so on."""
    return Refusal(404, "resource_not_exist", f"There is no {what} {given[:100]!r} on this server.")
