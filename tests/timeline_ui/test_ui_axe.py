"""axe-core finds nothing serious in any state of the page, light or dark, wide or narrow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.library import Library
from tests.support.media_factory import count_up, write_video
from tests.support.server import Server, serving
from tests.timeline_ui.conftest import WAIT_MS

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("ui_axe")]

SERIOUS = ("serious", "critical")
WIDTHS = {"light": 1280, "dark": 390}
"""One of each: what is wrong with a colour is so at any width, and the other way round."""


@pytest.fixture(scope="module")
def axe(request: pytest.FixtureRequest) -> str:
    """The source of axe-core. It runs in the page as the developer tools do, past the page's policy."""
    path = request.config.rootpath / ".venv/npm/node_modules/axe-core/axe.min.js"
    if not path.exists() and os.environ.get("REQUIRE_NODE") != "1":
        pytest.skip("there is no axe-core here: `make .venv/.npm-stamp` with npm installed gets it")
    return path.read_text()


@pytest.fixture(scope="module")
def busy(ui_library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that gets work to do."""
    with serving(ui_library.copy(tmp_path_factory.mktemp("busy"))) as running:
        yield running


@pytest.fixture(params=WIDTHS)
def shown(browser: Browser, busy: Server, request: pytest.FixtureRequest) -> Iterator[Page]:
    scheme = request.param
    with browser.new_context(
        base_url=busy.url, viewport={"width": WIDTHS[scheme], "height": 800}, color_scheme=scheme,
        reduced_motion="reduce",
    ) as context:  # fmt: skip
        context.set_default_timeout(WAIT_MS)
        yield context.new_page()


def test_empty(shown: Page, axe: str) -> None:
    shown.goto("/")
    expect(shown.locator("ms-ask")).to_be_visible()
    check(shown, axe)


def test_the_list_of_keys(shown: Page, axe: str) -> None:
    shown.goto("/")
    shown.keyboard.press("?")
    expect(shown.get_by_role("dialog", name="Keys")).to_be_visible()
    check(shown, axe)


def test_results(shown: Page, axe: str, busy: Server) -> None:
    shown.goto(f"/?media={busy.library.ids['cup.webp']}")
    expect(shown.locator("ms-card").nth(1)).to_be_visible()
    shown.locator("ms-selection").get_by_role("button", name="Mark all").click()
    expect(shown.locator("ms-selection form")).to_be_visible()
    check(shown, axe)


def test_viewer(shown: Page, axe: str, busy: Server) -> None:
    ids = busy.library.ids
    shown.goto(f"/?media={ids['cup.webp']}&watch={ids['kitchen.mp4']}&t=1")
    expect(shown.locator("ms-viewer ms-timeline input.seek")).to_have_count(1)
    shown.wait_for_load_state("networkidle")
    check(shown, axe)


def test_nothing_matches(shown: Page, axe: str, busy: Server) -> None:
    shown.goto(f"/?media={busy.library.ids['cup.webp']}&name=nothing+is+called+like+this")
    expect(shown.locator("ms-results .message")).to_contain_text("Nothing")
    check(shown, axe)


def test_library_with_a_running_job(shown: Page, axe: str, busy: Server, tmp_path: Path) -> None:
    shown.goto("/?view=library")
    expect(shown.locator("ms-media-row").first).to_be_visible()
    write_video(tmp_path / "endless.mp4", count_up(1000), fps=4)
    shown.locator("ms-upload input[type=file]").set_input_files(tmp_path / "endless.mp4")
    expect(shown.locator("ms-jobs li").first).to_be_visible()
    check(shown, axe)
    [row] = httpx.get(
        f"{busy.url}/v1/media", params={"name_contains": "endless"}, timeout=30, trust_env=False
    ).json()["data"]
    httpx.delete(f"{busy.url}/v1/media/{row['id']}", timeout=30, trust_env=False).raise_for_status()


def test_people(shown: Page, axe: str) -> None:
    shown.goto("/?view=people")
    expect(shown.locator("ms-person").first).to_be_visible()
    check(shown, axe)


@pytest.mark.parametrize("opens", ["Notes on kitchen.mp4", "Remove kitchen.mp4"])
def test_dialogs(shown: Page, axe: str, opens: str) -> None:
    shown.goto("/?view=library")
    shown.get_by_role("button", name=opens).click()
    expect(shown.locator("dialog")).to_be_visible()
    check(shown, axe)


def check(page: Page, axe: str) -> None:
    page.evaluate(axe)
    answer = page.evaluate("axe.run({ preload: false })")
    found: list[dict[str, Any]] = answer["violations"]
    told = [
        f"{one['id']}: {one['help']}: {node['html'][:200]} ({node['failureSummary']})"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]
    assert not told, "\n".join(told)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
