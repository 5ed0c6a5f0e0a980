"""From upload to exported clip with the keyboard alone."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import httpx
from playwright.sync_api import FileChooser, Page, expect

from tests.support.library import until
from tests.support.server import Server

FARTHEST = 120
"""Tabs from anywhere to anything on the page."""


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the focus is on what is called so, as somebody would who cannot point. Wherever it
    stands on the way, that can be seen."""
    for _ in range(FARTHEST):
        page.keyboard.press("Tab")
        called, outlined = page.evaluate(
            """() => {
                const on = document.activeElement;
                if (on === document.body) return ['', 'solid'];
                const labels = [...(on.labels ?? [])].map((label) => label.innerText).join(' ');
                const shown = on.type === 'file' ? on.closest('.button, .drop, label') ?? on : on;
                return [on.ariaLabel || labels || on.innerText || '', getComputedStyle(shown).outlineStyle];
            }"""
        )
        assert outlined != "none", called
        if name in called:
            return
    raise AssertionError(f"{FARTHEST} times Tab do not come to {name!r}")


def test_from_upload_to_clip(own_page: Page, own_server: Server, cup_picture: Path) -> None:
    page, keys = own_page, own_page.keyboard
    # Heard from the start: a listener takes a moment until the browser knows of it.
    asked: list[FileChooser] = []
    page.on("filechooser", lambda chooser: asked.append(chooser))
    page.goto("/")
    tab_to(page, "Library")
    keys.press("Enter")
    tab_to(page, "Choose files")
    keys.press("Enter")
    until(lambda: page.evaluate("true") and asked)
    asked[0].set_files(cup_picture)
    row = page.locator("ms-media-row").filter(has_text=cup_picture.name)
    expect(row.locator(".status .word")).to_have_text("Indexed", timeout=60_000)

    tab_to(page, f"Find similar: search for things like {cup_picture.name}")
    keys.press("Enter")
    cards = page.locator("ms-card")
    expect(cards.nth(1)).to_be_visible()
    tab_to(page, "All")
    keys.press("ArrowRight")
    expect(page).to_have_url(re.compile("only=video"))
    expect(page.locator("ms-results")).to_have_attribute("aria-busy", "false")
    tab_to(page, cards.first.locator(".name").inner_text())
    first = page.evaluate("document.activeElement.closest('ms-card').segment")
    keys.press("m")
    expect(page.locator("ms-selection .count")).to_contain_text("1 moment marked")
    tab_to(page, "Export as")
    # Typing chooses: the clip that is right to the frame is the first.
    keys.type("Clips, e")
    tab_to(page, "Export")
    with page.expect_download() as coming:
        keys.press("Enter")
    with zipfile.ZipFile(io.BytesIO(Path(coming.value.path()).read_bytes())) as archive:
        [clip] = [name for name in archive.namelist() if name.endswith(".mp4")]
        assert clip.endswith(".mp4") and len(archive.read(clip)) > 1000
        assert Path(first["media"]).stem in clip

    found = httpx.get(
        f"{own_server.url}/v1/media", params={"name_contains": cup_picture.name}, trust_env=False
    ).json()["data"]
    # The library has a cup of its own; the file of this name is the one that was uploaded.
    assert [one["status"] for one in found] == ["indexed"]

    # And back: what is open closes with Escape, and the moment opens with Enter.
    page.keyboard.press("Escape")
    tab_to(page, "Skip to the results")
    keys.press("Enter")
    tab_to(page, first["media"])
    keys.press("Enter")
    expect(page.locator("ms-viewer")).to_be_visible()
    keys.press("Escape")
    expect(page.locator("ms-viewer")).to_be_hidden()


def test_the_list_of_keys(page: Page, server: Server) -> None:
    page.goto("/?view=library")
    dialog = page.get_by_role("dialog", name="Keys")
    field = page.get_by_placeholder("Part of a name")
    field.press("?")
    expect(field).to_have_value("?")
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Keys (?)").click()
    expect(dialog).to_contain_text("previous match, next match")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("button", name="Keys (?)")).to_be_focused()

    page.goto(f"/?watch={server.library.ids['kitchen.mp4']}")
    expect(page.locator("ms-viewer")).to_be_visible()
    page.keyboard.press("?")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.locator("ms-viewer")).to_be_visible()
