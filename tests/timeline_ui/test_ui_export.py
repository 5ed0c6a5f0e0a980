"""What can be done with matches: marked, taken away in every form, played, and passed on as a link."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import av
import httpx
import pytest
from playwright.sync_api import Browser, Download, Page, Route, expect

from tests.support.server import Server

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("ui_export")]

LENGTH = {"exact": 0.05, "copy": 6.0}


def find_cups(page: Page, server: Server) -> None:
    """The coffee of kitchen.mp4, in all files but that one's own moment."""
    page.goto(f"/?media={server.library.ids['cup.webp']}&only=video&name=kitchen")
    expect(page.locator("ms-card")).not_to_have_count(0)


def mark_all(page: Page) -> int:
    page.locator("ms-selection").get_by_role("button", name="Mark all").click()
    expect(page.locator("ms-selection form")).to_be_visible()
    return page.locator("ms-card").count()


def export(page: Page, kind: str) -> Download:
    page.get_by_label("Export as").select_option(kind)
    with page.expect_download() as coming:
        page.get_by_role("button", name="Export", exact=True).click()
    expect(page.locator(".told").get_by_text("is in your downloads").first).to_be_visible()
    return coming.value


def content(download: Download) -> bytes:
    return Path(download.path()).read_bytes()


def seconds(video: bytes) -> float:
    with av.open(io.BytesIO(video)) as container:
        assert container.duration is not None
        return container.duration / av.time_base


def test_clips_are_cut(page: Page, server: Server) -> None:
    find_cups(page, server)
    number = mark_all(page)
    expect(page.locator("ms-selection .count")).to_contain_text(f"{number} moment")
    segments = segments_of(page, server)
    for how in ("exact", "copy"):
        download = export(page, how)
        assert download.suggested_filename.endswith(".zip")
        with zipfile.ZipFile(io.BytesIO(content(download))) as archive:
            clips = [name for name in archive.namelist() if name.endswith((".mp4", ".mkv"))]
            assert len(clips) == number
            length = segments[0]["end_seconds"] - segments[0]["start_seconds"]
            assert seconds(archive.read(clips[0])) == pytest.approx(length, abs=LENGTH[how])


def segments_of(page: Page, server: Server) -> list[dict[str, float]]:
    given = parse_qs(urlsplit(page.url).query)
    fields = {"media_id": given["media"][0], "only": "video", "name_contains": "kitchen", "at_seconds": "0"}
    answer = httpx.post(f"{server.url}/v1/search", data=fields, timeout=60, trust_env=False).json()
    found: list[dict[str, float]] = answer["segments"]
    return found


def test_a_reel_is_made_of_what_is_marked(page: Page, server: Server) -> None:
    find_cups(page, server)
    page.locator("ms-card input[type=checkbox]").first.check(force=True)
    expect(page.locator("ms-selection .count")).to_contain_text("1 moment marked")
    download = export(page, "reel")
    assert download.suggested_filename == "reel.mp4"
    [first, *_] = segments_of(page, server)
    assert seconds(content(download)) == pytest.approx(first["end_seconds"] - first["start_seconds"], abs=0.2)


def _csv(text: str) -> bool:
    return next(csv.DictReader(io.StringIO(text)))["media"] == "kitchen.mp4"


FORMS: dict[str, Callable[[str], bool]] = {
    "csv": _csv,
    "json": lambda text: json.loads(text)["segments"][0]["media"] == "kitchen.mp4",
    "srt": lambda text: "-->" in text,
    "vtt": lambda text: text.startswith("WEBVTT"),
    "edl": lambda text: text.startswith("TITLE"),
    "fcpxml": lambda text: "<fcpxml" in text and "kitchen" in text,
    "fcp7": lambda text: "<xmeml" in text and "kitchen" in text,
    "otio": lambda text: "OTIO_SCHEMA" in text,
}


def test_other_programs_get_what_they_read(page: Page, server: Server) -> None:
    find_cups(page, server)
    mark_all(page)
    for kind, is_right in FORMS.items():
        assert is_right(content(export(page, kind)).decode()), kind


def test_an_export_can_be_cancelled(browser: Browser, server: Server) -> None:
    held: list[Route] = []
    with browser.new_context(base_url=server.url) as context:
        page = context.new_page()
        page.route("**/v1/exports/clips", lambda route: held.append(route))
        find_cups(page, server)
        mark_all(page)
        page.get_by_role("button", name="Export", exact=True).click()
        expect(page.locator("ms-selection .making")).to_contain_text("Clips, exact")
        with page.expect_event("requestfailed") as ended:
            page.locator("ms-selection .making").get_by_role("button", name="Cancel").click()
        assert ended.value.url.endswith("/exports/clips")
        expect(page.locator(".told")).to_contain_text("The export was cancelled.")
        expect(page.get_by_role("button", name="Export", exact=True)).to_be_focused()
        held[0].abort()


def test_what_goes_wrong_is_told_with_a_way_to_try_again(browser: Browser, server: Server) -> None:
    refusal = {"code": "parameter_invalid", "message": "3700 s of clips were asked for; at most 3600 s."}
    with browser.new_context(base_url=server.url) as context:
        page = context.new_page()
        page.route("**/v1/exports/clips", lambda route: route.fulfill(status=400, json=refusal))
        find_cups(page, server)
        mark_all(page)
        page.get_by_role("button", name="Export", exact=True).click()
        told = page.locator(".told .error")
        expect(told).to_contain_text(refusal["message"])
        page.unroute("**/v1/exports/clips")
        with page.expect_download():
            told.get_by_role("button", name="Try again").click()


def test_marks_can_be_taken_back(page: Page, server: Server) -> None:
    find_cups(page, server)
    mark_all(page)
    page.locator("ms-selection").get_by_role("button", name="Unmark all").click()
    expect(page.locator("ms-card input:checked")).to_have_count(0)
    expect(page.locator("ms-selection form")).to_be_hidden()


def test_all_matches_are_played_one_after_another(page: Page, server: Server) -> None:
    page.goto(f"/?media={server.library.ids['cup.webp']}&only=video&name=carousel")
    expect(page.locator("ms-card")).not_to_have_count(0)
    page.locator("ms-selection").get_by_role("button", name="Play all").click()
    expect(page.locator("ms-viewer .which")).to_contain_text("Playing match 1 of")
    expect(page.locator("ms-viewer .which")).to_contain_text("Playing match 2 of")
    assert parse_qs(urlsplit(page.url).query)["watch"] == [server.library.ids["carousel.mp4"]]


def test_a_copied_link_opens_the_same_again(browser: Browser, server: Server) -> None:
    with browser.new_context(
        base_url=server.url, permissions=["clipboard-read", "clipboard-write"]
    ) as context:
        page = context.new_page()
        find_cups(page, server)
        page.locator("ms-selection").get_by_role("button", name="Copy link").click()
        expect(page.locator(".told")).to_contain_text("The link is copied.")
        link = page.evaluate("navigator.clipboard.readText()")
        assert link == page.url
        cards = page.locator("ms-card .name").all_inner_texts()
        other = context.new_page()
        other.goto(link)
        expect(other.locator("ms-card .name")).to_have_text(cards)
