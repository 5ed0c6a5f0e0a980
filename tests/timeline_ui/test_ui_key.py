"""A server that wants a key: it is asked for, and what it does not allow is not offered."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from index.keys import Keys
from tests.support.library import Library
from tests.support.server import Server, serving
from tests.timeline_ui.conftest import WAIT_MS

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("ui_key")]

SCOPES = ("read", "ingest", "admin")


@pytest.fixture(scope="module")
def keys() -> dict[str, str]:
    """By scope; filled by ``locked``."""
    return {}


@pytest.fixture(scope="module")
def locked(
    ui_library: Library, keys: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    library = ui_library.copy(tmp_path_factory.mktemp("locked"))
    for scope in SCOPES:
        keys[scope] = library.add_key(f"my {scope}", scope)
    with serving(library) as running:
        yield running


@pytest.fixture
def locked_page(browser: Browser, locked: Server) -> Iterator[Page]:
    with browser.new_context(base_url=locked.url) as context:
        context.set_default_timeout(WAIT_MS)
        yield context.new_page()


def log_in(page: Page, key: str) -> None:
    page.get_by_label("Key", exact=True).fill(key)
    page.locator("dialog").get_by_role("button", name="Log in").click()


def test_a_wrong_key_is_told_and_the_right_one_opens(locked_page: Page, keys: dict[str, str]) -> None:
    locked_page.goto("/?view=library")
    expect(locked_page.get_by_role("heading", name="This library wants a key")).to_be_visible()
    expect(locked_page.get_by_label("Key", exact=True)).to_be_focused()
    log_in(locked_page, "no such key")
    expect(locked_page.locator("dialog .wrong")).to_contain_text("not one of this library")
    assert locked_page.locator("ms-media-row").count() == 0
    log_in(locked_page, keys["admin"])
    expect(locked_page.locator("dialog")).to_have_count(0)
    expect(locked_page.locator("ms-media-row")).to_have_count(7)
    expect(locked_page.locator("ms-key .who")).to_contain_text("my admin")
    # The browser keeps it, the page does not.
    locked_page.reload()
    expect(locked_page.locator("ms-media-row")).to_have_count(7)
    assert not locked_page.evaluate("JSON.stringify([{...localStorage}, document.cookie])").count("my_")


@pytest.mark.parametrize("scope", SCOPES)
def test_what_a_key_does_not_allow_is_not_offered(
    locked_page: Page, locked: Server, keys: dict[str, str], scope: str
) -> None:
    locked_page.goto("/?view=library")
    log_in(locked_page, keys[scope])
    row = locked_page.locator("ms-media-row").first
    expect(row.get_by_role("button", name="Find similar")).to_be_visible()
    expect(locked_page.locator("ms-upload .zone")).to_be_visible(visible=scope != "read")
    expect(row.get_by_role("button", name="Notes on")).to_be_visible(visible=scope != "read")
    expect(row.get_by_role("button", name="Remove")).to_be_visible(visible=scope == "admin")
    # The server says the same.
    media_id = locked.library.ids["kitchen.mp4"]
    given = {"Authorization": f"Bearer {keys[scope]}"}
    address = f"{locked.url}/v1/media/{media_id}"
    noted = httpx.patch(address, json={"tags": []}, headers=given, trust_env=False)
    assert noted.status_code == (403 if scope == "read" else 200)


def test_logging_out_leaves_nothing_to_see(locked_page: Page, keys: dict[str, str]) -> None:
    locked_page.goto("/?view=library")
    log_in(locked_page, keys["read"])
    expect(locked_page.locator("ms-media-row")).to_have_count(7)
    locked_page.get_by_role("button", name="Log out").click()
    expect(locked_page.get_by_role("heading", name="This library wants a key")).to_be_visible()
    assert locked_page.locator("ms-media-row").count() == 0
    assert locked_page.request.get("/v1/media").status == 401


def test_a_key_that_is_revoked_meanwhile_is_asked_for_again(
    locked_page: Page, locked: Server, keys: dict[str, str]
) -> None:
    locked_page.goto("/?view=library")
    log_in(locked_page, keys["ingest"])
    expect(locked_page.locator("ms-media-row")).to_have_count(7)
    with Keys.open(locked.library.data_dir / "catalogue.sqlite") as rows:
        rows.revoke_key("my ingest")
    search = locked_page.get_by_placeholder("Part of a name")

    def type_until_refused() -> None:
        search.fill(f"{search.input_value()}k")

    # The server looks at its keys now and then.
    for _ in range(100):
        with locked_page.expect_response(lambda reply: "/v1/media?" in reply.url) as answered:
            type_until_refused()
        if answered.value.status == 401:
            break
    expect(locked_page.get_by_role("heading", name="This library wants a key")).to_be_visible()
    log_in(locked_page, keys["admin"])
    expect(locked_page.locator("ms-key .who")).to_contain_text("my admin")


def test_without_keys_nobody_is_asked(page: Page) -> None:
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("data-scope", "admin")
    expect(page.locator("ms-key button")).to_have_count(0)
    expect(page.locator("dialog")).to_have_count(0)


def test_a_server_that_does_not_answer_is_told_with_a_way_to_try_again(
    browser: Browser, locked: Server, keys: dict[str, str]
) -> None:
    with browser.new_context(base_url=locked.url) as context:
        page = context.new_page()
        # Other questions stay open: answered with 401 they would ask who we are once more.
        page.route(re.compile("/v1/(?!session)"), lambda route: None)
        page.route("**/v1/session", lambda route: route.abort())
        page.goto("/")
        told = page.locator(".told .error").first
        expect(told).to_contain_text("does not answer")
        page.unroute("**/v1/session")
        told.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("heading", name="This library wants a key")).to_be_visible()
