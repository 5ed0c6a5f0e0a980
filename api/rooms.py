"""Routers of /v1.

FastAPI makes every route of a router a second time for each application that includes it, before the first
request: a fifth of a second. So these say all that an application would add, and their routes are taken as
they are.
"""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter, FastAPI

from api.errors import RESPONSES


def room(subject: str, prefix: str = "") -> APIRouter:
    """A router for what lies under /v1 and ``prefix``; ``subject`` is where the document lists it."""
    return APIRouter(prefix=f"/v1{prefix}", tags=[subject], responses=RESPONSES)


def add_rooms(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    for router in routers:
        app.router.routes.extend(router.routes)
