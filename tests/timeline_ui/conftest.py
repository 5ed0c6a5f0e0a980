"""The page in the system's Chromium, against a real server with a small library that was really indexed.

- kitchen.mp4: [0, 3) a cup of coffee, [3, 5) a cat. space.mp4: [0, 2.5) an astronaut's face, [2.5, 4.5) a
  rocket. cup.webp: the cup. (tests/support/library.py)
- carousel.mp4: 25 times the cup for 0.6 s, then the cat for 1.2 s: 45 s with more moments than
  fit on a page.
- MARKUP, RIGHT_TO_LEFT and LONG: names with quotes and angle brackets, from right to left, and of 200
  letters.

Tests that change the library take ``own_server``; all others share one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import pytest

from bench.camera import Reel, Shot, View, look, write_reel
from tests.support.library import Library, write_media, write_query
from tests.support.library_fixtures import cup_picture, face_picture, library_of_run
from tests.support.server import Server, serving

__all__ = ["cup_picture", "face_picture"]

if os.environ.get("REQUIRE_CHROMIUM") != "1":
    pytest.importorskip("playwright", reason="playwright is not installed: pip install 'momentseek[test]'")

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

WAIT_MS = 60_000
"""For anything: other work may fill the machine, and the first page of a browser then takes a while."""
expect.set_options(timeout=WAIT_MS)

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

MARKUP = 'it\'s "so" & <img src=x onerror=document.title=1>.jpg'
RIGHT_TO_LEFT = "‏חתול ישן على الكرسي.mp4"
LONG = "a very long name that goes on and on " * 6
LONG = f"{LONG[:195]}z.png"
assert len(LONG) == 200

CUPS = 25
_CAROUSEL = Reel("carousel.mp4", Fraction(10), (320, 240), tuple(
    shot for _ in range(CUPS) for shot in (
        Shot("coffee", 0.6, View(0.5, 0.5), View(0.5, 0.45, 1.1)),
        Shot("chelsea", 1.2, View(0.45, 0.5, 1.2), View(0.55, 0.5, 1.2)),
    )
))  # fmt: skip
_CAT = Reel(RIGHT_TO_LEFT, Fraction(25), (240, 320), (
    Shot("chelsea", 2.0, View(0.5, 0.5), View(0.55, 0.5, 1.1)),
))  # fmt: skip


def _write(folder: Path) -> None:
    write_media(folder)
    write_reel(_CAROUSEL, folder / _CAROUSEL.name)
    write_reel(_CAT, folder / RIGHT_TO_LEFT)
    look("horse", View(0.5, 0.5), (300, 400)).save(folder / MARKUP)
    look("moon", View(0.5, 0.5, 1.2), (480, 200)).save(folder / LONG)


@pytest.fixture(scope="session")
def ui_library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Indexed once per run with the offline profile."""
    return library_of_run(tmp_path_factory, "ui", _write)


@pytest.fixture(scope="session")
def unknown_picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of nothing that is in the library."""
    return write_query(tmp_path_factory.mktemp("queries") / "unknown.jpg", "coins")


@pytest.fixture(scope="session")
def server(ui_library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Shared by all tests that leave the library as it is."""
    with serving(ui_library.copy(tmp_path_factory.mktemp("served"))) as running:
        yield running


@pytest.fixture
def own_server(ui_library: Library, tmp_path: Path) -> Iterator[Server]:
    """One that a test may do anything to."""
    with serving(ui_library.copy(tmp_path / "data")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        message = "there is no Chromium here: install the system's, or set PATH to it"
        pytest.fail(message) if os.environ.get("REQUIRE_CHROMIUM") == "1" else pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@dataclass
class Complaints:
    """What a page said against itself. A test says with ``expect`` which ones it provokes."""

    origin: str
    found: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def expect(self, part: str) -> None:
        """Complaints that hold this text are meant."""
        self.expected.append(part)

    def watch(self, context: BrowserContext) -> None:
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.found.append(f"uncaught: {error.error}"))
        context.on("request", self._see)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.found.append(f"console {message.type}: {message.text} ({message.location.get('url')})")

    def _see(self, request: Request) -> None:
        if not request.url.startswith((f"{self.origin}/", "data:", "blob:")):
            self.found.append(f"asked elsewhere: {request.url}")

    @property
    def left(self) -> list[str]:
        return [one for one in self.found if not any(part in one for part in self.expected)]


@pytest.fixture
def complaints(server: Server) -> Complaints:
    return Complaints(server.url)


@pytest.fixture
def context(browser: Browser, server: Server, complaints: Complaints) -> Iterator[BrowserContext]:
    """A browser of one person; no console error, no uncaught error, nothing asked of another site."""
    with browser.new_context(
        base_url=server.url, viewport={"width": 1280, "height": 800}, color_scheme="light"
    ) as context:
        complaints.watch(context)
        context.set_default_timeout(WAIT_MS)
        yield context
    assert not complaints.left


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """An empty page whose addresses begin at the shared server: ``page.goto("/")``."""
    return context.new_page()


@pytest.fixture
def own_page(browser: Browser, own_server: Server) -> Iterator[Page]:
    """As ``page``, at a server of the test's own."""
    complaints = Complaints(own_server.url)
    with browser.new_context(base_url=own_server.url, viewport={"width": 1280, "height": 800}) as context:
        complaints.watch(context)
        context.set_default_timeout(WAIT_MS)
        yield context.new_page()
    assert not complaints.left
