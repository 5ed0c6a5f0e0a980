"""The page: files of timeline_ui as they are, at / and under /ui."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

PAGE_DIR = Path(str(resources.files("timeline_ui")))

_ALWAYS_ASKED = {"Cache-Control": "no-cache"}
"""A browser keeps the files and asks whether they are still the same: no page of an older version."""


class _Files(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        answer.headers.update(_ALWAYS_ASKED)
        return answer


def add_page(app: FastAPI) -> None:
    """What the page shows it asks of /v1: there is nothing of the library in these files."""
    app.mount("/ui", _Files(directory=PAGE_DIR), name="ui")

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE_DIR / "index.html", media_type="text/html", headers=_ALWAYS_ASKED)
