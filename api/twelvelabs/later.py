"""What the dialect has and momentseek has not: said so, as JSON, at every address of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NoReturn

from api.twelvelabs.access import SCOPES, SHOWN
from api.twelvelabs.common import new_router
from api.twelvelabs.errors import Refusal

_WHY = {
    "multipart-uploads": "Uploads in pieces are at POST /v1/uploads here; whole files go to POST /assets, up "
    "to server.max_media_mb.",
    "entity-collections": "Entities are not in this dialect; /v1 of this server has people.",
    "entities": "Entities are not in this dialect; /v1 of this server has people.",
    "transcription": "Sound is not indexed, so there is nothing to read of it.",
}

router = new_router()


def _refuse(why: str) -> Callable[[], Awaitable[NoReturn]]:
    async def refuse() -> NoReturn:
        raise Refusal(501, "not_implemented", why)

    return refuse


for _method, _path in SCOPES:
    _found = next((part for part in _WHY if f"/{part}" in _path), None)
    if _found is not None and _path.startswith(f"{SHOWN}/") and not _path.startswith(SHOWN * 2):
        router.add_api_route(
            _path.removeprefix(SHOWN), _refuse(_WHY[_found]), methods=[_method], include_in_schema=False,
            response_model=None, name=f"later {_method} {_path}",
        )  # fmt: skip
