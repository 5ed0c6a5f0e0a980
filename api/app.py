"""The HTTP application."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from api import auth, errors
from api.auth import Auth
from api.floods import Places
from api.guard import Guard
from api.keyring import Keyring
from api.library import Library
from api.routes import boxes, curves, exports, health, jobs, media, search, session, uploads
from core.settings import ServerSettings

_DESCRIPTION = """Show it a picture, or a box on a frame, and get every moment where that thing appears.

Times are seconds since the start of the video, intervals are half-open `[start, end)`, boxes are
`x1, y1, x2, y2` as shares (0 to 1) of the displayed frame. Errors are `{"code", "message"}`.

Once the library has keys, send one as `Authorization: Bearer KEY` or `x-api-key: KEY`. A key has a scope:
`read` (ask), `ingest` (and add media) or `admin` (and everything else).
"""

_FIELDS_BYTES = 1 << 20
"""What a form may hold beside the picture."""


def create_app(
    library: Library, settings: ServerSettings, version: str, allowed_hosts: Sequence[str], keyring: Keyring
) -> FastAPI:
    """The application; ``allowed_hosts`` are the names in Host headers it answers to (see api/guard.py)."""
    # The pages at /docs come from here too: FastAPI's own would load their scripts from another site.
    app: FastAPI = FastAPIOffline(
        title="momentseek", version=version, description=_DESCRIPTION, responses=errors.RESPONSES
    )
    app.state.library, app.state.settings, app.state.keyring = library, settings, keyring
    app.state.places = Places(settings.concurrency, settings.queue)
    max_body_bytes = settings.max_upload_mb * 2**20 + _FIELDS_BYTES
    # The last one that is added comes first.
    app.add_middleware(Auth, ring=keyring)
    app.add_middleware(
        Guard, allowed_hosts=allowed_hosts, max_body_bytes=max_body_bytes,
        media_bytes=lambda method, path: (
            settings.max_media_mb * 2**20 if uploads.takes_files(method, path) else None
        ),
    )  # fmt: skip
    rooms = search, curves, exports, uploads, media, boxes, jobs, session, health
    for router in (room.router for room in rooms):
        app.include_router(router, prefix="/v1")
    errors.install(app)
    auth.describe(app)
    return app
