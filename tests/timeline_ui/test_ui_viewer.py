"""Looking at one file: its matches over time, stored boxes that lead on, and everything by keys."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.library import Library, until
from tests.support.media_factory import textured, write_video
from tests.support.server import Server
from tests.timeline_ui.conftest import CUPS, LONG, MARKUP, RIGHT_TO_LEFT

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("ui_viewer")]

LENGTH = CUPS * 1.8
"""Of carousel.mp4, in seconds."""

Segment = dict[str, Any]


def search(server: Server, **fields: object) -> dict[str, Any]:
    """What the API answers to the same question."""
    form = {name: str(value) for name, value in fields.items()}
    answer: dict[str, Any] = httpx.post(
        f"{server.url}/v1/search", data=form, timeout=30, trust_env=False
    ).json()
    return answer


def curve_of(server: Server, query_id: str, media_id: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(
        f"{server.url}/v1/search/{query_id}/media/{media_id}/curve", trust_env=False
    ).json()
    return found


def look(page: Page, media_id: str, seconds: float = 0, **question: object) -> None:
    """Open the viewer by address and wait until the player shows something."""
    said = "".join(f"{name}={value}&" for name, value in question.items())
    page.goto(f"/?{said}watch={media_id}&t={seconds}")
    expect(page.locator("ms-viewer")).to_be_visible()
    until(lambda: ready(page), 20, "the player")


def ready(page: Page) -> bool:
    found: bool = page.evaluate(
        """() => { const player = document.querySelector('ms-player');
        return player.mode === 'video' ? player.video.readyState >= 2 && !player.video.seeking
          : player.querySelector('img').naturalWidth > 0; }"""
    )
    return found


def spans(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate(
        """() => document.querySelector('ms-timeline').spans.map(
        ({ start, end, score, confidence }) => ({ start, end, score, confidence }))"""
    )
    return found


def look_at_cups(page: Page, library: Library, seconds: float = 0) -> list[dict[str, Any]]:
    """The carousel, with the question where the cup appears."""
    look(page, library.ids["carousel.mp4"], seconds, media=library.ids["cup.webp"])
    until(lambda: len(spans(page)) > 0, 20, "spans")
    return spans(page)


def seconds_of(page: Page) -> float:
    seconds: float = page.evaluate("() => document.querySelector('ms-player').seconds")
    return seconds


def until_at(page: Page, seconds: float, tolerance: float = 0.06) -> None:
    until(lambda: abs(seconds_of(page) - seconds) <= tolerance, 15, f"{seconds} s; it is {seconds_of(page)}")


def address(page: Page) -> dict[str, str]:
    said: str = page.evaluate("() => location.search")
    return {name: values[0] for name, values in parse_qs(said.removeprefix("?")).items()}


def rectangle(locator: Locator) -> tuple[float, float, float, float]:
    box = locator.bounding_box()
    assert box is not None
    return box["x"], box["y"], box["width"], box["height"]


def point_at(page: Page, share: float, y: float = 40) -> tuple[float, float]:
    left, top, width, _ = rectangle(page.locator("ms-timeline .lane"))
    return left + 1 + share * (width - 2), top + y


def colour_at(page: Page, seconds: float) -> list[int]:
    """Of the band of matches at its bottom, at a time."""
    found: list[int] = page.evaluate(
        """(seconds) => {
          const timeline = document.querySelector('ms-timeline');
          const canvas = timeline.querySelector('.lane canvas');
          const { from, to } = timeline.view;
          const x = Math.floor((seconds - from) / (to - from) * canvas.width);
          const copy = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
          copy.drawImage(canvas, -x, 1 - canvas.height);
          return [...copy.getImageData(0, 0, 1, 1).data];
        }""",
        seconds,
    )
    return found


def boxes_shown(page: Page) -> Locator:
    return page.locator("ms-overlay .choices button")


def answered(page: Page) -> dict[str, Any]:
    """What the page itself has got, once it has."""

    def ask() -> dict[str, Any]:
        found: dict[str, Any] = page.evaluate(
            "async () => { const { answer } = await import('/ui/search.js'); return answer(); }"
        )
        return found

    until(lambda: ask()["state"] == "ready", 20, "an answer")
    return ask()


def bare(segments: list[Segment]) -> list[tuple[str, float, float]]:
    return [(one["media_id"], one["start_seconds"], one["end_seconds"]) for one in segments]


def assert_same(page_got: dict[str, Any], api_says: dict[str, Any]) -> None:
    """The page may ask for fewer on a page."""
    assert page_got["message"] == api_says["message"]
    segments = bare(page_got["segments"])
    assert segments == bare(api_says["segments"])[: len(segments)]


def test_spans_are_those_of_the_answer(page: Page, server: Server, ui_library: Library) -> None:
    shown = look_at_cups(page, ui_library)
    media_id = ui_library.ids["carousel.mp4"]
    answer = search(server, media_id=ui_library.ids["cup.webp"], at_seconds=0)
    expected = curve_of(server, answer["query_id"], media_id)["segments"]
    in_order = sorted((one["start_seconds"], one["end_seconds"], one["confidence"]) for one in expected)
    assert [(one["start"], one["end"], one["confidence"]) for one in shown] == in_order
    assert len(shown) == CUPS
    links = page.locator("ms-matches a")
    expect(links).to_have_count(CUPS)
    first = links.first.inner_text()
    assert re.match(rf"0:00\.0 – 0:0{shown[0]['end']:.1f}\s+{shown[0]['confidence']}, \d+", first), first
    # Drawn where it matches, and only there.
    middle = (shown[3]["start"] + shown[3]["end"]) / 2
    between = (shown[3]["end"] + shown[4]["start"]) / 2
    until(lambda: colour_at(page, middle)[3] == 255)
    red, green, blue, _ = colour_at(page, middle)
    assert green > red and green > blue
    assert colour_at(page, between)[3] == 0


def test_a_click_seeks_and_the_address_follows(page: Page, ui_library: Library) -> None:
    look_at_cups(page, ui_library)
    middle = LENGTH / 2
    page.mouse.click(*point_at(page, 0.5))
    until_at(page, middle, 0.2)
    until(lambda: abs(float(address(page).get("t", 0)) - seconds_of(page)) < 0.01, what="the address")
    # A copied link opens the same moment.
    page.reload()
    until_at(page, middle, 0.2)
    slider = page.locator("ms-timeline input.seek")
    expect(slider).to_have_attribute(
        "aria-valuetext", re.compile(rf"^{middle:.0f} seconds|^{middle + 0.5:.0f} seconds")
    )
    slider.focus()
    page.keyboard.press("Home")
    until_at(page, 0)


def test_a_drag_seeks_on_the_way(page: Page, ui_library: Library) -> None:
    look_at_cups(page, ui_library)
    page.mouse.move(*point_at(page, 0.2))
    page.mouse.down()
    page.mouse.move(*point_at(page, 0.6), steps=8)
    until(lambda: seconds_of(page) > LENGTH / 2)
    page.mouse.move(*point_at(page, 0.8), steps=8)
    page.mouse.up()
    until_at(page, 0.8 * LENGTH, 0.3)
    preview = page.locator("ms-timeline .preview")
    expect(preview).to_be_visible()
    expect(preview.locator(".picture")).to_have_css("background-image", re.compile("sprite_000.jpg"))
    expect(preview.locator(".time")).to_have_text(
        re.compile(rf"0:{0.8 * LENGTH:02.0f}\.\d|0:{0.8 * LENGTH - 0.5:02.0f}\.\d")
    )


def test_next_and_previous_match(page: Page, ui_library: Library) -> None:
    starts = [one["start"] for one in look_at_cups(page, ui_library, 1.5)]
    page.keyboard.press("n")
    until_at(page, starts[1])
    page.get_by_label("Next match").click()
    until_at(page, starts[2])
    page.keyboard.press("p")
    until_at(page, starts[1])
    page.locator("ms-matches a").nth(20).click()
    until_at(page, starts[20])
    expect(page.locator("ms-matches a[aria-current]")).to_have_count(1)
    expect(page.locator("ms-matches a").nth(20)).to_have_attribute("aria-current", "true")


def test_frames_one_by_one(page: Page, ui_library: Library) -> None:
    look(page, ui_library.ids["kitchen.mp4"], 1)
    pictures = []
    for key in (".", ".", ","):
        before = seconds_of(page)
        page.keyboard.press(key)
        until(lambda before=before: abs(seconds_of(page) - before) > 0.001 and ready(page))  # type: ignore[misc]
        pictures.append(round(seconds_of(page) * 25 - 0.5, 1))
    # In the middle of the frames 26, 27 and 26 of 25 in a second.
    assert pictures == [26, 27, 26]


def test_the_line_can_be_dragged(page: Page, server: Server, ui_library: Library) -> None:
    shown = look_at_cups(page, ui_library)
    left, top, width, _ = rectangle(page.locator("ms-timeline .lane .line"))
    page.mouse.move(left + width / 2, top + 1)
    page.mouse.down()
    page.mouse.move(left + width / 2, top - 60, steps=6)
    page.mouse.up()
    line: float = page.evaluate("() => document.querySelector('ms-timeline').line")
    assert line > 60
    assert spans(page) == [one for one in shown if one["score"] >= line]
    until(lambda: address(page).get("score") == str(round(line)), what="the address")
    # A drag of the line is no seek.
    assert seconds_of(page) == 0


def test_the_line_moves_by_keys_and_nearly_matching_stretches_join(
    page: Page, server: Server, ui_library: Library
) -> None:
    shown = look_at_cups(page, ui_library)
    curve = curve_of(
        server,
        search(server, media_id=ui_library.ids["cup.webp"])["query_id"],
        ui_library.ids["carousel.mp4"],
    )
    slider = page.locator("ms-timeline .line-at")
    slider.focus()
    page.keyboard.press("End")
    until(lambda: spans(page) == [one for one in shown if one["score"] >= 100])
    expect(page.locator("ms-matches .count")).to_have_text(re.compile("^0 matches|^[0-9]+ match"))
    page.keyboard.press("Home")
    until(lambda: len(spans(page)) >= len(shown))
    line = page.evaluate("() => document.querySelector('ms-timeline').line")
    assert line == 1
    below = [one for one in spans(page) if one not in shown]
    # What joins is where the curve reaches the line, outside all matches.
    reached = [
        start for start, score in zip(curve["best"]["start_seconds"], curve["best"]["score"], strict=True)
        if score >= line and not any(one["start"] <= start < one["end"] for one in shown)
    ]  # fmt: skip
    assert bool(below) == bool(reached)
    for one in below:
        assert any(one["start"] <= start < one["end"] for start in reached)
        assert one["confidence"] in ("none", "low")


@pytest.fixture(scope="session")
def moving(server: Server, ui_library: Library) -> tuple[list[float], Segment]:
    """A box of the still and a stretch of kitchen.mp4 that it is found in, over which the match moves."""
    cup = ui_library.ids["cup.webp"]
    boxes = httpx.get(f"{server.url}/v1/media/{cup}/boxes", trust_env=False).json()["data"]
    for box in boxes:
        corners = ",".join(map(str, box["box_xyxy"]))
        for one in search(server, media_id=cup, box=corners)["segments"]:
            if one["media"] == "kitchen.mp4" and len({tuple(at["box_xyxy"]) for at in one["path"]}) > 1:
                return box["box_xyxy"], one
    raise AssertionError("nothing that moves is found in kitchen.mp4")


def where(segment: Segment, seconds: float) -> list[float]:
    """The box between its known places, as the page should show it; in percent."""
    path = segment["path"]
    after = next((index for index, at in enumerate(path) if at["seconds"] > seconds), len(path))
    one, other = path[max(0, after - 1)], path[min(len(path) - 1, after)]
    gap = other["seconds"] - one["seconds"]
    share = min(1, max(0, (seconds - one["seconds"]) / gap)) if gap else 0
    sides = [a + (b - a) * share for a, b in zip(one["box_xyxy"], other["box_xyxy"], strict=True)]
    return [100 * sides[0], 100 * sides[1], 100 * (sides[2] - sides[0]), 100 * (sides[3] - sides[1])]


def match_shown(page: Page) -> tuple[float, list[float] | None]:
    """Time, and left, top, width and height of the matched box in percent."""
    seconds, sides = page.evaluate(
        """() => {
          const { hidden, style } = document.querySelector('ms-overlay .match');
          const sides = [style.left, style.top, style.width, style.height].map(parseFloat);
          return [document.querySelector('ms-player').seconds, hidden ? null : sides];
        }"""
    )
    return seconds, sides


def test_the_matched_box_moves(page: Page, ui_library: Library, moving: tuple[list[float], Segment]) -> None:
    box, segment = moving
    path = segment["path"]
    first = next(index for index in range(1, len(path)) if path[index]["box_xyxy"] != path[0]["box_xyxy"])
    look(
        page, ui_library.ids["kitchen.mp4"], path[first - 1]["seconds"],
        media=ui_library.ids["cup.webp"], box=",".join(map(str, box)),
    )  # fmt: skip
    until(lambda: match_shown(page)[1] is not None, 20, "the matched box")
    seen = {}
    page.keyboard.press(" ")

    def watch() -> bool:
        seconds, sides = match_shown(page)
        if sides is not None and seconds < segment["end_seconds"]:
            assert sides == pytest.approx(where(segment, seconds), abs=0.1)
            seen[seconds] = tuple(sides)
        return len(set(seen.values())) >= 3

    until(watch, 20, "the box to move")
    assert page.locator("ms-player .here").inner_text().startswith(segment["confidence"])


def test_a_paused_picture_shows_its_boxes_and_a_click_searches(
    page: Page, server: Server, ui_library: Library
) -> None:
    space = ui_library.ids["space.mp4"]
    look(page, space, 1)
    boxes = boxes_shown(page)
    expect(boxes.first).to_be_visible()
    page.keyboard.press(" ")
    expect(boxes).to_have_count(0)
    page.locator("ms-overlay").click(position={"x": 4, "y": 4})
    until(lambda: page.evaluate("() => !document.querySelector('ms-player').playing"))
    expect(boxes.first).to_be_visible()
    until(lambda: "t" in address(page))
    at = seconds_of(page)
    stored = httpx.get(
        f"{server.url}/v1/media/{space}/boxes", params={"at_seconds": at}, trust_env=False
    ).json()["data"]
    faces = [one for one in stored if one["kind"] == "face"]
    assert len(faces) == 1
    face = page.get_by_role("button", name=re.compile("^face 1: search"))
    left, top, width, height = rectangle(page.locator("ms-overlay"))
    x, y, *_ = rectangle(face)
    assert (x - left) / width == pytest.approx(faces[0]["box_xyxy"][0], abs=0.01)
    assert (y - top) / height == pytest.approx(faces[0]["box_xyxy"][1], abs=0.01)
    face.click()
    expect(page.locator("ms-viewer")).to_be_hidden()
    said = address(page)
    assert (said["media"], said["mode"]) == (space, "face")
    assert float(said["at"]) == pytest.approx(at, abs=0.001)
    assert [float(side) for side in said["box"].split(",")] == pytest.approx(faces[0]["box_xyxy"], abs=1e-4)
    found = answered(page)
    same = search(server, media_id=space, at_seconds=said["at"], box=said["box"], mode="face")
    assert_same(found, same)
    chain = page.evaluate("() => history.state.crumbs")
    assert [one["name"] for one in chain] == [f"face 1 in space.mp4 at 0:0{at:.1f}"]
    page.go_back()
    expect(page.locator("ms-viewer")).to_be_visible()
    until_at(page, at)


def test_breadcrumbs_keep_the_chain(page: Page, ui_library: Library) -> None:
    look(page, ui_library.ids["cup.webp"])
    boxes_shown(page).last.click()
    answered(page)
    first = page.url
    page.evaluate(
        """async (mediaId) => {
          const { go } = await import('/ui/place.js');
          go({ watch: { mediaId, seconds: 1 } });
        }""",
        ui_library.ids["kitchen.mp4"],
    )
    boxes_shown(page).last.click()
    expect(page.locator("ms-viewer")).to_be_hidden()
    chain = page.evaluate("() => history.state.crumbs")
    assert [one["address"] for one in chain] == [urlsplit(one)._replace(scheme="", netloc="").geturl()
                                                 for one in (first, page.url)]  # fmt: skip
    assert "cup.webp" in chain[0]["name"] and "kitchen.mp4 at 0:01.0" in chain[1]["name"]
    page.go_back()
    page.go_back()
    until(lambda: page.evaluate("() => location.href") == first)


def test_a_drag_draws_a_box_and_searches_for_it(page: Page, server: Server, ui_library: Library) -> None:
    kitchen = ui_library.ids["kitchen.mp4"]
    look(page, kitchen, 0.5)
    expect(boxes_shown(page).first).to_be_visible()
    left, top, width, height = rectangle(page.locator("ms-overlay"))
    assert width / height == pytest.approx(4 / 3, abs=0.01)
    page.mouse.move(left + 0.2 * width, top + 0.3 * height)
    page.mouse.down()
    page.mouse.move(left + 0.75 * width, top + 0.8 * height, steps=6)
    expect(page.locator("ms-overlay .drawn")).to_be_visible()
    page.mouse.up()
    expect(page.locator("ms-viewer")).to_be_hidden()
    said = address(page)
    assert [float(side) for side in said["box"].split(",")] == pytest.approx([0.2, 0.3, 0.75, 0.8], abs=0.01)
    assert said["mode"] == "object"
    found = answered(page)
    same = search(server, media_id=kitchen, at_seconds=said["at"], box=said["box"], mode="object")
    assert found["segments"]
    assert_same(found, same)


def test_a_finger_draws_a_box(browser: Any, server: Server, ui_library: Library) -> None:
    with browser.new_context(
        base_url=server.url, viewport={"width": 390, "height": 844}, has_touch=True
    ) as context:
        page = context.new_page()
        look(page, ui_library.ids["cup.webp"])
        expect(boxes_shown(page).first).to_be_visible()
        left, top, width, height = rectangle(page.locator("ms-overlay"))
        touch = touches(page)
        touch("touchStart", (left + 0.1 * width, top + 0.2 * height))
        for step in range(1, 6):
            touch("touchMove", (left + (0.1 + 0.1 * step) * width, top + (0.2 + 0.1 * step) * height))
        touch("touchEnd")
        expect(page.locator("ms-viewer")).to_be_hidden()
        sides = [float(side) for side in address(page)["box"].split(",")]
        assert sides == pytest.approx([0.1, 0.2, 0.6, 0.7], abs=0.02)


def touches(page: Page) -> Callable[..., None]:
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        down = [{"x": x, "y": y, "id": index} for index, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": down})

    return touch


def test_two_fingers_bring_the_timeline_closer(browser: Any, server: Server, ui_library: Library) -> None:
    with browser.new_context(
        base_url=server.url, viewport={"width": 390, "height": 844}, has_touch=True
    ) as context:
        page = context.new_page()
        look(page, ui_library.ids["carousel.mp4"])
        page.locator("ms-timeline .lane").scroll_into_view_if_needed()
        left, top, width, height = rectangle(page.locator("ms-timeline .lane"))
        y = top + height / 2
        touch = touches(page)
        touch("touchStart", (left + 0.4 * width, y), (left + 0.6 * width, y))
        for step in range(1, 7):
            apart = 0.1 + 0.05 * step
            touch("touchMove", (left + (0.5 - apart) * width, y), (left + (0.5 + apart) * width, y))
        touch("touchEnd")
        view = page.evaluate("() => document.querySelector('ms-timeline').view")
        assert view["to"] - view["from"] == pytest.approx(LENGTH / 4, rel=0.15)
        assert (view["to"] + view["from"]) / 2 == pytest.approx(LENGTH / 2, abs=2)


def test_a_box_by_keys_alone(page: Page, ui_library: Library) -> None:
    look(page, ui_library.ids["kitchen.mp4"], 0.5)
    page.keyboard.press("d")
    expect(page.locator("ms-overlay .drawn")).to_be_focused()
    for key in ("ArrowLeft", "ArrowUp", "Shift+ArrowRight", "Shift+ArrowDown"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    expect(page.locator("ms-viewer")).to_be_hidden()
    sides = [float(side) for side in address(page)["box"].split(",")]
    assert sides == pytest.approx([0.28, 0.28, 0.7, 0.7], abs=0.001)


def test_escape_closes_and_the_focus_goes_back(page: Page, ui_library: Library) -> None:
    page.goto(f"/?media={ui_library.ids['cup.webp']}")
    answered(page)
    link = page.locator("ms-app > header nav a").first
    link.focus()
    page.evaluate(
        "async (mediaId) => (await import('/ui/place.js')).go({ watch: { mediaId, seconds: 0 } })",
        ui_library.ids["kitchen.mp4"],
    )
    viewer = page.locator("ms-viewer")
    expect(viewer).to_be_visible()
    assert page.evaluate("() => document.activeElement.closest('ms-viewer') !== null")
    # What lies under it cannot be reached.
    expect(page.locator("ms-app > main")).to_have_attribute("inert", "")
    page.keyboard.press("d")
    page.keyboard.press("Escape")
    expect(page.locator("ms-overlay .drawn")).to_be_hidden()
    expect(viewer).to_be_visible()
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    expect(link).to_be_focused()
    assert "watch" not in address(page)
    page.go_back()
    expect(viewer).to_be_visible()
    page.get_by_label("Close the viewer").click()
    expect(viewer).to_be_hidden()


def test_in_and_out_make_a_clip(page: Page, ui_library: Library) -> None:
    look(page, ui_library.ids["kitchen.mp4"], 1)
    page.keyboard.press("i")
    page.locator("ms-timeline input.seek").evaluate(
        "(input) => { input.value = '2'; input.dispatchEvent(new Event('input', { bubbles: true })); }"
    )
    until_at(page, 2)
    page.keyboard.press("o")
    link = page.get_by_role("link", name="Save 0:01.0 – 0:02.0")
    with page.expect_download(timeout=60_000) as download:
        link.click()
    assert Path(download.value.path()).read_bytes()[4:8] == b"ftyp"
    page.get_by_label("Forget in and out").click()
    expect(link).to_be_hidden()


def test_all_matches_are_played_one_after_another(page: Page, ui_library: Library) -> None:
    page.goto("/")
    kitchen, space = ui_library.ids["kitchen.mp4"], ui_library.ids["space.mp4"]
    page.evaluate(
        """async (segments) => {
          const { bus, PLAY_ALL } = await import('/ui/events.js');
          bus.dispatchEvent(new CustomEvent(PLAY_ALL, { detail: { segments } }));
        }""",
        [
            {"media_id": media_id, "media_type": "video", "start_seconds": start, "end_seconds": start + 0.6}
            for media_id, start in ((kitchen, 1.0), (kitchen, 3.5), (space, 2.0))
        ],
    )
    reel = page.locator("ms-viewer .reel")
    expect(reel).to_contain_text("Playing match 1 of 3")
    expect(reel).to_contain_text("Playing match 2 of 3")
    assert address(page)["watch"] == kitchen
    expect(reel).to_contain_text("Playing match 3 of 3")
    until(lambda: address(page)["watch"] == space)
    expect(reel).to_be_hidden()
    assert 2.5 <= seconds_of(page) < 3.5


def test_a_format_that_browsers_do_not_play_is_shown_in_single_frames(
    own_page: Page, own_server: Server, tmp_path: Path
) -> None:
    path = write_video(
        tmp_path / "old.avi", [textured(seed, (160, 120)) for seed in range(20)], codec="mpeg4", fps=10
    )
    made = httpx.post(
        f"{own_server.url}/v1/media",
        params={"name": path.name},
        content=path.read_bytes(),
        timeout=60,
        trust_env=False,
    )
    assert made.is_success, made.text

    def media() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(
            f"{own_server.url}/v1/media?name_contains=old.avi", trust_env=False
        ).json()["data"]
        return found

    until(lambda: [one["status"] for one in media()] == ["indexed"], 60, "old.avi to be indexed")
    look(own_page, media()[0]["id"], 0.5)
    expect(own_page.locator("ms-player .notice")).to_contain_text("cannot play this format")
    frame = own_page.locator("ms-player img.picture")
    expect(frame).to_have_attribute("src", re.compile("at_seconds=0.5&"))
    own_page.mouse.click(*point_at(own_page, 0.75))
    expect(frame).to_have_attribute("src", re.compile("at_seconds=1.[45]"))
    until_at(own_page, 1.5)
    expect(own_page.locator("ms-player [data-act=play]")).to_be_hidden()


@pytest.mark.parametrize("name", [MARKUP, RIGHT_TO_LEFT, LONG], ids=["markup", "right_to_left", "long"])
@pytest.mark.parametrize("width", [360, 1280])
def test_awkward_names(page: Page, ui_library: Library, name: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    look(page, ui_library.ids[name])
    expect(page.locator("ms-viewer header .name")).to_have_text(name)
    assert page.evaluate("() => document.title").startswith(name)
    assert page.locator("ms-viewer header img").count() == 0
    viewer = page.locator("ms-viewer")
    assert viewer.evaluate("(viewer) => viewer.scrollWidth <= viewer.clientWidth")
    x, _, size, _ = rectangle(page.get_by_role("button", name="Copy link"))
    assert x + size <= width


def test_what_is_not_there_is_said(page: Page, complaints: Any) -> None:
    complaints.expect("404")
    page.goto("/?watch=0123456789abcdef0123456789abcdef&t=3")
    failed = page.locator("ms-viewer .failed")
    expect(failed).to_be_visible()
    expect(failed.get_by_role("button", name="Try again")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("ms-viewer")).to_be_hidden()
    assert json.loads(page.evaluate("() => JSON.stringify(history.state.crumbs)")) == []
