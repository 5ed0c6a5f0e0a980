"""The HTTP application."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from api import auth, document, errors, page
from api.auth import Auth
from api.fetch_media import MediaFetching
from api.fetching import Fetching
from api.floods import Places
from api.guard import Guard
from api.keyring import Keyring
from api.library import Library
from api.metrics import CountRequests, HttpMetrics
from api.rooms import add_rooms
from api.routes import (
    boxes,
    curves,
    duplicates,
    exports,
    health,
    jobs,
    media,
    metrics,
    people,
    pictures,
    saved_queries,
    search,
    session,
    uploads,
    webhooks,
)
from api.stopping import RefuseWhenStopping
from api.twelvelabs import mount
from core.settings import ServerSettings

_FIELDS_BYTES = 1 << 20
"""What a form may hold beside the picture."""


def create_app(
    library: Library, settings: ServerSettings, version: str, allowed_hosts: Sequence[str], keyring: Keyring
) -> FastAPI:
    """The application; ``allowed_hosts`` are the names in Host headers it answers to (see api/guard.py)."""
    # The pages at /docs come from here too: FastAPI's own would load their scripts from another site.
    app: FastAPI = FastAPIOffline(
        title="momentseek", version=version, description=document.DESCRIPTION,
        openapi_tags=document.TAGS, responses=errors.RESPONSES,
    )
    app.state.library, app.state.settings, app.state.keyring = library, settings, keyring
    app.state.places = Places(settings.concurrency, settings.queue)
    app.state.fetching = Fetching(settings)
    app.state.fetching_media = MediaFetching(settings)
    app.state.frame_places = Places(media.FRAMES_AT_A_TIME, media.FRAMES_WAITING)
    max_body_bytes = settings.max_upload_mb * 2**20 + _FIELDS_BYTES
    # The last one that is added comes first.
    app.add_middleware(Auth, ring=keyring)
    app.add_middleware(RefuseWhenStopping)
    app.add_middleware(
        Guard, allowed_hosts=allowed_hosts, max_body_bytes=max_body_bytes,
        media_bytes=lambda method, path: (
            settings.max_media_mb * 2**20
            if uploads.takes_files(method, path) or mount.takes_files(method, path) else None
        ),
    )  # fmt: skip
    app.state.metrics = HttpMetrics(lambda: library.metrics, lambda: app.state.places.inside)
    app.add_middleware(CountRequests, metrics=app.state.metrics)
    rooms = (
        search, pictures, curves, exports, uploads, media, boxes, people, duplicates, jobs,
        saved_queries, webhooks, session, health, metrics,
    )  # fmt: skip
    add_rooms(app, (room.router for room in rooms))
    mount.add_dialect(app)
    page.add_page(app)
    errors.install(app)
    auth.describe(app)
    document.describe(app)
    return app
