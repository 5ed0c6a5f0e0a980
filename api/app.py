"""The HTTP application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from starlette.middleware.trustedhost import TrustedHostMiddleware

from api import errors
from api.library import Library
from api.routes import health, media, search
from core.settings import ServerSettings

_DESCRIPTION = """Show it a picture, or a box on a frame, and get every moment where that thing appears.

Times are seconds since the start of the video, intervals are half-open `[start, end)`, boxes are
`x1, y1, x2, y2` as shares (0 to 1) of the displayed frame. Errors are `{"code", "message"}`.
"""


def create_app(library: Library, settings: ServerSettings, version: str, allowed_hosts: list[str]) -> FastAPI:
    """The application; ``allowed_hosts`` are the Host headers it answers to (``*`` for any)."""
    app = FastAPI(
        title="momentseek", version=version, description=_DESCRIPTION,
        responses={400: {"model": errors.Problem}, 404: {"model": errors.Problem}, 503: {"model": errors.Problem}},
    )
    app.state.library, app.state.settings = library, settings
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=allowed_hosts)
    app.middleware("http")(_guard)
    for router in (search.router, media.router, health.router):
        app.include_router(router, prefix="/v1")
    errors.install(app)
    return app


async def _guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Writes from another site's page are refused; answers are not sniffed or framed."""
    if request.method not in ("GET", "HEAD", "OPTIONS") and request.headers.get("sec-fetch-site") == "cross-site":
        return errors.problem(403, "origin_not_allowed", "Requests from other sites' pages are refused.")
    response = await call_next(request)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    return response
