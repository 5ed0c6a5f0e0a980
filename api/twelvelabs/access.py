"""Where the dialect is mounted and who may do what there; part of the table in api/auth.py."""

from __future__ import annotations

from index.keys import Scope

PREFIXES = ("/v1.3", "", "/v1.3/v1.3")
"""SDK 1.x is given the whole base URL or only the host; SDK 0.4 adds /v1.3 to whatever it is given."""
SHOWN = "/v1.3"
"""The one of them that is in the OpenAPI document."""

_VIDEO = "/indexes/{index_id}/videos"
_INDEXED = "/indexes/{index_id}/indexed-assets"
_ASSET = "/assets/{asset_id}"
_PIECES = "/assets/multipart-uploads"
_PEOPLE = "/entity-collections"
_ENTITY = f"{_PEOPLE}/{{collection_id}}/entities"

_ROUTES: dict[str, str] = {
    "/indexes": "GET POST",
    "/indexes/{index_id}": "GET PUT DELETE",
    _VIDEO: "GET",
    f"{_VIDEO}/{{video_id}}": "GET PUT PATCH DELETE",
    _INDEXED: "GET POST",
    f"{_INDEXED}/{{video_id}}": "GET PATCH DELETE",
    "/tasks": "GET POST",
    "/tasks/status": "GET",
    "/tasks/{task_id}": "GET DELETE",
    "/assets": "GET POST",
    _ASSET: "GET DELETE",
    f"{_ASSET}/user-metadata": "PUT PATCH DELETE",
    f"{_ASSET}/indexed-assets": "GET",
    "/search": "POST",
    "/search/{token}": "GET",
    # What answers 501: see later.py.
    f"{_ASSET}/entities": "GET",
    f"{_ASSET}/transcription": "GET",
    _PIECES: "GET POST",
    f"{_PIECES}/{{upload_id}}": "GET POST",
    f"{_PIECES}/{{upload_id}}/presigned-urls": "POST",
    _PEOPLE: "GET POST",
    f"{_PEOPLE}/{{collection_id}}": "GET PATCH DELETE",
    _ENTITY: "GET POST",
    f"{_ENTITY}/bulk": "POST",
    f"{_ENTITY}/{{entity_id}}": "GET PATCH DELETE",
    f"{_ENTITY}/{{entity_id}}/assets": "POST DELETE",
}

SCOPES: dict[tuple[str, str], Scope] = {
    (method, prefix + path): "read" if method == "GET" or path == "/search" else "ingest"
    for prefix in PREFIXES
    for path, methods in _ROUTES.items()
    for method in methods.split()
}
"""A key that may add media may also take away here: nothing leaves the library through the dialect that did
not come through it. Whatever came another way needs DELETE /v1/media/{id} and an admin."""
