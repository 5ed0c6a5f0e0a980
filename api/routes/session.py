"""A browser shows its key once and gets a cookie: pictures and videos in a page cannot send a key.

The cookie is HttpOnly and SameSite=Strict, and the door refuses writes from other sites' pages anyway.
"""

from __future__ import annotations

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, SecretStr

from api.auth import wrong_key
from api.deps import KeyringDep
from api.keyring import ANYONE, SESSION_COOKIE, SESSION_SECONDS
from api.rooms import room
from index.keys import Scope

router = room("session", "/session")


class SessionIn(BaseModel):
    key: SecretStr = Field(description="as momentseek keys add has printed it")


class SessionOut(BaseModel):
    key_needed: bool = Field(description="false: whoever reaches this server may do everything")
    name: str | None = Field(None, description="of the key; null: nobody is logged in", examples=["page"])
    scope: Scope | None = Field(None, description="what its holder may do")


@router.get("", response_model=SessionOut, summary="Who am I?")
async def show(request: Request, ring: KeyringDep, response: Response) -> SessionOut:
    """Answers everybody: a page asks this to know whether it must ask for a key."""
    response.headers["Cache-Control"] = "no-store"
    caller, key_needed = await ring.caller(request), await ring.needs_key()
    return SessionOut(
        key_needed=key_needed, name=caller.name if caller else None, scope=caller.scope if caller else None
    )


@router.post("", response_model=SessionOut, summary="Log in with a key")
async def log_in(
    given: SessionIn, request: Request, ring: KeyringDep, response: Response
) -> SessionOut | JSONResponse:
    """The answer sets a cookie that stands for the key until it is revoked, the server ends, or 30 days."""
    response.headers["Cache-Control"] = "no-store"
    opened = await ring.open_session(given.key.get_secret_value())
    if opened is None:
        if await ring.needs_key():
            return wrong_key()
        return SessionOut(key_needed=False, name=ANYONE.name, scope=ANYONE.scope)
    caller, token = opened
    response.set_cookie(
        SESSION_COOKIE, token, max_age=SESSION_SECONDS, httponly=True, samesite="strict",
        secure=request.url.scheme == "https",
    )
    return SessionOut(key_needed=True, name=caller.name, scope=caller.scope)


@router.delete("", response_model=SessionOut, summary="Log out")
async def log_out(request: Request, ring: KeyringDep, response: Response) -> SessionOut:
    ring.close_session(request)
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")
    return SessionOut(key_needed=await ring.needs_key())
