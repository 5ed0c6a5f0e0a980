"""``momentseek serve``."""

from __future__ import annotations

import gc
import ipaddress
import secrets
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import typer

from core.errors import InvalidRequest, MomentseekError
from momentseek import __version__
from momentseek.keys import has_keys
from momentseek.remote import announce, first_server, running_server, withdraw
from momentseek.starting import starting_store

if TYPE_CHECKING:
    from api.floods import Places
    from core.settings import ServerSettings, Settings
    from momentseek.stopping import StoppingServer

_LOCAL_NAMES = ["127.0.0.1", "localhost", "[::1]"]
_LAST_SEARCHES_SECONDS = 15
"""How long a stopping server waits for searches under way."""
_LAST_ANSWERS_SECONDS = 3
"""And then for other answers, a film that somebody watches among them."""


def run_server(settings: Settings, insecure: bool) -> None:
    """Until Ctrl-C or SIGTERM. Raises InvalidRequest for an address others can reach while there is no key,
    unless ``insecure``."""
    with ExitStack() as opened:
        with _uncollected(), starting_store(settings):
            server, listener = _made_ready(settings, insecure, opened)
        typer.echo(
            f"momentseek serves {settings.data_dir} at {_url(settings, listener)} (API: "
            f"{_url(settings, listener)}/docs). Stop it with Ctrl-C."
        )
        with _signals_only_end_it():
            server.run([listener])


def _made_ready(
    settings: Settings, insecure: bool, opened: ExitStack
) -> tuple[StoppingServer, socket.socket]:
    """A server that can answer at once, and where it listens; ``opened`` puts away what it needs.

    What it needs is imported here: the store's process starts beside.
    """
    from index.keys import Keys
    from momentseek.engine import Engine, catalogue_place

    host = settings.server.host
    open_without_keys = _is_local(host) or insecure
    if not open_without_keys and not has_keys(settings):
        raise InvalidRequest(
            f"{host} can be reached from other machines and there is no key yet: make one with `momentseek "
            "keys add NAME --scope read` (and one with --scope admin for yourself), use 127.0.0.1, or "
            "--insecure if everybody who reaches it may do everything."
        )
    token = secrets.token_urlsafe(32)
    first = opened.enter_context(_place(settings))
    engine = opened.enter_context(Engine(settings))
    keys = opened.enter_context(Keys.open(catalogue_place(settings)))
    listener = opened.enter_context(_bind(host, settings.server.port))
    with ThreadPoolExecutor(1) as beside:
        # The models need no lock of Python's while they load.
        warmed = beside.submit(engine.warm_up)
        import uvicorn

        from api.app import create_app
        from api.exports.clips import sweep
        from api.keyring import Keyring
        from api.redact import log_config
        from momentseek.stopping import StoppingServer

        app = create_app(
            engine, settings.server, __version__, _allowed_hosts(settings.server),
            Keyring(keys, token, open_without_keys),
        )  # fmt: skip
        warmed.result()
    config = uvicorn.Config(
        app, log_level="warning", log_config=log_config(), timeout_graceful_shutdown=_LAST_ANSWERS_SECONDS
    )
    places: Places = app.state.places
    server = StoppingServer(
        config, lambda: places.inside, _LAST_SEARCHES_SECONDS, on_stop=engine.ask_to_stop
    )
    # So that nothing new begins, and streams without an end do not hold it up.
    app.state.is_stopping = lambda: server.should_exit
    sweep(engine.export_dir())
    engine.incoming.sweep()
    engine.start_work()
    if first:
        opened.callback(withdraw, settings.data_dir)
        announce(settings.data_dir, _url(settings, listener), token)
    return server, listener


@contextmanager
def _uncollected() -> Iterator[None]:
    """What is made meanwhile stays, and is never looked through for what nobody needs: that would hold up
    the start, and searches ever after."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


@contextmanager
def _place(settings: Settings) -> Iterator[bool]:
    """Whether this server is the one that commands talk to. With a database that several share, servers may
    share the folder, too; others raise MomentseekError."""
    other = running_server(settings.data_dir)
    with first_server(settings.data_dir) as first:
        if (other or not first) and settings.catalogue.url is None:
            where = f", at {other.url}" if other else "; that server is starting or stopping"
            raise MomentseekError(f"This library is being served already{where}.")
        yield first and other is None


@contextmanager
def _signals_only_end_it() -> Iterator[None]:
    """uvicorn ends on SIGINT and SIGTERM, then sends itself the same signal again: that one would kill
    this process before it has put away its things."""
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _allowed_hosts(settings: ServerSettings) -> list[str]:
    """Names in Host headers: this machine's own, that of the address, those of the settings. Where others
    reach us, any IP address, too: this machine may have many."""
    from api.guard import ANY_ADDRESS

    beyond = [] if _is_local(settings.host) else [ANY_ADDRESS, settings.host.lower()]
    return [*_LOCAL_NAMES, *beyond, *settings.allowed_hosts]


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _url(settings: Settings, listener: socket.socket) -> str:
    return f"http://{_shown(settings.server.host)}:{listener.getsockname()[1]}"


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol by name: asyncio sends at once (TCP_NODELAY) only where it is told, and every answer,
    # written in two pieces, would wait 40 ms for the client to acknowledge the first.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise InvalidRequest(
            f"Cannot listen on {host}:{port}: {error.strerror}; choose another with --port."
        ) from None
    # From here on a connection waits instead of being refused, although nobody answers yet.
    listener.listen(128)
    return listener
