"""Who may do what. A route that is not in the table is for admins: add its row, a test asks for it."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.requests import HTTPConnection
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from api.errors import problem
from api.keyring import SESSION_COOKIE, Caller, Keyring
from api.twelvelabs import access as twelvelabs
from index.keys import SCOPES, Scope, allows

Needed = Scope | Literal["nothing"]

NEEDED: dict[tuple[str, str], Needed] = {
    ("GET", "/v1/health/live"): "nothing",
    ("GET", "/v1/health/ready"): "read",
    ("GET", "/v1/session"): "nothing",
    ("POST", "/v1/session"): "nothing",
    ("DELETE", "/v1/session"): "nothing",
    ("POST", "/v1/search"): "read",
    ("POST", "/v1/pictures"): "read",
    ("GET", "/v1/pictures/{picture_id}"): "read",
    ("GET", "/v1/search/pages/{token}"): "read",
    ("POST", "/v1/search/{query_id}/feedback"): "read",
    ("GET", "/v1/search/{query_id}/media/{media_id}/curve"): "read",
    ("POST", "/v1/exports/results"): "read",
    ("POST", "/v1/exports/clips"): "read",
    ("GET", "/v1/media/{media_id}/clip"): "read",
    ("GET", "/v1/media"): "read",
    ("POST", "/v1/media"): "ingest",
    ("POST", "/v1/media/register"): "ingest",
    ("PATCH", "/v1/media/{media_id}"): "ingest",
    ("DELETE", "/v1/media/{media_id}"): "admin",
    ("GET", "/v1/media/{media_id}/boxes"): "read",
    ("GET", "/v1/media/{media_id}/shots"): "read",
    ("GET", "/v1/media/{media_id}/storyboard.vtt"): "read",
    ("GET", "/v1/media/{media_id}/sprite_{number}.jpg"): "read",
    ("GET", "/v1/media/{media_id}/similar"): "read",
    ("GET", "/v1/duplicates"): "read",
    ("GET", "/v1/people"): "read",
    ("GET", "/v1/people/group"): "read",
    ("POST", "/v1/people/group"): "ingest",
    ("GET", "/v1/people/{person_id}"): "read",
    ("PATCH", "/v1/people/{person_id}"): "ingest",
    ("GET", "/v1/people/{person_id}/appearances"): "read",
    ("GET", "/v1/people/{person_id}/face.jpg"): "read",
    ("POST", "/v1/people/{person_id}/merge"): "ingest",
    ("DELETE", "/v1/people/{person_id}/faces/{face_id}"): "ingest",
    ("GET", "/v1/library"): "read",
    ("GET", "/v1/metrics"): "read",
    ("GET", "/v1/saved-queries"): "read",
    ("POST", "/v1/saved-queries"): "ingest",
    ("GET", "/v1/saved-queries/{saved_query_id}"): "read",
    ("PATCH", "/v1/saved-queries/{saved_query_id}"): "ingest",
    ("DELETE", "/v1/saved-queries/{saved_query_id}"): "ingest",
    ("GET", "/v1/saved-queries/{saved_query_id}/matches"): "read",
    ("GET", "/v1/webhooks"): "admin",
    ("POST", "/v1/webhooks"): "admin",
    ("GET", "/v1/webhooks/{webhook_id}"): "admin",
    ("DELETE", "/v1/webhooks/{webhook_id}"): "admin",
    ("POST", "/v1/webhooks/{webhook_id}/test"): "admin",
    ("GET", "/v1/webhooks/{webhook_id}/deliveries"): "admin",
    ("POST", "/v1/uploads"): "ingest",
    ("GET", "/v1/uploads/{upload_id}"): "ingest",
    ("PATCH", "/v1/uploads/{upload_id}"): "ingest",
    ("DELETE", "/v1/uploads/{upload_id}"): "ingest",
    ("GET", "/v1/jobs"): "read",
    ("GET", "/v1/jobs/events"): "read",
    ("GET", "/v1/jobs/{job_id}"): "read",
    ("POST", "/v1/jobs/{job_id}/cancel"): "ingest",
    ("POST", "/v1/jobs/{job_id}/retry"): "ingest",
    ("GET", "/v1/media/{media_id}"): "read",
    ("GET", "/v1/media/{media_id}/file"): "read",
    ("GET", "/v1/media/{media_id}/frame"): "read",
    **twelvelabs.SCOPES,
    # Pages and what they are made of: nothing of the library is in them.
    ("GET", "/"): "nothing",
    ("GET", "/ui/{path:path}"): "nothing",
    ("GET", "/docs"): "nothing",
    ("GET", "/docs/oauth2-redirect"): "nothing",
    ("GET", "/redoc"): "nothing",
    ("GET", "/openapi.json"): "nothing",
    ("GET", "/static-offline-docs/{path:path}"): "nothing",
}
"""Method and path -> the least a caller must be allowed. HEAD is as GET. Searching is reading: POST only
because there are pictures in it."""

_ORDER: tuple[Needed, ...] = ("nothing", *SCOPES)
_HOW = (
    "send one as `Authorization: Bearer KEY` or `x-api-key: KEY`. Whoever runs the server makes one with: "
    "momentseek keys add NAME --scope read"
)


class Auth:
    """Asks for a key before anything of the request's body is read."""

    def __init__(self, app: ASGIApp, ring: Keyring):
        self._app, self._ring = app, ring

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            needed = needed_for(scope["method"], scope["path"])
            if needed != "nothing":
                request = HTTPConnection(scope)
                refusal = _refusal(await self._ring.caller(request), needed, scope["path"])
                if refusal is not None:
                    await refusal(scope, receive, send)
                    return
        await self._app(scope, receive, send)


def needed_for(method: str, path: str) -> Needed | None:
    """None where the table has nothing. Where several rows fit, the strictest counts.

    >>> needed_for("HEAD", "/v1/media/ab12/file"), needed_for("PUT", "/v1/media/ab12")
    ('read', None)
    """
    asked = "GET" if method == "HEAD" else method
    found = [needed for known, pattern, needed in _patterns() if known == asked and pattern.fullmatch(path)]
    return max(found, key=_ORDER.index, default=None)


def template_of(method: str, path: str) -> str | None:
    """The row of the table that fits, the plainest where several do.

    >>> template_of("HEAD", "/v1/media/ab12/file"), template_of("GET", "/v1/jobs/events")
    ('/v1/media/{media_id}/file', '/v1/jobs/events')
    """
    asked = "GET" if method == "HEAD" else method
    rows = zip(NEEDED, _patterns(), strict=True)
    found = [row[1] for row, (known, pattern, _) in rows if known == asked and pattern.fullmatch(path)]
    return min(found, key=lambda template: template.count("{"), default=None)


def wrong_key() -> JSONResponse:
    return _unknown("This key is not one of this library's")


def describe(app: FastAPI) -> None:
    """Put into the OpenAPI document which scope each route needs."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        document = plain()
        document.setdefault("components", {})["securitySchemes"] = {
            "Bearer": {"type": "http", "scheme": "bearer"},
            "ApiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            "Session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE},
        }
        for path, methods in document["paths"].items():
            for method, route in methods.items():
                needed = NEEDED.get((method.upper(), path), "admin")
                ways = ("Bearer", "ApiKey", "Session") if needed != "nothing" else ()
                route["security"] = [{way: [needed]} for way in ways]
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _refusal(caller: Caller | None, needed: Needed | None, path: str) -> JSONResponse | None:
    if caller is None:
        return _unknown("This needs a key of this library's")
    if needed is None and caller.scope != "admin":
        # Most likely there is no such thing. If there is, somebody forgot its row in the table.
        return problem(404, "resource_not_exist", f"There is nothing at {path}; /docs lists what there is.")
    if needed in SCOPES and not allows(caller.scope, needed):
        return problem(
            403, "unauthorized", f"The key {caller.name!r} has the scope {caller.scope}; this needs {needed}."
        )
    return None


def _unknown(what: str) -> JSONResponse:
    return problem(401, "api_key_invalid", f"{what}: {_HOW}.", {"WWW-Authenticate": "Bearer"})


@cache
def _patterns() -> tuple[tuple[str, Any, Needed], ...]:
    return tuple((method, compile_path(path)[0], needed) for (method, path), needed in NEEDED.items())
