"""What routes ask of the application."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from api.library import Library
from core.settings import ServerSettings


def _library(request: Request) -> Library:
    library: Library = request.app.state.library
    return library


def _settings(request: Request) -> ServerSettings:
    settings: ServerSettings = request.app.state.settings
    return settings


LibraryDep = Annotated[Library, Depends(_library)]
SettingsDep = Annotated[ServerSettings, Depends(_settings)]
