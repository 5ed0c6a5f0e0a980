"""One JSON error shape everywhere: ``{"code": ..., "message": ...}``."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from core.errors import (
    FingerprintMismatch,
    InvalidRequest,
    MediaError,
    ModelUnavailable,
    MomentseekError,
    NotFound,
    StoreError,
)

_log = logging.getLogger(__name__)

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


class Problem(BaseModel):
    """Every error of this API."""

    code: str
    message: str


def status_of(error: MomentseekError) -> int:
    return next(status for kind, status in _STATUS if isinstance(error, kind))


def problem(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"code": code, "message": message}, status)


def install(app: FastAPI) -> None:
    """Map our errors, FastAPI's 422 and everything unforeseen to the one shape."""

    @app.exception_handler(MomentseekError)
    async def ours(_: Request, error: MomentseekError) -> JSONResponse:
        return problem(status_of(error), error.code, str(error))

    @app.exception_handler(RequestValidationError)
    async def wrong_parameter(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        name = str(first["loc"][-1])
        code = "parameter_not_provided" if first["type"] == "missing" else "parameter_invalid"
        return problem(400, code, f"{name}: {first['msg']}.")

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        code = {404: "resource_not_exist", 405: "method_not_allowed"}.get(error.status_code, "request_invalid")
        return problem(error.status_code, code, str(error.detail))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        _log.exception("%s %s failed", request.method, request.url.path)
        return problem(500, "internal_error", "Something went wrong on the server; its log says what.")
