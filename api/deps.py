"""What routes ask of the application.

All are async: FastAPI runs others on the threads that routes share, where they wait when those are taken.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from api.fetch_media import MediaFetching
from api.fetching import Fetching
from api.floods import Places
from api.keyring import Keyring
from api.library import Library
from core.settings import ServerSettings


async def _library(request: Request) -> Library:
    library: Library = request.app.state.library
    return library


async def _settings(request: Request) -> ServerSettings:
    settings: ServerSettings = request.app.state.settings
    return settings


async def _places(request: Request) -> Places:
    places: Places = request.app.state.places
    return places


async def _fetching(request: Request) -> Fetching:
    fetching: Fetching = request.app.state.fetching
    return fetching


async def _fetching_media(request: Request) -> MediaFetching:
    fetching: MediaFetching = request.app.state.fetching_media
    return fetching


async def _frame_places(request: Request) -> Places:
    places: Places = request.app.state.frame_places
    return places


async def _keyring(request: Request) -> Keyring:
    ring: Keyring = request.app.state.keyring
    return ring


LibraryDep = Annotated[Library, Depends(_library)]
SettingsDep = Annotated[ServerSettings, Depends(_settings)]
PlacesDep = Annotated[Places, Depends(_places)]
"""Whatever needs a model goes through these: ``await places.run(work)``."""
FramePlacesDep = Annotated[Places, Depends(_frame_places)]
FetchingDep = Annotated[Fetching, Depends(_fetching)]
FetchingMediaDep = Annotated[MediaFetching, Depends(_fetching_media)]
KeyringDep = Annotated[Keyring, Depends(_keyring)]
