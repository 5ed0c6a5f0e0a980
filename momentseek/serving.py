"""``momentseek serve``."""

from __future__ import annotations

import gc
import ipaddress
import secrets
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import typer

from core.errors import InvalidRequest, MomentseekError
from core.settings import ServerSettings, Settings
from index.keys import Keys
from momentseek import __version__
from momentseek.engine import Engine, catalogue_place
from momentseek.keys import has_keys
from momentseek.remote import announce, first_server, running_server, withdraw

_LOCAL_NAMES = ["127.0.0.1", "localhost", "[::1]"]
_LAST_SEARCHES_SECONDS = 15
"""How long a stopping server waits for searches under way."""
_LAST_ANSWERS_SECONDS = 3
"""And then for other answers, a film that somebody watches among them."""


def run_server(settings: Settings, insecure: bool) -> None:
    """Until Ctrl-C or SIGTERM. Raises InvalidRequest for an address others can reach while there is no key,
    unless ``insecure``."""
    host = settings.server.host
    open_without_keys = _is_local(host) or insecure
    if not open_without_keys and not has_keys(settings):
        raise InvalidRequest(
            f"{host} can be reached from other machines and there is no key yet: make one with `momentseek "
            "keys add NAME --scope read` (and one with --scope admin for yourself), use 127.0.0.1, or "
            "--insecure if everybody who reaches it may do everything."
        )
    token = secrets.token_urlsafe(32)
    with (
        _place(settings) as first, Engine(settings) as engine, Keys.open(catalogue_place(settings)) as keys,
        _bind(host, settings.server.port) as listener,
    ):
        with ThreadPoolExecutor(1) as beside:
            # Half of a start is reading modules: models and the store's process start meanwhile.
            warmed = beside.submit(engine.warm_up)
            import uvicorn

            from api.app import create_app
            from api.exports.clips import sweep
            from api.floods import Places
            from api.keyring import Keyring
            from api.redact import log_config
            from momentseek.stopping import StoppingServer

            warmed.result()
        url = f"http://{_shown(host)}:{listener.getsockname()[1]}"
        app = create_app(
            engine, settings.server, __version__, _allowed_hosts(settings.server),
            Keyring(keys, token, open_without_keys),
        )  # fmt: skip
        config = uvicorn.Config(
            app, log_level="warning", log_config=log_config(),
            timeout_graceful_shutdown=_LAST_ANSWERS_SECONDS,
        )  # fmt: skip
        places: Places = app.state.places
        server = StoppingServer(
            config, lambda: places.inside, _LAST_SEARCHES_SECONDS, on_stop=engine.ask_to_stop
        )
        # So that nothing new begins, and streams without an end do not hold it up.
        app.state.is_stopping = lambda: server.should_exit
        sweep(engine.export_dir())
        engine.incoming.sweep()
        engine.start_work()
        # What is here now stays: to look through it again and again would hold up searches.
        gc.freeze()
        if first:
            announce(settings.data_dir, url, token)
        typer.echo(f"momentseek serves {settings.data_dir} at {url} (API: {url}/docs). Stop it with Ctrl-C.")
        try:
            with _signals_only_end_it():
                server.run([listener])
        finally:
            if first:
                withdraw(settings.data_dir)


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
