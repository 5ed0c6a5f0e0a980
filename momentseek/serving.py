"""``momentseek serve``."""

from __future__ import annotations

import ipaddress
import socket

import typer

from core.errors import InvalidRequest, MomentseekError
from core.settings import Settings
from momentseek import __version__
from momentseek.engine import Engine
from momentseek.remote import announce, running_server, withdraw

_LOCAL_NAMES = ["127.0.0.1", "localhost", "[::1]"]


def run_server(settings: Settings, insecure: bool) -> None:
    """Until Ctrl-C or SIGTERM. Raises InvalidRequest for an address others can reach without ``insecure``."""
    import uvicorn

    from api.app import create_app

    host = settings.server.host
    if not _is_local(host) and not insecure:
        raise InvalidRequest(
            f"{host} can be reached from other machines and there is no key yet: use 127.0.0.1, or --insecure if you mean it."
        )
    other = running_server(settings.data_dir)
    if other:
        raise MomentseekError(f"This library is being served already, at {other.url}.")
    with Engine(settings) as engine, _bind(host, settings.server.port) as listener:
        engine.warm_up()
        url = f"http://{_shown(host)}:{listener.getsockname()[1]}"
        app = create_app(engine, settings.server, __version__, ["*"] if insecure else _LOCAL_NAMES)
        announce(settings.data_dir, url)
        typer.echo(f"momentseek serves {settings.data_dir} at {url} (API: {url}/docs). Stop it with Ctrl-C.")
        try:
            uvicorn.Server(uvicorn.Config(app, log_level="warning")).run([listener])
        finally:
            withdraw(settings.data_dir)


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise InvalidRequest(f"Cannot listen on {host}:{port}: {error.strerror}; choose another with --port.") from None
    return listener
