"""The library's view: what is in it, ways into it, work that goes on, notes, and taking things out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.library import Library, until
from tests.support.media_factory import count_up, write_video
from tests.support.server import Server, serving
from tests.timeline_ui.conftest import LONG, MARKUP, RIGHT_TO_LEFT, WAIT_MS

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("ui_library")]

LIBRARY = "/?view=library"


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on the server that files may be registered from."""
    return tmp_path_factory.mktemp("films")


@pytest.fixture(scope="module")
def shelf(ui_library: Library, films: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose library these tests change, each by files of its own."""
    library = ui_library.copy(tmp_path_factory.mktemp("shelf"))
    with serving(library, server__media_roots=json.dumps([str(films)])) as running:
        yield running


@pytest.fixture
def shelf_page(browser: Browser, shelf: Server) -> Iterator[Page]:
    with browser.new_context(base_url=shelf.url, viewport={"width": 1280, "height": 800}) as context:
        context.set_default_timeout(WAIT_MS)
        yield context.new_page()


def media(server: Server, **query: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{server.url}/v1/media", params=query, timeout=30, trust_env=False).json()
    found: list[dict[str, Any]] = answer["data"]
    return found


def card(page: Page, name: str) -> Any:
    named = page.locator("h3", has_text=re.compile(f"^\\s*{re.escape(name)}"))
    return page.locator("ms-media-row").filter(has=named)


def choose(page: Page, *paths: Path) -> None:
    page.locator("ms-upload input[type=file]").set_input_files([str(path) for path in paths])


def small_video(path: Path, frames: int = 12) -> Path:
    write_video(path, count_up(frames))
    return path


def noise(path: Path, size_bytes: int) -> Path:
    """No media, but large enough to be sent in several pieces."""
    path.write_bytes(bytes(range(256)) * (size_bytes // 256))
    return path


def test_files_are_listed_and_filtered(page: Page, server: Server) -> None:
    page.goto(LIBRARY)
    rows = page.locator("ms-media-row")
    expect(rows).to_have_count(len(media(server)))
    expect(page.locator("ms-library .facts")).to_contain_text("4 videos")
    page.get_by_placeholder("Part of a name").fill("kit")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("kitchen.mp4")
    page.get_by_placeholder("Part of a name").fill("")
    page.get_by_label("Type").select_option("image")
    expect(rows).to_have_count(len(media(server, media_type="image")))
    page.get_by_label("Status").select_option("failed")
    expect(rows).to_have_count(0)
    expect(page.locator("ms-library .found")).to_have_text("No file of the library is like this.")


def test_pages_follow_one_another(page: Page, server: Server) -> None:
    """Two files a page, as if there were many more."""
    def short(route: Route) -> None:
        route.continue_(url=re.sub(r"limit=\d+", "limit=2", route.request.url))

    page.route("**/v1/media?*", short)
    page.goto(LIBRARY)
    names = page.locator("ms-media-row h3")
    expect(names).to_have_count(len(media(server)))
    assert names.all_inner_texts() == [one["name"].strip() for one in media(server)]


def test_grid_or_list_is_remembered(page: Page) -> None:
    page.goto(LIBRARY)
    page.get_by_role("button", name="List", exact=True).click()
    expect(page.locator("ul.media.list")).to_be_visible()
    page.reload()
    expect(page.locator("ul.media.list")).to_be_visible()
    expect(page.get_by_role("button", name="List", exact=True)).to_have_attribute("aria-pressed", "true")


def test_names_stay_names(page: Page) -> None:
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(LIBRARY)
        for name in (MARKUP, RIGHT_TO_LEFT, LONG.strip()):
            expect(page.get_by_role("link", name=name)).to_have_count(1)
        assert page.locator("ms-media-row img[src=x]").count() == 0
        assert page.title() == "momentseek"
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_chosen_file_is_uploaded_and_indexed(shelf_page: Page, shelf: Server, tmp_path: Path) -> None:
    shelf_page.goto(LIBRARY)
    choose(shelf_page, small_video(tmp_path / "new one.mp4"), noise(tmp_path / "noise.mp4", 4096))
    expect(card(shelf_page, "new one.mp4").locator(".status .word")).to_have_text("Indexed", timeout=60_000)
    expect(shelf_page.locator("ms-jobs .none")).to_be_visible()
    [added] = media(shelf, name_contains="new one")
    assert added["status"] == "indexed" and added["points"]
    # What is no media is refused, and why is said.
    failed = shelf_page.locator("ms-upload li.failed")
    expect(failed.locator("small")).to_contain_text("noise.mp4 is not a media file")
    assert media(shelf, name_contains="noise") == []


def test_a_dropped_file_is_uploaded(shelf_page: Page, shelf: Server, tmp_path: Path) -> None:
    small_video(tmp_path / "dropped.mp4", frames=18)
    shelf_page.goto(LIBRARY)
    shelf_page.locator("ul.media").wait_for()
    files = shelf_page.evaluate_handle(
        """(bytes) => {
            const all = new DataTransfer();
            all.items.add(new File([new Uint8Array(bytes)], 'dropped.mp4', { type: 'video/mp4' }));
            return all;
        }""",
        list((tmp_path / "dropped.mp4").read_bytes()),
    )
    shelf_page.locator("ul.media").dispatch_event("drop", {"dataTransfer": files})
    expect(shelf_page.locator("ms-upload li.done")).to_have_count(1)
    assert len(media(shelf, name_contains="dropped")) == 1


def test_an_upload_goes_on_after_a_lost_connection(
    shelf_page: Page, shelf: Server, tmp_path: Path
) -> None:
    begun: list[int] = []

    def lose_the_second(route: Route) -> None:
        if route.request.method == "PATCH":
            begun.append(int(route.request.url.rpartition("=")[2]))
            if len(begun) == 2:
                route.abort("connectionreset")
                return
        route.continue_()

    shelf_page.route("**/v1/uploads/**", lose_the_second)
    shelf_page.goto(LIBRARY)
    target = small_video(tmp_path / "long way.mp4", frames=24)
    # Bytes behind the film do not harm it.
    target.write_bytes(target.read_bytes() + b"\0" * 1_500_000)
    choose(shelf_page, target)
    expect(shelf_page.locator("ms-upload li.done")).to_have_count(1)
    assert begun.count(0) == 1
    # The piece that was lost is sent again, and nothing of those before it.
    assert begun[1] == begun[2] > 0
    assert begun[2:] == sorted(set(begun[2:]))
    [added] = media(shelf, name_contains="long way")
    assert added["size_bytes"] == target.stat().st_size


def test_an_upload_can_be_cancelled(shelf_page: Page, shelf: Server, tmp_path: Path) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == "PATCH":
            held.append(route)
        else:
            route.continue_()

    shelf_page.route("**/v1/uploads/**", hold)
    shelf_page.goto(LIBRARY)
    with shelf_page.expect_request(lambda request: request.method == "PATCH"):
        choose(shelf_page, noise(tmp_path / "unwanted.mp4", 600_000))
    with shelf_page.expect_response(lambda reply: reply.request.method == "DELETE") as gone:
        shelf_page.get_by_role("button", name="Cancel the upload of unwanted.mp4").click()
    assert gone.value.status == 204
    expect(shelf_page.locator("ms-upload li.cancelled")).to_contain_text("Cancelled")
    upload = gone.value.url.rpartition("/")[2]
    assert httpx.get(f"{shelf.url}/v1/uploads/{upload}", trust_env=False).status_code == 404
    for route in held:
        route.abort()


def test_a_file_on_the_server_is_added_by_its_path(shelf_page: Page, shelf: Server, films: Path) -> None:
    path = small_video(films / "there.mp4", frames=30)
    shelf_page.goto(LIBRARY)
    shelf_page.get_by_text("Add a file that lies on the server").click()
    field, add = shelf_page.get_by_label("Its path"), shelf_page.get_by_role("button", name="Add", exact=True)
    field.fill(str(films / "missing.mp4"))
    add.click()
    expect(shelf_page.locator(".told .error")).to_contain_text("not a file under one of the folders")
    field.fill(str(path))
    add.click()
    expect(shelf_page.locator(".told .info")).to_contain_text("there.mp4 has been added")
    expect(card(shelf_page, "there.mp4")).to_have_count(1)
    assert len(media(shelf, name_contains="there")) == 1


def test_a_running_job_is_shown_cancelled_and_tried_again(
    shelf_page: Page, shelf: Server, tmp_path: Path
) -> None:
    shelf_page.goto(LIBRARY)
    # Long enough that it still runs when the button is pressed.
    choose(shelf_page, write_video(tmp_path / "endless.mp4", count_up(1000), fps=4))
    job = shelf_page.locator("ms-jobs li").filter(has_text="endless.mp4")
    expect(job.locator("progress")).to_be_visible()
    shelf_page.get_by_role("button", name="Cancel the indexing of endless.mp4").first.click()
    expect(job).to_have_count(0)
    [row] = media(shelf, name_contains="endless")
    until(lambda: states(shelf, row["id"]) == ["cancelled"])
    card(shelf_page, "endless.mp4").get_by_role("button", name="Try again").click()
    expect(job).to_have_count(1)
    assert states(shelf, row["id"])[0] in ("queued", "running")
    httpx.delete(f"{shelf.url}/v1/media/{row['id']}", timeout=30, trust_env=False).raise_for_status()


def states(server: Server, media_id: str) -> list[str]:
    jobs = httpx.get(f"{server.url}/v1/jobs", params={"media_id": media_id}, trust_env=False).json()["data"]
    return [job["state"] for job in jobs]


def test_tags_and_notes_are_kept(shelf_page: Page, shelf: Server) -> None:
    shelf_page.goto(LIBRARY)
    shelf_page.get_by_role("button", name="Notes on kitchen.mp4").click()
    shelf_page.get_by_label("Tags, one a line").fill("morning\n<b>coffee</b>")
    shelf_page.get_by_label("Notes, one a line").fill("take 3")
    shelf_page.get_by_role("button", name="Save").click()
    expect(shelf_page.locator("dialog .wrong")).to_contain_text("take 3")
    shelf_page.get_by_label("Notes, one a line").fill("take: 3\nby: Ann: herself")
    shelf_page.get_by_role("button", name="Save").click()
    expect(card(shelf_page, "kitchen.mp4").locator(".tags li")).to_have_text(["<b>coffee</b>", "morning"])
    [row] = media(shelf, name_contains="kitchen")
    assert row["tags"] == ["<b>coffee</b>", "morning"]
    assert row["metadata"] == {"take": 3, "by": "Ann: herself"}
    # The way back: what is shown is what was kept.
    shelf_page.get_by_role("button", name="Notes on kitchen.mp4").click()
    expect(shelf_page.get_by_label("Notes, one a line")).to_have_value("take: 3\nby: Ann: herself")
    shelf_page.keyboard.press("Escape")
    shelf_page.get_by_placeholder("Tag", exact=True).fill("morning")
    expect(shelf_page.locator("ms-media-row")).to_have_count(1)


def test_a_file_is_removed_once_that_is_confirmed(shelf_page: Page, shelf: Server) -> None:
    shelf_page.goto(LIBRARY)
    media_id = shelf.library.ids["cup.webp"]
    shelf_page.get_by_role("button", name="Remove cup.webp").click()
    shelf_page.locator("dialog").get_by_role("button", name="Cancel").click()
    expect(shelf_page.locator("dialog")).to_have_count(0)
    expect(shelf_page.get_by_role("button", name="Remove cup.webp")).to_be_focused()
    assert httpx.get(f"{shelf.url}/v1/media/{media_id}", trust_env=False).status_code == 200
    shelf_page.get_by_role("button", name="Remove cup.webp").click()
    shelf_page.locator("dialog").get_by_role("button", name="Remove").click()
    expect(card(shelf_page, "cup.webp")).to_have_count(0)
    assert httpx.get(f"{shelf.url}/v1/media/{media_id}", trust_env=False).status_code == 404


def test_things_like_a_file_are_searched_for(page: Page, server: Server) -> None:
    page.goto(LIBRARY)
    with page.expect_response(lambda reply: reply.url.endswith("/v1/search")) as asked:
        page.get_by_role("button", name="Find similar: search for things like cup.webp").click()
    assert f"media={server.library.ids['cup.webp']}" in page.url and "view=" not in page.url
    assert "kitchen.mp4" in {segment["media"] for segment in asked.value.json()["segments"]}


def test_a_file_is_opened(page: Page, server: Server) -> None:
    page.goto(LIBRARY)
    page.get_by_role("link", name="kitchen.mp4").click()
    assert f"watch={server.library.ids['kitchen.mp4']}" in page.url
    expect(page.locator("ms-viewer")).to_be_visible()


def test_without_an_answer_there_is_a_way_to_try_again(browser: Browser, server: Server) -> None:
    with browser.new_context(base_url=server.url) as context:
        page = context.new_page()
        page.route("**/v1/media?*", lambda route: route.abort())
        page.goto(LIBRARY)
        expect(page.locator("ms-library .found")).to_contain_text("does not answer")
        page.unroute("**/v1/media?*")
        page.locator("ms-library .again").click()
        expect(page.locator("ms-media-row")).to_have_count(len(media(server)))
