"""What routes ask of the application.

All are async: FastAPI runs others on the threads that routes share, where they wait when those are taken.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request

from api.fetch_media import MediaFetching
from api.fetching import Fetching
from api.floods import Places
from api.keyring import Keyring
from api.library import Library
from core.settings import ServerSettings


def _kept(name: str) -> Any:
    """What ``create_app`` keeps under that name."""

    async def get(request: Request) -> object:
        return getattr(request.app.state, name)

    return Depends(get)


LibraryDep = Annotated[Library, _kept("library")]
SettingsDep = Annotated[ServerSettings, _kept("settings")]
PlacesDep = Annotated[Places, _kept("places")]
"""Whatever needs a model goes through these: ``await places.run(work)``."""
FramePlacesDep = Annotated[Places, _kept("frame_places")]
FetchingDep = Annotated[Fetching, _kept("fetching")]
FetchingMediaDep = Annotated[MediaFetching, _kept("fetching_media")]
KeyringDep = Annotated[Keyring, _kept("keyring")]
