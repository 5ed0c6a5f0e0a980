"""One JSON error shape everywhere: ``{"code": ..., "message": ...}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import Match

from api.redact import redact
from core.errors import (
    FingerprintMismatch,
    InvalidRequest,
    MediaError,
    ModelUnavailable,
    MomentseekError,
    NotFound,
    StoreError,
)

_STATUS: tuple[tuple[type[MomentseekError], int], ...] = (
    (InvalidRequest, 400),
    (NotFound, 404),
    (FingerprintMismatch, 409),
    (MediaError, 422),
    (ModelUnavailable, 503),
    (StoreError, 503),
    (MomentseekError, 500),
)
"""First match wins."""

_CODES = {404: "resource_not_exist", 405: "method_not_allowed", 409: "conflict", 413: "request_too_large",
          416: "range_not_satisfiable", 429: "too_many_requests"}  # fmt: skip


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class Problem(BaseModel):
    """Every error of this API."""

    code: str
    message: str


def told(description: str) -> dict[str, Any]:
    """How a Problem is described where every route has it: for each ``model`` FastAPI would make a validator
    of its own, two thousand of them before the first request."""
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: told(description)
    for status, description in {
        400: "The request makes no sense as it is",
        401: "The library has keys, and this is none of them",
        403: "The key may not do this, or another site's page has asked",
        404: "There is no such thing",
        413: "Too much was sent",
        422: "The media file cannot be used",
        429: "Too many ask at once; Retry-After says in how many seconds to come back",
        500: "Something went wrong that nobody has foreseen; the server's log says what",
        503: "The index or a model is not available now",
    }.items()
}
"""What any route may answer beside its result. 422 also replaces FastAPI's own, which is a 400 here."""


def status_of(error: MomentseekError) -> int:
    return next(status for kind, status in _STATUS if isinstance(error, kind))


def problem(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    return JSONResponse({"code": code, "message": message}, status, headers)


def internal_error() -> JSONResponse:
    """For what nobody has foreseen; api/guard.py sends it."""
    return problem(500, "internal_error", "Something went wrong on the server; its log says what.")


def install(app: FastAPI) -> None:
    """Map our errors and FastAPI's to the one shape."""

    @app.exception_handler(MomentseekError)
    async def ours(_: Request, error: MomentseekError) -> JSONResponse:
        return problem(status_of(error), error.code, str(error))

    @app.exception_handler(RequestValidationError)
    async def wrong_parameter(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        code = "parameter_not_provided" if first["type"] == "missing" else "parameter_invalid"
        return problem(400, code, _say(first))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        code = _CODES.get(error.status_code, "request_invalid")
        message = str(error.detail)
        if message == "Not Found":
            message = f"There is nothing at {request.url.path}; /docs lists what there is."
        elif message == "Method Not Allowed":
            allowed = _methods_at(request)
            message = f"{request.method} is not possible at {request.url.path}; use {allowed}."
            return problem(405, code, message, {"Allow": allowed})
        return problem(error.status_code, code, message, error.headers)


def _methods_at(request: Request) -> str:
    """All that are possible at this path: Starlette names those of the first route alone."""
    fresh = {name: request.scope[name] for name in ("type", "path", "root_path", "headers")}
    return ", ".join(
        method for method in _METHODS
        if any(route.matches({**fresh, "method": method})[0] is Match.FULL for route in request.app.routes)
    )


def _say(error: Mapping[str, Any]) -> str:
    """One line about the first parameter that is wrong: which, what is needed, what came."""
    # A list's item is named by its list: ("body", "image", 0) is the parameter image.
    names = [part for part in error["loc"] if isinstance(part, str)]
    name, needed = names[-1] if names else "body", str(error["msg"]).removeprefix("Value error, ")
    if needed.startswith("Expected UploadFile"):
        # FastAPI's own words, which only its users understand.
        needed = "send it as a file, not as text"
    given = error.get("input")
    shown = f" (given: {redact(given)[:100]!r})" if isinstance(given, str) else ""
    return f"{name}: {needed[:1].lower()}{needed[1:]}{shown}."
