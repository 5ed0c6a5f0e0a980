"""Asking and what comes of it, in a browser; what is shown is held against the JSON API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.support.library import until
from tests.support.server import Server
from tests.timeline_ui.conftest import CUPS, LONG, MARKUP, RIGHT_TO_LEFT, Complaints

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("ui_search")]

ALL = CUPS + 2
A_PAGE = 24


@pytest.fixture
def api(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{server.url}/v1", timeout=60, trust_env=False) as client:
        yield client


def ask(page: Page, *pictures: Path) -> None:
    """Choose pictures on a page that is open, and wait for the answer."""
    with page.expect_response("**/v1/search"):
        page.locator("ms-ask .drop input").set_input_files(pictures)
    settled(page)


def settled(page: Page) -> None:
    """The answer to what the address asks is there."""
    expect(page.locator("ms-results[aria-busy=false] .message")).not_to_be_empty()


def scroll_through(page: Page, cards: int) -> None:
    """Down to the end of that many cards."""
    settled(page)
    page.locator("ms-results .end").scroll_into_view_if_needed()
    expect(page.locator("ms-card")).to_have_count(cards)


def asked(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def search(api: httpx.Client, page: Page, **more: Any) -> dict[str, Any]:
    """What the API answers to the question in the page's address."""
    given = asked(page)
    fields = {"picture_id": given["picture"], "box": given.get("box", []), "limit": ["1000"], **more}
    answer: dict[str, Any] = api.post("/search", data=fields).raise_for_status().json()
    return answer


def names(page: Page) -> list[str]:
    return page.locator("ms-card .name").all_inner_texts()


def test_a_chosen_picture_is_asked_and_what_is_found_shown(
    page: Page, api: httpx.Client, cup_picture: Path
) -> None:
    page.goto("/")
    ask(page, cup_picture)
    scroll_through(page, ALL)
    answer = search(api, page)
    expect(page.locator("ms-results .message")).to_have_text(answer["message"])
    cards = page.locator("ms-card")
    assert names(page) == [segment["media"] for segment in answer["segments"]]
    for number, segment in enumerate(answer["segments"][:5]):
        card = cards.nth(number)
        # Confidence has a word beside its colour.
        expect(card.locator(".confidence")).to_have_text(segment["confidence"])
        expect(card.locator(".score")).to_contain_text(str(round(segment["score"])))
        link = urlsplit(card.locator("a").get_attribute("href") or "")
        assert parse_qs(link.query)["watch"] == [segment["media_id"]]
        assert parse_qs(link.query)["picture"] == asked(page)["picture"]
        if segment["media_type"] == "video":
            assert link.fragment == f"t={segment['start_seconds']:g},{segment['end_seconds']:g}"
    assert {segment["media_type"] for segment in answer["segments"][:3]} == {"image", "video"}


def test_a_copied_address_opens_the_same_question_again(page: Page, cup_picture: Path) -> None:
    page.goto("/")
    ask(page, cup_picture)
    page.locator("ms-ask [data-do=box]").click()
    expect(page).to_have_url(re.compile("box="))
    settled(page)
    shown, address = names(page), page.url
    other = page.context.new_page()
    other.goto(address)
    settled(other)
    assert names(other)[:A_PAGE] == shown[:A_PAGE]
    expect(other.locator("ms-box-editor .box")).to_be_visible()


def test_several_pictures_are_one_question(
    page: Page, api: httpx.Client, cup_picture: Path, face_picture: Path
) -> None:
    page.goto("/")
    ask(page, cup_picture, face_picture)
    assert len(asked(page)["picture"]) == 2
    scroll_through(page, ALL + 1)
    assert {"space.mp4", "cup.webp", "kitchen.mp4"} <= set(names(page))
    page.get_by_role("button", name="Without picture 1").click()
    expect(page.locator("ms-box-editor")).to_be_visible()
    settled(page)
    assert names(page) == [one["media"] for one in search(api, page)["segments"]] == ["space.mp4"]
    page.locator("ms-ask [name=add]").set_input_files(cup_picture)
    expect(page.locator("ms-ask .several img")).to_have_count(2)


def transfer(page: Page, picture: Path) -> Any:
    """A DataTransfer of the page with that file."""
    return page.evaluate_handle(
        """([bytes, name]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], name, { type: 'image/jpeg' }));
            return transfer;
        }""",
        [list(picture.read_bytes()), picture.name],
    )


def test_a_picture_can_be_dropped_and_pasted(page: Page, face_picture: Path, cup_picture: Path) -> None:
    page.goto("/")
    dropped = {"dataTransfer": transfer(page, face_picture)}
    page.dispatch_event("body", "dragenter", dropped)
    expect(page.get_by_text("Drop the picture to search for it")).to_be_visible()
    page.dispatch_event("body", "drop", dropped)
    expect(page.locator("ms-card .name").first).to_have_text("space.mp4")
    expect(page.get_by_text("Drop the picture to search for it")).to_be_hidden()
    first = asked(page)["picture"][0]
    page.evaluate(
        "(clipboardData) => document.body.dispatchEvent("
        "new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))",
        transfer(page, cup_picture),
    )
    page.wait_for_url(lambda url: first not in url)
    scroll_through(page, ALL)
    page.go_back()
    expect(page.locator("ms-card .name")).to_have_text(["space.mp4"])


def test_words_say_why_they_cannot_be_used(page: Page, api: httpx.Client) -> None:
    assert api.get("/library").json()["offers"]["words"] is False
    page.goto("/")
    expect(page.get_by_label("Words")).to_be_disabled()
    expect(page.get_by_text("words need another profile")).to_be_visible()


def corner(part: Locator, x: float, y: float) -> tuple[float, float]:
    """A point of an element, in shares of it, in pixels of the page."""
    bounds = part.bounding_box()
    assert bounds
    return bounds["x"] + x * bounds["width"], bounds["y"] + y * bounds["height"]


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    page.mouse.move(*end)
    page.mouse.up()


def box_in(page: Page) -> list[float]:
    return [float(side) for side in asked(page)["box"][0].split(",")]


def test_a_box_is_drawn_moved_resized_and_removed_with_the_mouse(
    page: Page, api: httpx.Client, cup_picture: Path
) -> None:
    page.goto("/")
    ask(page, cup_picture)
    canvas = page.locator("ms-box-editor .canvas")
    drag(page, corner(canvas, 0.2, 0.25), corner(canvas, 0.7, 0.85))
    expect(page).to_have_url(re.compile("box="))
    assert box_in(page) == pytest.approx([0.2, 0.25, 0.7, 0.85], abs=0.01)
    settled(page)
    # The same box was asked of the API, and what matched is drawn on the cards.
    answer = search(api, page)
    expect(page.locator("ms-results .message")).to_have_text(answer["message"])
    assert names(page)[:5] == [one["media"] for one in answer["segments"]][:5]
    boxed = next(number for number, one in enumerate(answer["segments"]) if one["box_xyxy"])
    expect(page.locator("ms-card").nth(boxed).locator("rect.line")).to_be_attached()
    expect(page.get_by_label("Object")).to_be_checked()

    moved = page.url
    drag(page, corner(canvas, 0.45, 0.5), corner(canvas, 0.55, 0.45))
    page.wait_for_url(lambda url: url != moved)
    assert box_in(page) == pytest.approx([0.3, 0.2, 0.8, 0.8], abs=0.01)
    moved = page.url
    drag(page, corner(canvas, 0.8, 0.8), corner(canvas, 1.2, 0.9))
    page.wait_for_url(lambda url: url != moved)
    assert box_in(page) == pytest.approx([0.3, 0.2, 1.0, 0.9], abs=0.01)

    # A click is no box.
    page.mouse.click(*corner(canvas, 0.1, 0.1))
    assert box_in(page) == pytest.approx([0.3, 0.2, 1.0, 0.9], abs=0.01)
    page.get_by_role("button", name="Remove box").click()
    page.wait_for_url(lambda url: "box=" not in url)
    expect(page.locator("ms-box-editor .box")).to_be_hidden()


def test_a_box_is_made_with_keys_alone(page: Page, cup_picture: Path) -> None:
    page.goto("/")
    ask(page, cup_picture)
    page.locator("ms-box-editor .canvas").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("box=0.25%2C0.25%2C0.75%2C0.75"))
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "Shift+ArrowDown", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("box=0.29%2C0.23%2C0.77%2C0.75"))
    expect(page.locator("ms-box-editor [role=status]")).to_have_text(re.compile("Box from 29 to 77 percent"))
    page.keyboard.press("Delete")
    page.wait_for_url(lambda url: "box=" not in url)


def test_a_box_is_drawn_with_a_finger(browser: Any, server: Server, cup_picture: Path) -> None:
    with browser.new_context(
        base_url=server.url, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    ) as context:
        page = context.new_page()
        page.goto("/")
        ask(page, cup_picture)
        canvas = page.locator("ms-box-editor .canvas")
        touch = context.new_cdp_session(page)
        for kind, x, y in (("touchStart", 0.3, 0.3), ("touchMove", 0.5, 0.6), ("touchMove", 0.7, 0.8)):
            at = dict(zip("xy", corner(canvas, x, y), strict=True))
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [at]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        expect(page).to_have_url(re.compile("box="))
        assert box_in(page) == pytest.approx([0.3, 0.3, 0.7, 0.8], abs=0.02)
        # Nothing is wider than the phone.
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_whole_picture_object_and_face(page: Page, api: httpx.Client, face_picture: Path) -> None:
    page.goto("/")
    ask(page, face_picture)
    page.get_by_text("Face", exact=True).click()
    expect(page).to_have_url(re.compile("mode=face"))
    settled(page)
    answer = search(api, page, mode=["face"])
    assert answer["segments"] and answer["segments"][0]["evidence"] == "face"
    assert names(page) == [one["media"] for one in answer["segments"]]
    page.get_by_text("Object", exact=True).click()
    expect(page).to_have_url(re.compile("mode=object"))
    page.get_by_text("Whole picture", exact=True).click()
    page.wait_for_url(lambda url: "mode=" not in url)


def test_what_led_here_is_kept_and_back_works(page: Page, cup_picture: Path) -> None:
    page.goto("/")
    ask(page, cup_picture)
    whole = page.url
    page.locator("ms-ask [data-do=box]").click()
    expect(page.locator("ms-crumbs [aria-current]")).to_have_text("Box")
    page.locator("ms-crumbs a").click()
    expect(page).to_have_url(whole)
    expect(page.locator("ms-crumbs")).to_be_hidden()
    page.go_back()
    expect(page).to_have_url(re.compile("box="))
    expect(page.locator("ms-box-editor .box")).to_be_visible()
    expect(page.locator("ms-crumbs a")).to_be_visible()


def test_a_moment_of_the_library_is_shown_with_its_box(page: Page, server: Server) -> None:
    media_id = server.library.ids["kitchen.mp4"]
    page.goto(f"/?media={media_id}&at=1.5&box=0.2,0.2,0.8,0.9&only=image")
    settled(page)
    expect(page.locator("ms-ask .caption")).to_have_text("kitchen.mp4 at 0:01.5")
    expect(page.locator("ms-box-editor .box")).to_be_visible()
    assert names(page) == ["cup.webp"]


class Held:
    """Requests that wait until the test lets them go on."""

    def __init__(self, page: Page, pattern: str):
        self.routes: list[Route] = []
        self._page, self._holds = page, True
        page.route(pattern, self._come)

    def _come(self, route: Route) -> None:
        if self._holds:
            self.routes.append(route)
        else:
            route.continue_()

    def wait(self) -> Route:
        """The first one, once it has come."""
        until(lambda: self._page.evaluate("true") and self.routes)
        return self.routes[0]

    def stop(self) -> None:
        """From now on others go through."""
        self._holds = False


def test_a_late_answer_never_overwrites_a_newer_one(
    page: Page, api: httpx.Client, cup_picture: Path, unknown_picture: Path
) -> None:
    page.goto("/")
    held = Held(page, "**/v1/search")
    page.locator("ms-ask .drop input").set_input_files(cup_picture)
    late = held.wait()
    held.stop()
    page.get_by_role("button", name="New search").click()
    ask(page, unknown_picture)
    expect(page.get_by_role("heading", name="Nothing in the library matches.")).to_be_visible()
    picture = api.post("/pictures", files={"image": cup_picture.read_bytes()}).json()["id"]
    answer = api.post("/search", data={"picture_id": picture}).json()
    assert answer["segments"]
    late.fulfill(json=answer)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    expect(page.locator("ms-card")).to_have_count(0)
    expect(page.get_by_role("heading", name="Nothing in the library matches.")).to_be_visible()


def test_a_late_picture_never_overwrites_a_newer_one(
    page: Page, cup_picture: Path, face_picture: Path
) -> None:
    page.goto("/")
    held = Held(page, "**/v1/pictures")
    page.locator("ms-ask .drop input").set_input_files(cup_picture)
    expect(page.get_by_text("Sending the picture")).to_be_visible()
    late = held.wait()
    held.stop()
    ask(page, face_picture)
    newer = page.url
    late.continue_()
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    expect(page.locator("ms-card .name")).to_have_text(["space.mp4"])
    assert page.url == newer


def test_escape_stops_waiting_and_the_search_can_be_asked_again(page: Page, cup_picture: Path) -> None:
    page.goto("/")
    held = Held(page, "**/v1/search")
    page.locator("ms-ask .drop input").set_input_files(cup_picture)
    held.wait()
    expect(page.locator("ms-results .message")).to_have_text("Searching …")
    expect(page.locator("ms-results .skeleton").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="The search was stopped.")).to_be_visible()
    held.stop()
    held.wait().abort()
    page.get_by_role("button", name="Search again").click()
    expect(page.locator("ms-card").first).to_be_visible()


def test_a_server_that_does_not_answer_is_said_and_asked_again(
    page: Page, cup_picture: Path, complaints: Complaints
) -> None:
    complaints.expect("Failed to load resource")
    page.goto("/")
    page.route("**/v1/search", lambda route: route.abort())
    page.locator("ms-ask .drop input").set_input_files(cup_picture)
    expect(page.locator("ms-results .state")).to_contain_text("Is momentseek still running?")
    page.unroute("**/v1/search")
    page.locator("ms-results .state").get_by_role("button", name="Try again").click()
    expect(page.locator("ms-card").first).to_be_visible()


def test_what_is_no_picture_is_refused_with_a_reason(
    page: Page, tmp_path: Path, server: Server, complaints: Complaints
) -> None:
    complaints.expect("Failed to load resource")
    (tmp_path / "text.jpg").write_text("no picture")
    page.goto("/")
    page.locator("ms-ask .drop input").set_input_files(tmp_path / "text.jpg")
    expect(page.locator(".told")).to_contain_text("not a picture that can be read")
    page.locator("ms-ask .drop input").set_input_files(server.library.media / "kitchen.mp4")
    expect(page.locator(".told")).to_contain_text("kitchen.mp4 is no picture")
    assert "picture" not in asked(page)


def test_a_picture_that_is_gone_is_said(page: Page, complaints: Complaints) -> None:
    complaints.expect("Failed to load resource")
    page.goto(f"/?picture={'0' * 32}")
    expect(page.get_by_text("This picture is not kept any more.")).to_be_visible()
    expect(page.locator("ms-results .state")).to_contain_text("send it again")


def test_stills_videos_or_both(page: Page, api: httpx.Client, cup_picture: Path) -> None:
    page.goto("/")
    ask(page, cup_picture)
    page.get_by_text("Stills", exact=True).click()
    expect(page.locator("ms-card .name")).to_have_text(["cup.webp"])
    page.locator("ms-filters").get_by_text("Videos", exact=True).click()
    scroll_through(page, ALL - 1)
    assert names(page) == [one["media"] for one in search(api, page, only="video")["segments"]]
    page.get_by_text("All", exact=True).click()
    scroll_through(page, ALL)


def test_confidence_file_and_tag_filter(
    page: Page, api: httpx.Client, server: Server, cup_picture: Path
) -> None:
    media_id = server.library.ids["kitchen.mp4"]
    api.patch(f"/media/{media_id}", json={"tags": ["breakfast"]}).raise_for_status()
    page.goto("/")
    ask(page, cup_picture)
    page.get_by_label("Confidence").select_option("high")
    expect(page).to_have_url(re.compile("confidence=high"))
    settled(page)
    assert set(page.locator("ms-card .confidence").all_inner_texts()) == {"high"}
    page.locator("ms-filters summary").click()
    page.get_by_label("File name has").fill("CUP")
    expect(page.locator("ms-card .name")).to_have_text(["cup.webp"])
    page.get_by_role("button", name="Without CUP").click()
    tag = page.get_by_label("Tag")
    tag.focus()
    expect(page.locator("#known-tags option[value=breakfast]")).to_be_attached()
    tag.fill("breakfast")
    tag.press("Enter")
    expect(page.locator("ms-card .name")).to_have_text(["kitchen.mp4"])
    assert asked(page)["tag"] == ["breakfast"]
    # No such label: an answer that says that the filters are the reason.
    page.goto(f"{page.url}&label=unicorn")
    expect(page.get_by_role("heading", name="Nothing matches with these filters.")).to_be_visible()
    page.get_by_role("button", name="Clear the filters").click()
    scroll_through(page, ALL)
    assert asked(page).keys() == {"picture"}


def test_grouped_by_file(page: Page, api: httpx.Client, cup_picture: Path) -> None:
    page.goto("/")
    ask(page, cup_picture)
    page.get_by_label("Group by file").check()
    expect(page.locator("ms-results .cards h3")).to_have_count(3)
    groups = search(api, page, group_by="media")["groups"]
    heads = page.locator("ms-results .cards section")
    for number, group in enumerate(groups):
        expect(heads.nth(number).locator("h3")).to_contain_text(group["media"])
        expect(heads.nth(number).locator("ms-card")).to_have_count(group["segment_count"])


def test_the_threshold_filters_at_once_without_asking(
    page: Page, api: httpx.Client, cup_picture: Path
) -> None:
    page.goto("/")
    ask(page, cup_picture)
    scroll_through(page, ALL)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    scores = [segment["score"] for segment in search(api, page)["segments"]]
    line = 95
    page.locator("ms-filters").get_by_label("Score at least").fill(str(line))
    expect(page.locator("ms-card:visible")).to_have_count(sum(score >= line for score in scores))
    assert asked(page)["score"] == [str(line)]
    assert not [url for url in requests if "/v1/search" in url]
    page.locator("ms-filters").get_by_label("Score at least").fill("100")
    expect(page.get_by_text("Nothing scores 100 or more; the best one has 99.")).to_be_visible()
    page.get_by_role("button", name="Show them").click()
    expect(page.locator("ms-card:visible")).to_have_count(ALL)


def test_nothing_matches_is_an_answer_and_the_nearest_come_on_request(
    page: Page, api: httpx.Client, unknown_picture: Path
) -> None:
    page.goto("/")
    ask(page, unknown_picture)
    expect(page.get_by_role("heading", name="Nothing in the library matches.")).to_be_visible()
    expect(page.locator("ms-card")).to_have_count(0)
    assert search(api, page)["segments"] == []
    page.get_by_role("button", name="Show what comes nearest").click()
    expect(page.get_by_role("heading", name="Below the line")).to_be_visible()
    expect(page.locator("ms-card .confidence").first).to_have_text("below the line")
    nearest = search(api, page, min_confidence="none")["segments"]
    assert names(page)[0] == nearest[0]["media"]
    page.get_by_role("button", name="Only what matches").click()
    expect(page.get_by_role("heading", name="Nothing in the library matches.")).to_be_visible()


def test_pages_follow_by_themselves_and_by_a_button(
    page: Page, api: httpx.Client, cup_picture: Path, complaints: Complaints
) -> None:
    complaints.expect("/v1/search/pages/")
    page.set_viewport_size({"width": 1280, "height": 400})
    page.goto("/")
    held = Held(page, "**/v1/search/pages/*")
    ask(page, cup_picture)
    expect(page.locator("ms-card")).to_have_count(A_PAGE)
    button = page.get_by_role("button", name=f"Show more ({ALL - A_PAGE} left)")
    button.scroll_into_view_if_needed()
    held.wait().abort()
    held.stop()
    expect(page.get_by_text("What follows could not be fetched.")).to_be_visible()
    page.locator("ms-results .more").get_by_role("button", name="Try again").click()
    expect(page.locator("ms-card")).to_have_count(ALL)
    expect(page.locator("ms-results .more")).to_be_hidden()
    assert names(page) == [one["media"] for one in search(api, page)["segments"]]


def test_pages_follow_while_somebody_scrolls(page: Page, cup_picture: Path) -> None:
    page.set_viewport_size({"width": 1280, "height": 400})
    page.goto("/")
    ask(page, cup_picture)
    expect(page.locator("ms-card")).to_have_count(A_PAGE)
    page.mouse.move(800, 300)
    page.mouse.wheel(0, 5000)
    expect(page.locator("ms-card")).to_have_count(ALL)


def focused(page: Page) -> int:
    """Which card has the focus."""
    return page.evaluate(
        "[...document.querySelectorAll('ms-card')].indexOf(document.activeElement?.closest('ms-card'))"
    )


def test_the_grid_is_walked_with_the_keyboard(page: Page, cup_picture: Path) -> None:
    page.goto("/")
    ask(page, cup_picture)
    columns = page.evaluate(
        "getComputedStyle(document.querySelector('ms-results .grid')).gridTemplateColumns.split(' ').length"
    )
    assert columns > 1
    page.locator("ms-card a").first.focus()
    for key, card in (
        ("ArrowRight", 1), ("ArrowDown", 1 + columns), ("ArrowLeft", columns), ("ArrowUp", 0),
        ("ArrowUp", 0), ("End", page.locator("ms-card").count() - 1), ("Home", 0), ("ArrowRight", 1),
    ):  # fmt: skip
        page.keyboard.press(key)
        assert focused(page) == card, key
    # One Tab leaves the link for the card's own controls, not for the next card.
    page.keyboard.press("Tab")
    expect(page.locator("ms-card").nth(1).get_by_role("checkbox")).to_be_focused()
    page.keyboard.press("Shift+Tab")

    page.keyboard.press(" ")
    playing = page.locator("ms-card").nth(1).locator("video")
    expect(playing).to_be_visible()
    until(lambda: playing.evaluate("(video) => video.currentTime > 0"))
    assert playing.evaluate("(video) => video.muted")
    page.keyboard.press(" ")
    expect(playing).to_have_count(0)

    page.keyboard.press("m")
    expect(page.locator("ms-card").nth(1).get_by_role("checkbox")).to_be_checked()
    segment = page.locator("ms-card").nth(1).evaluate("(card) => card.segment")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"watch={segment['media_id']}"))
    page.go_back()
    page.wait_for_url(lambda url: "watch=" not in url)
    expect(page.locator("ms-card").nth(1).get_by_role("checkbox")).to_be_checked()


def test_thumbs_refine_the_question(page: Page, api: httpx.Client, cup_picture: Path) -> None:
    page.goto("/")
    ask(page, cup_picture)
    expect(page.locator("ms-card .name").first).to_have_text("cup.webp")
    best = page.locator("ms-card").first.evaluate("(card) => card.segment")
    with page.expect_response(re.compile("/feedback$")) as reply:
        page.get_by_role("button", name=re.compile("^Not this: cup.webp")).click()
    sent = json.loads(reply.value.request.post_data or "")
    assert sent["less"] == [
        {"media_id": best["media_id"], "at_seconds": best["best_seconds"], "box_xyxy": best["box_xyxy"]}
    ]
    refined = reply.value.json()
    assert best["media_id"] not in {one["media_id"] for one in refined["segments"]}
    expect(page.get_by_text("Refined by 1 👎")).to_be_visible()
    settled(page)
    assert "cup.webp" not in names(page)
    assert names(page)[:3] == [one["media"] for one in refined["segments"]][:3]
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("ms-card .name").first).to_have_text("cup.webp")
    expect(page.get_by_text("Refined by")).to_be_hidden()


@pytest.mark.parametrize("name", [MARKUP, RIGHT_TO_LEFT, LONG], ids=["markup", "right to left", "200"])
def test_awkward_names_run_nothing_and_break_nothing(page: Page, server: Server, name: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    # As what is asked for, as what is filtered by, and as what is found, flat and by file.
    ids = server.library.ids
    page.goto(f"/?media={ids[name]}&at=0")
    expect(page.locator("ms-ask .caption")).to_contain_text(name)
    settled(page)
    for grouped in ("", "&group=media"):
        page.goto(f"/?media={ids['cup.webp']}&at=0&confidence=none&name={quote(name)}{grouped}")
        found = page.locator("ms-results h3 .name" if grouped else "ms-card p.name").first
        expect(found).to_have_text(name)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.title() == "momentseek" and page.locator("img[onerror]").count() == 0
