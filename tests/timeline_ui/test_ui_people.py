"""People: grouped faces that get names, are put together, taken apart and searched for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.library import Library, until
from tests.support.server import Server, serving
from tests.timeline_ui.conftest import WAIT_MS

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("ui_people")]

PEOPLE = "/?view=people"
HOSTILE = '<img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def crowd(ui_library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose people these tests change, one after another."""
    with serving(ui_library.copy(tmp_path_factory.mktemp("crowd"))) as running:
        until(lambda: people(running) and grouping(running) == "idle")
        yield running


@pytest.fixture
def people_page(browser: Browser, crowd: Server) -> Iterator[Page]:
    with browser.new_context(base_url=crowd.url, viewport={"width": 1280, "height": 800}) as context:
        context.set_default_timeout(WAIT_MS)
        yield context.new_page()


def people(server: Server) -> list[dict[str, Any]]:
    answer = httpx.get(f"{server.url}/v1/people", timeout=30, trust_env=False).json()
    found: list[dict[str, Any]] = answer["data"]
    return found


def grouping(server: Server) -> str:
    return str(httpx.get(f"{server.url}/v1/people/group", timeout=30, trust_env=False).json()["state"])


def test_somebody_gets_a_name(people_page: Page, crowd: Server) -> None:
    people_page.goto(PEOPLE)
    first = people_page.locator("ms-person").first
    expect(first.locator("img")).to_have_js_property("complete", True)
    name = first.locator("[name=name]")
    name.fill(HOSTILE)
    name.press("Enter")
    until(lambda: HOSTILE in [person["name"] for person in people(crowd)])
    expect(first.get_by_role("button", name=f"Search: every moment with {HOSTILE}")).to_be_visible()
    people_page.reload()
    expect(people_page.locator("ms-person [name=name]").first).to_have_value(HOSTILE)
    assert people_page.title() == "momentseek" and people_page.locator("img[src=x]").count() == 0
    # Escape leaves it as it was.
    name.fill("Nobody")
    name.press("Escape")
    expect(name).to_have_value(HOSTILE)
    name.fill("Eileen")
    name.press("Enter")
    until(lambda: "Eileen" in [person["name"] for person in people(crowd)])
    assert HOSTILE not in [person["name"] for person in people(crowd)]


def test_a_face_is_taken_away_and_given_back(people_page: Page, crowd: Server) -> None:
    people_page.goto(PEOPLE)
    before = people(crowd)
    [somebody] = [person for person in before if person["faces"] == max(one["faces"] for one in before)]
    people_page.locator("ms-person").first.get_by_role("button", name="Seen in").click()
    dialog = people_page.locator("dialog.appearances")
    expect(dialog.locator("li").first).to_contain_text("space.mp4")
    dialog.get_by_role("button", name="Not this person").first.click()
    until(lambda: len(people(crowd)) != len(before) or people(crowd)[0]["id"] != somebody["id"])
    until(lambda: sum(person["faces"] for person in people(crowd)) == sum(one["faces"] for one in before))


def take_away_a_face(server: Server) -> None:
    """From somebody with a name, who stays also without a face: then there are two people at least."""
    somebody = f"{server.url}/v1/people/{people(server)[0]['id']}"
    with httpx.Client(timeout=30, trust_env=False) as client:
        client.patch(somebody, json={"name": "Somebody"}).raise_for_status()
        seen = client.get(f"{somebody}/appearances").raise_for_status().json()["data"]
        client.delete(f"{somebody}/faces/{seen[0]['face_id']}").raise_for_status()


def test_people_are_put_together(people_page: Page, crowd: Server) -> None:
    take_away_a_face(crowd)
    before = people(crowd)
    assert len(before) >= 2
    people_page.goto(PEOPLE)
    boxes = people_page.locator("ms-person [name=chosen]")
    expect(boxes).to_have_count(len(before))
    merge = people_page.get_by_role("button", name="Merge")
    expect(merge).to_be_disabled()
    for number in range(2):
        boxes.nth(number).check()
    expect(merge).to_have_text("Merge 2 into one")
    merge.click()
    expect(people_page.locator("ms-person")).to_have_count(len(before) - 1)
    assert len(people(crowd)) == len(before) - 1
    assert sum(one["faces"] for one in people(crowd)) == sum(one["faces"] for one in before)


def test_moments_of_somebody_are_searched_for(people_page: Page, crowd: Server) -> None:
    people_page.goto(PEOPLE)
    first = people_page.locator("ms-person").first
    with people_page.expect_response(lambda reply: reply.url.endswith("/v1/search")) as asked:
        first.get_by_role("button", name="Search: every moment").click()
    assert asked.value.ok, asked.value.text()
    assert parse_qs(urlsplit(people_page.url).query)["person"] == [people(crowd)[0]["id"]]
    expect(people_page.locator("ms-card").first).to_contain_text("space.mp4")


def test_faces_are_grouped_again(people_page: Page, crowd: Server) -> None:
    people_page.goto(PEOPLE)
    with people_page.expect_response(
        lambda reply: reply.url.endswith("/v1/people/group") and reply.request.method == "POST"
    ) as answered:
        people_page.get_by_role("button", name="Group the faces again").click()
    assert answered.value.status == 202
    until(lambda: grouping(crowd) == "idle")
    expect(people_page.get_by_role("button", name="Group the faces again")).to_be_enabled()
