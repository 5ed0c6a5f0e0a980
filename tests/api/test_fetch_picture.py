"""Pictures by address: every hostile way of writing, resolving and redirecting must end without a connection
to an address that is not public. A listener on this machine counts the connections it gets."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import httpcore
import pytest
from PIL import Image as Pillow

from api.fetch_picture import Fetcher
from api.fetching import Fetching
from api.sent import sent_picture
from core.addresses import is_public
from core.errors import InvalidImage, InvalidRequest
from core.outbound import dial_tcp
from core.pictures import MAX_PIXELS
from core.settings import ServerSettings
from core.types import Image

# A self-signed certificate for pictures.test and its key, valid until 2126: they protect nothing. Made with
#   openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 \
#     -subj /CN=pictures.test -addext subjectAltName=DNS:pictures.test
CERTIFICATE = Path(__file__).with_name("pictures_test.pem")
PUBLIC, OTHER_PUBLIC = "93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
"""Stand for places on the Internet: the test's dialler leads them to the listener and says so."""


def picture() -> bytes:
    return png(Pillow.new("RGB", (30, 20), (200, 30, 30)))


def png(image: Pillow.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@dataclass
class Listener:
    """A web server on this machine. ``connections`` counts all of them, whatever they ask."""

    port: int = 0
    connections: int = 0
    paths: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)


def send(
    handler: BaseHTTPRequestHandler, body: bytes = b"", status: int = 200, **headers: str
) -> None:
    handler.send_response(status)
    for name, value in {"Content_Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def listening(tls: ssl.SSLContext | None = None) -> Iterator[Listener]:
    found = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.paths.append(self.path)
            found.hosts.append(self.headers["Host"])
            answer = found.answers.get(self.path.split("?")[0], lambda handler: send(handler, picture()))
            with suppress(BrokenPipeError, ConnectionResetError):
                answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def get_request(self) -> tuple[Any, Any]:
            connection = super().get_request()
            found.connections += 1
            return connection

        def handle_error(self, *_: Any) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        found.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


@dataclass
class Internet:
    """The names of a small world and what was dialled in it. Public addresses lead to the listener; every
    other one is really dialled, so that a hole is a real connection."""

    port: int
    names: dict[str, Sequence[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    dialled: list[str] = field(default_factory=list)
    unreachable: tuple[str, ...] = ()

    def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host in self.names:
            return list(self.names[host])
        if host != "localhost" and not host.replace(".", "").replace("x", "").isalnum():
            raise socket.gaierror(f"no {host} in this world")
        # The system's reading of numbers, and of localhost; no name of the Internet gets this far.
        return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]

    def dial(self, address: str, port: int, timeout_seconds: float) -> httpcore.NetworkStream:
        self.dialled.append(address)
        if address in self.unreachable:
            raise httpcore.ConnectError("no route")
        place = "127.0.0.1" if address in (PUBLIC, OTHER_PUBLIC) else address
        return dial_tcp(place, self.port if place == "127.0.0.1" else port, timeout_seconds)


def fetcher(world: Internet, **changes: Any) -> Fetcher:
    """As the settings make it, in that world; ``changes`` to its Fetch."""
    made = Fetcher.of(ServerSettings(
        fetch_pictures=True, max_upload_mb=1, fetch_seconds=5, fetch_ports=(80, 443, world.port)
    ))  # fmt: skip
    way = {"resolve": world.resolve, "dial": world.dial, **changes}
    return replace(made, fetch=replace(made.fetch, **way))


def fetched(fetcher: Fetcher, url: str) -> Image:
    """As a route has it: all of it on disk, then read."""
    settings = ServerSettings()

    async def ask() -> Image:
        async with Fetching(settings, fetcher).files([url]) as (file,):
            return sent_picture(file, settings)

    return asyncio.run(ask())


# Not one connection

WRITTEN = """
http://127.0.0.1:{port}/
http://127.0.0.1.:{port}/
http://127.1:{port}/
http://127.0.1:{port}/
http://127.255.255.254:{port}/
http://2130706433:{port}/
http://02130706433:{port}/
http://017700000001:{port}/
http://0x7f000001:{port}/
http://0X7F.0.0.1:{port}/
http://0x7f.1:{port}/
http://0177.0.0.1:{port}/
http://0177.1:{port}/
http://127.0.0.0x1:{port}/
http://0:{port}/
http://0.0.0.0:{port}/
http://%31%32%37.0.0.1:{port}/
http://１２７.0.0.1:{port}/
http://127。0。0。1:{port}/
http://①②⑦.⓪.⓪.①:{port}/
http://ⓛocalhost:{port}/
http://localhost:{port}/
http://LOCALHOST:{port}/
http://localhost.:{port}/
http://[::1]:{port}/
http://[0:0:0:0:0:0:0:1]:{port}/
http://[::]:{port}/
http://[::ffff:127.0.0.1]:{port}/
http://[::ffff:7f00:1]:{port}/
http://[0:0:0:0:0:ffff:127.0.0.1]:{port}/
http://[::127.0.0.1]:{port}/
http://[64:ff9b::127.0.0.1]:{port}/
http://[64:ff9b::7f00:1]:{port}/
http://[64:ff9b:1::7f00:1]:{port}/
http://[2002:7f00:1::]:{port}/
http://[2001:0:7f00:1::80ff:fffe]:{port}/
http://[fe80::1%25lo]:{port}/
http://[fe80::1%lo]:{port}/
http://[::1%25lo]:{port}/
http://[fc00::1]:{port}/
http://[fec0::1]:{port}/
http://[ff02::1]:{port}/
http://10.0.0.1:{port}/
http://172.16.0.1:{port}/
http://192.168.0.1:{port}/
http://169.254.169.254/latest/meta-data/
http://100.64.0.1:{port}/
http://100.100.100.200/latest/meta-data/
http://192.0.0.192/opc/v1/instance/
http://168.63.129.16/machine/
http://198.18.0.1:{port}/
http://224.0.0.1:{port}/
http://240.0.0.1:{port}/
http://255.255.255.255:{port}/
http://user@127.0.0.1:{port}/
http://public.test@127.0.0.1:{port}/
http://public.test:80@127.0.0.1:{port}/
http://@127.0.0.1:{port}/
http://user:secret@public.test/
http://127.0.0.1:{port}\\@public.test/
http://public.test\\@127.0.0.1:{port}/
http://public.test#@127.0.0.1:{port}/../\\
http:///127.0.0.1:{port}/
http:127.0.0.1:{port}/
//127.0.0.1:{port}/
http://127.0.0.1%00.public.test:{port}/
http://127.0.0.1%0d%0aX:{port}/
http://public.test\r\nHost: localhost/
http://public.test:22/
http://public.test:6379/
http://public.test:0/
http://public.test:99999/
https://127.0.0.1:{port}/
ftp://127.0.0.1:{port}/a.png
file:///etc/passwd
file://localhost/etc/passwd
gopher://127.0.0.1:{port}/_GET
dict://127.0.0.1:{port}/info
data:image/png;base64,AAAA
jar:http://127.0.0.1:{port}/!/
unix:///run/docker.sock
http+unix://%2Frun%2Fdocker.sock/images
http://
http://.:{port}/
http://a..b:{port}/
http://-:{port}/
""".strip().split("\n")

RESOLVED = {
    "loopback": ["127.0.0.1"],
    "loopback-6": ["::1"],
    "home": ["192.168.1.1"],
    "cloud": ["169.254.169.254"],
    "provider": ["100.64.0.1"],
    "any": ["0.0.0.0"],
    "mapped": ["::ffff:127.0.0.1"],
    "translated": ["64:ff9b::7f00:1"],
    "six-to-four": ["2002:7f00:1::"],
    "teredo": ["2001:0:7f00:1::80ff:fffe"],
    "link": ["fe80::1%lo"],
    "mixed-last": [PUBLIC, "127.0.0.1"],
    "mixed-first": ["127.0.0.1", PUBLIC],
    "mixed-6": [OTHER_PUBLIC, "::1"],
    "nothing": [],
    "nonsense": ["not an address"],
}  # fmt: skip
"""What names of strangers resolve to."""


@pytest.mark.parametrize("written", [*WRITTEN, *(f"http://{name}.test:{{port}}/" for name in RESOLVED),
                                     "https://loopback.test:{port}/"])  # fmt: skip
def test_hostile_addresses_get_no_connection(listener: Listener, written: str) -> None:
    world = Internet(listener.port, {f"{name}.test": addresses for name, addresses in RESOLVED.items()})
    with pytest.raises(InvalidRequest) as refused:
        fetched(fetcher(world), written.replace("{port}", str(listener.port)))
    assert (world.dialled, listener.connections) == ([], 0)
    assert "secret" not in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("location", [
    "http://127.0.0.1:{port}/", "//127.0.0.1:{port}/", "http://localhost:{port}/", "http://loopback.test:{port}/",
    "http://[::1]:{port}/", "http://2130706433:{port}/", "http://mixed-last.test:{port}/", "file:///etc/passwd",
    "http://user:secret@public.test/", "http://public.test:22/", "ftp://public.test/", "http://[::1/", "",
    "http://169.254.169.254/latest/meta-data/", "\\\\127.0.0.1:{port}\\",
])  # fmt: skip
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_go_through_the_same_door(listener: Listener, location: str, status: int) -> None:
    names = {f"{name}.test": addresses for name, addresses in RESOLVED.items()}
    world = Internet(listener.port, {"public.test": [PUBLIC], **names})
    leads = location.replace("{port}", str(listener.port))
    listener.answers["/"] = lambda handler: send(handler, status=status, Location=leads)
    with pytest.raises(InvalidRequest):
        fetched(fetcher(world), "http://public.test/")
    # The one connection is that to the public address, which the test itself leads here.
    assert (world.dialled, listener.connections, listener.paths) == ([PUBLIC], 1, ["/"])


def test_a_name_that_changes_gains_nothing(listener: Listener) -> None:
    """Rebinding: public when it is checked, ours when it is asked for again. It is not asked for again."""
    world = Internet(listener.port)
    answers = iter([[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]])

    def changing(host: str, port: int) -> list[str]:
        world.asked.append(host)
        return next(answers)

    assert fetched(fetcher(world, resolve=changing), "http://public.test/a.png").shape == (20, 30, 3)
    assert (world.asked, world.dialled) == (["public.test"], [PUBLIC])
    # Asked again by a redirect that needs another connection, it is checked again.
    listener.answers["/again"] = lambda handler: send(
        handler, status=302, Location=f"http://public.test:{listener.port}/a.png"
    )
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    before = listener.connections
    with pytest.raises(InvalidRequest, match="no place on the public Internet"):
        fetched(fetcher(world, resolve=changing), "http://public.test/again")
    assert (world.dialled[1:], listener.connections - before) == ([PUBLIC], 1)


def test_the_listener_is_really_there(listener: Listener) -> None:
    """Without the door these addresses do arrive: a count of zero above is not an accident."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for host in ("127.0.0.1", "2130706433", "0x7f.1", "127.1", "localhost"):
        before = listener.connections
        with opener.open(f"http://{host}:{listener.port}/", timeout=5) as reply:
            assert reply.status == 200
        assert listener.connections == before + 1


def test_the_environment_has_no_say(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{listener.port}")
    world = Internet(listener.port, {"public.test": [PUBLIC]}, unreachable=(PUBLIC,))
    with pytest.raises(InvalidRequest, match="cannot be fetched"):
        fetched(fetcher(world), "http://public.test/")
    assert (world.dialled, listener.connections) == ([PUBLIC], 0)


def test_public_and_not() -> None:
    for text in ("8.8.8.8", "1.1.1.1", "93.184.215.14", "2606:4700::1111", "2a00:1450:4001:80b::200e"):
        assert is_public(ipaddress.ip_address(text)), text
    for text in (
        "0.0.0.0", "0.1.2.3", "10.1.2.3", "127.0.0.1", "100.64.0.0", "100.127.255.255", "169.254.1.1",
        "172.31.255.255", "192.0.0.8", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.255.255",
        "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.251", "239.255.255.255", "240.0.0.1",
        "255.255.255.255", "168.63.129.16", "::", "::1", "::ffff:8.8.8.8", "::8.8.8.8", "64:ff9b::808:808",
        "64:ff9b:1::1", "100::1", "2001::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1",
        "2002:808:808::1", "3fff::1", "4000::1", "5f00::1", "fc00::1", "fdff::1", "fe80::1", "febf::1",
        "fec0::1", "ff02::1", "ff0e::1", "fe80::1%lo",
    ):  # fmt: skip
        assert not is_public(ipaddress.ip_address(text)), text


# What is allowed


def test_a_picture_comes(listener: Listener) -> None:
    world = Internet(listener.port, {"public.test": [PUBLIC], "xn--mnchen-3ya.test": [OTHER_PUBLIC]})
    shown = fetched(fetcher(world), "http://public.test/cup.png?size=2#top")
    assert shown.shape == (20, 30, 3) and tuple(shown[0, 0]) == (200, 30, 30)
    assert (listener.paths, listener.hosts) == (["/cup.png?size=2"], ["public.test"])
    for url in (f"http://PUBLIC.test.:{listener.port}/", "http://münchen.test/", f"http://[{OTHER_PUBLIC}]/"):
        assert fetched(fetcher(world), url).shape == (20, 30, 3)
    assert listener.hosts[1:] == [f"public.test:{listener.port}", "xn--mnchen-3ya.test", f"[{OTHER_PUBLIC}]"]
    assert world.dialled == [PUBLIC, PUBLIC, OTHER_PUBLIC, OTHER_PUBLIC]


def test_the_next_address_where_the_first_does_not_answer(listener: Listener) -> None:
    names = {"public.test": [OTHER_PUBLIC, PUBLIC]}
    world = Internet(listener.port, names, unreachable=(OTHER_PUBLIC,))
    assert fetched(fetcher(world), "http://public.test/").shape == (20, 30, 3)
    assert world.dialled == [OTHER_PUBLIC, PUBLIC]


def test_redirects_that_are_allowed(listener: Listener) -> None:
    world = Internet(listener.port, {"public.test": [PUBLIC], "other.test": [OTHER_PUBLIC]})
    for number, leads in enumerate(["/1?x", "2", "http://other.test/3"]):
        listener.answers[f"/{number}"] = lambda handler, leads=leads: send(  # type: ignore[misc]
            handler, status=302, Location=leads
        )
    assert fetched(fetcher(world), "http://public.test/0").shape == (20, 30, 3)
    assert listener.paths == ["/0", "/1?x", "/2", "/3"]
    listener.answers["/3"] = lambda handler: send(handler, status=307, Location="/4")
    with pytest.raises(InvalidRequest, match="more than 3 times"):
        fetched(fetcher(world), "http://public.test/0")
    assert "/4" not in listener.paths


def test_the_certificate_must_be_the_hosts() -> None:
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(CERTIFICATE)
    asked_for: list[str | None] = []
    server_side.sni_callback = lambda _, name, __: asked_for.append(name)
    ours = ssl.create_default_context(cafile=str(CERTIFICATE))
    with listening(server_side) as listener:
        world = Internet(listener.port, {name: [PUBLIC] for name in ("pictures.test", "other.test")})
        assert fetched(fetcher(world, tls=ours), "https://pictures.test./cup.png").shape == (20, 30, 3)
        assert (asked_for, listener.hosts, world.dialled) == (["pictures.test"], ["pictures.test"], [PUBLIC])
        for url, tls in (("https://other.test/", ours), (f"https://{PUBLIC}/", ours),
                         ("https://pictures.test/", None)):  # fmt: skip
            with pytest.raises(InvalidRequest, match="certificate verify failed"):
                fetched(fetcher(world, tls=tls), url)
        assert listener.hosts == ["pictures.test"]


# Too much, too slow, not a picture


def test_too_many_bytes(listener: Listener) -> None:
    world = Internet(listener.port, {"public.test": [PUBLIC]})
    sent = 0

    def endless(handler: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        handler.send_response(200)
        handler.end_headers()
        while sent < 50 << 20:
            sent += handler.wfile.write(bytes(1 << 16))

    listener.answers["/endless"] = endless
    listener.answers["/says"] = lambda handler: send(handler, b"x", Content_Length=str(2 << 20))
    for path in ("/says", "/endless"):
        with pytest.raises(InvalidRequest, match=r"above 1 MB \(server\.max_upload_mb\)"):
            fetched(fetcher(world), f"http://public.test{path}")
    assert sent < 50 << 20


def test_too_slow(listener: Listener) -> None:
    """A byte now and then, in the headers or in the body, and a resolver that does not come back."""
    world = Internet(listener.port, {"public.test": [PUBLIC]})
    ended = threading.Event()

    def drip(handler: BaseHTTPRequestHandler, start: bytes) -> None:
        handler.wfile.write(start)
        while not ended.wait(0.02):
            handler.wfile.write(b"x")

    listener.answers["/headers"] = lambda handler: drip(handler, b"HTTP/1.1 200 OK\r\nX: ")
    listener.answers["/body"] = lambda handler: drip(handler, b"HTTP/1.1 200 OK\r\n\r\n")
    try:
        for path in ("/headers", "/body"):
            with pytest.raises(InvalidRequest, match=r"did not come from public\.test within 0\.3 s"):
                fetched(fetcher(world, timeout_seconds=0.3), f"http://public.test{path}")

        def asleep(host: str, port: int) -> list[str]:
            ended.wait()
            return [PUBLIC]

        with pytest.raises(InvalidRequest, match="within 0"):
            fetched(fetcher(world, timeout_seconds=0.1, resolve=asleep), "http://public.test/")
    finally:
        ended.set()
    assert world.dialled == [PUBLIC, PUBLIC]


def test_answers_that_are_no_picture(listener: Listener) -> None:
    world = Internet(listener.port, {"public.test": [PUBLIC]})
    bodies = {"/page": b"<html>", "/empty": b"", "/svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>"}
    for path, body in bodies.items():
        listener.answers[path] = lambda handler, body=body: send(  # type: ignore[misc]
            handler, body, Content_Type="image/png"
        )
        with pytest.raises(InvalidImage):
            fetched(fetcher(world), f"http://public.test{path}")
    huge = png(Pillow.new("1", (10_000, MAX_PIXELS // 10_000 + 1)))
    listener.answers["/huge"] = lambda handler: send(handler, huge)
    with pytest.raises(InvalidImage, match="megapixels"):
        fetched(fetcher(world), "http://public.test/huge")
    listener.answers["/gone"] = lambda handler: send(handler, picture(), status=404)
    with pytest.raises(InvalidRequest, match="answers 404"):
        fetched(fetcher(world), "http://public.test/gone")
    listener.answers["/packed"] = lambda handler: send(handler, picture(), Content_Encoding="gzip")
    with pytest.raises(InvalidRequest, match="packed"):
        fetched(fetcher(world), "http://public.test/packed")
    listener.answers["/garbage"] = lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n") and None
    with pytest.raises(InvalidRequest, match=r"cannot be fetched from public\.test"):
        fetched(fetcher(world), "http://public.test/garbage")


def test_off_unless_somebody_wants_it() -> None:
    with pytest.raises(InvalidRequest, match=r"send the file, or set server\.fetch_pictures: true"):
        Fetcher.of(ServerSettings())
    made = Fetcher.of(ServerSettings(fetch_pictures=True, max_upload_mb=3, fetch_seconds=7))
    assert (made.max_bytes, made.fetch.timeout_seconds, made.fetch.ports) == (3 << 20, 7, (80, 443))
    with pytest.raises(InvalidRequest, match="longer than 4096"):
        fetched(made, "http://public.test/" + "x" * 5000)
