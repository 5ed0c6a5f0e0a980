"""The timeline with ten hours of made data, and the arithmetic under it. How fast: see bench/timeline."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from bench.timeline import CUTS, HOURS, MADE, POINTS, SPANS
from bench.timeline.__main__ import heap_mb, measure
from tests.support.library import until

DURATION = HOURS * 3600


@pytest.fixture
def timeline(page: Page) -> Page:
    """A page that holds nothing but a timeline of ten hours."""
    page.goto("/")
    page.evaluate(MADE, {"hours": HOURS, "spans": SPANS, "points": POINTS, "cuts": CUTS})
    return page


def view(page: Page) -> tuple[float, float]:
    found = page.evaluate("() => window.timeline.view")
    return found["from"], found["to"]


def lane(page: Page) -> tuple[float, float, float, float]:
    box = page.locator("ms-timeline .lane").bounding_box()
    assert box is not None
    return box["x"] + 1, box["y"] + 1, box["width"] - 2, box["height"] - 2


def pixels(page: Page, y: int) -> list[list[int]]:
    """A row of the lane, as it is drawn: by column red, green, blue and alpha. ``y`` below 0: from below."""
    flat: list[int] = page.evaluate(
        """(y) => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => {
          const canvas = document.querySelector('ms-timeline .lane canvas');
          const { width, height } = canvas;
          const copy = new OffscreenCanvas(width, 1).getContext('2d', { willReadFrequently: true });
          copy.drawImage(canvas, 0, y < 0 ? -(height + y) : -y);
          resolve([...copy.getImageData(0, 0, width, 1).data]);
        })))""",
        y,
    )
    return [flat[at : at + 4] for at in range(0, len(flat), 4)]


def module(page: Page, path: str, code: str) -> Any:
    """What an expression over a module ``m`` of the page gives."""
    return page.evaluate(f"async () => {{ const m = await import('/ui/lib/{path}'); return {code}; }}")


def test_ten_hours_zoom_to_seconds_without_more_elements(timeline: Page) -> None:
    assert timeline.evaluate("() => window.timeline.spans.length") == SPANS
    elements = timeline.locator("ms-timeline *").count()
    assert view(timeline) == (0, DURATION)
    left, top, width, _ = lane(timeline)
    timeline.mouse.move(left + width * 0.25, top + 60)
    for _ in range(60):
        timeline.mouse.wheel(0, -120)
    from_, to = view(timeline)
    assert to - from_ < 10
    # What was under the pointer still is.
    assert from_ + 0.25 * (to - from_) == pytest.approx(DURATION / 4, abs=60)
    timeline.keyboard.press("Tab")
    assert timeline.locator("ms-timeline *").count() == elements
    timeline.get_by_role("button", name="All of it").click()
    assert view(timeline) == (0, DURATION)


def test_what_is_drawn_is_what_is_there(timeline: Page) -> None:
    timeline.evaluate("() => window.timeline.zoom(120 / 36000, 7200)")
    columns = [alpha > 0 for *_, alpha in pixels(timeline, -2)]
    from_, to = view(timeline)
    spans = timeline.evaluate("() => window.timeline.spans")
    for index in range(0, len(columns), 7):
        start, end = (from_ + (to - from_) * at / len(columns) for at in (index, index + 1))
        # Hatched ones leave gaps inside; outside of all spans there is nothing at all.
        if columns[index]:
            assert any(one["start"] < end and one["end"] > start for one in spans), (start, end)
    assert any(columns)


def test_seeking_and_scrolling_while_close(timeline: Page) -> None:
    timeline.evaluate("() => window.timeline.zoom(600 / 36000, 18000)")
    from_, to = view(timeline)
    left, top, width, _ = lane(timeline)
    timeline.mouse.click(left + width * 0.5, top + 60)
    seconds = timeline.evaluate("() => window.timeline.seconds")
    assert seconds == pytest.approx((from_ + to) / 2, abs=2)
    timeline.mouse.wheel(300, 0)
    later, _ = view(timeline)
    assert later > from_
    # The strip of the whole leads anywhere.
    strip = timeline.locator("ms-timeline .overview").bounding_box()
    assert strip is not None
    timeline.mouse.click(strip["x"] + strip["width"] * 0.9, strip["y"] + 10)
    from_, to = view(timeline)
    assert (from_ + to) / 2 == pytest.approx(0.9 * DURATION, rel=0.01)
    assert to - from_ == pytest.approx(600, rel=0.01)
    slider = timeline.get_by_label("Time", exact=True)
    slider.focus()
    timeline.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "0 seconds")


def test_the_line_leaves_the_surer_ones(timeline: Page) -> None:
    slider = timeline.locator("ms-timeline .line-at")
    slider.fill("84")
    confidences = timeline.evaluate("() => window.timeline.spans.map(({ confidence }) => confidence)")
    assert set(confidences) == {"high"}
    assert len(confidences) == timeline.evaluate(
        "() => window.timeline.data.segments.filter(({ score }) => score >= 84).length"
    )
    slider.fill("10")
    joined = timeline.evaluate("() => window.timeline.spans.filter(({ segment }) => !segment)")
    assert joined and all(one["score"] >= 10 for one in joined)


def test_colours_follow_the_system(timeline: Page) -> None:
    def ruler() -> int:
        """How light the line under the times is."""
        return sum(pixels(timeline, 21)[0][:3])

    light = ruler()
    timeline.emulate_media(color_scheme="dark")
    until(lambda: ruler() < light / 2, what="dark colours")


def test_how_it_moves_is_printed(timeline: Page) -> None:
    found = measure(timeline, "scroll, an hour to see", 1.0)
    print(f"{found}; heap {heap_mb(timeline):.1f} MB")
    assert found.frames_per_second > 0
    from_, to = view(timeline)
    assert to - from_ == pytest.approx(3600, rel=0.01)


def test_columns(page: Page) -> None:
    page.goto("/")
    nothing = module(page, "series.js", "[...m.columns(m.EMPTY, 0, 10, 4)]")
    assert nothing == [0, 0, 0, 0]
    # Unsorted; a stretch far shorter than a column is still seen; the end is open.
    code = "[...m.columns(m.seriesOf([8, 0, 4.99], [9, 2.5, 4.991], [3, 5, 7]), 0, 10, 4)]"
    assert module(page, "series.js", code) == [5, 7, 0, 3]
    # A long one that began before what is visible.
    code = "[...m.columns(m.seriesOf([0, 1, 2], [100, 1.5, 2.5], [1, 9, 9]), 50, 60, 2)]"
    assert module(page, "series.js", code) == [1, 1]


def test_views(page: Page) -> None:
    page.goto("/")
    assert module(page, "view.js", "m.zoom(m.whole(100), 0.1, 50)") == {"from": 45, "to": 55, "duration": 100}
    assert module(page, "view.js", "m.zoom(m.whole(100), 0.1, 0)") == {"from": 0, "to": 10, "duration": 100}
    assert module(page, "view.js", "m.zoom(m.whole(100), 5, 50)") == {"from": 0, "to": 100, "duration": 100}
    shortest = module(page, "view.js", "m.zoom(m.whole(100), 1e-9, 50)")
    assert shortest["to"] - shortest["from"] == pytest.approx(0.5)
    assert module(page, "view.js", "m.pan(m.zoom(m.whole(100), 0.1, 50), 1000)")["to"] == 100
    assert module(page, "view.js", "m.ticks(m.whole(100), 12)") == {
        "seconds": [0, 15, 30, 45, 60, 75, 90], "digits": 0,
    }  # fmt: skip


def test_boxes_between_places(page: Page) -> None:
    page.goto("/")
    path = "[{ seconds: 1, box_xyxy: [0, 0, 1, 1] }, { seconds: 3, box_xyxy: [0, 0, 0, 1] }]"
    at = [module(page, "path.js", f"m.boxAt({path}, {seconds})") for seconds in (0, 1, 2, 3, 9)]
    assert at == [[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0.5, 1], [0, 0, 0, 1], [0, 0, 0, 1]]
    assert module(page, "path.js", "m.boxAt([], 1)") is None


def test_storyboards(page: Page) -> None:
    page.goto("/")
    text = (
        "WEBVTT\\n\\n00:00:00.000 --> 00:00:01.500\\nsprite_000.jpg#xywh=0,0,160,90\\n\\n"
        "01:00:01.500 --> 01:00:03.000\\nsprite_001.jpg#xywh=160,90,160,90\\n"
    )
    cues = module(page, "storyboard.js", f"m.readStoryboard('{text}', '/v1/media/x/')")
    assert [(one["start"], one["sheet"], one["x"]) for one in cues] == [
        (0, "/v1/media/x/sprite_000.jpg", 0), (3601.5, "/v1/media/x/sprite_001.jpg", 160),
    ]  # fmt: skip
    assert module(page, "storyboard.js", "m.cueAt([], 3)") is None
