"""A server that is about to stop answers what it is working on, and begins nothing new."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import problem


class RefuseWhenStopping:
    """``is_stopping`` of the application's state, where whoever runs it has put one."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            is_stopping: Callable[[], bool] = getattr(scope["app"].state, "is_stopping", lambda: False)
            if is_stopping():
                refusal = problem(
                    503, "server_stopping", "The server is stopping; ask again when it is back.",
                    {"Connection": "close", "Retry-After": "5"},
                )  # fmt: skip
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)
