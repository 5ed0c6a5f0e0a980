"""``python -m bench.screenshots OUT``: the page's main states as pictures, light and dark, desktop and phone.

The demo's library is built, indexed and served by ``momentseek serve``; the system's Chromium looks at it.
With ``--library DIR`` the library stays there and is used again.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import PIL.Image
from playwright.sync_api import Page, sync_playwright

from bench.camera import Reel, Shot, View, write_reel
from bench.load.__main__ import serving
from bench.scenes import build_demo_library, write_questions

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
_QUALITY = 82
_WAIT_MS = 120_000
_FILM = Reel("holiday.mp4", Fraction(25), (640, 360), tuple(
    Shot(photograph, 6.0, View(0.4, 0.5), View(0.6, 0.5, 1.2)) for photograph in ("china", "flower", "rocket")
))  # fmt: skip
_RUSHES = Reel("rushes.mp4", Fraction(25), (960, 540), (
    Shot("coffee", 4.0, View(0.5, 0.5), View(0.5, 0.45, 1.15)),
    Shot("china", 3.5, View(0.4, 0.5), View(0.6, 0.5, 1.1)),
    Shot("coffee", 3.0, View(0.45, 0.5, 1.3), View(0.55, 0.5, 1.5), exposure=0.45),
    Shot("chelsea", 4.0, View(0.4, 0.5, 1.2), View(0.6, 0.5, 1.2)),
    Shot("flower", 3.0, View(0.5, 0.5), View(0.5, 0.5, 1.2)),
    Shot("coffee", 2.5, View(0.6, 0.4, 1.8), View(0.5, 0.5, 1.4), shake=0.02),
    Shot("rocket", 4.0, View(0.5, 0.6), View(0.5, 0.5, 1.2)),
    Shot("coffee", 3.5, View(0.5, 0.5, 1.1), View(0.45, 0.5, 1.2), exposure=1.5, dissolve_seconds=1.0),
    Shot("china", 4.0, View(0.6, 0.5, 1.3), View(0.4, 0.5, 1.1)),
))  # fmt: skip
"""The cup again and again, in other light: what the viewer shows has something to show."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What the states are made of: addresses of the page, and files to upload, new ones for each picture."""

    found: str
    nothing: str
    film: Path
    broken: Path


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.screenshots", description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for the pictures")
    parser.add_argument("--library", type=Path, metavar="DIR", help="keep the library here, and use it again")
    parser.add_argument("--only", metavar="TEXT", default="", help="only pictures whose name has this in it")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as closing:
        scratch = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="momentseek-screenshots-")))
        library = (given.library or scratch).absolute()
        make_library(library)
        url, _ = closing.enter_context(serving(library / "data"))
        playwright = closing.enter_context(sync_playwright())
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        for where, (width, height) in SIZES.items():
            for scheme in SCHEMES:
                with browser.new_context(
                    base_url=url, viewport={"width": width, "height": height}, color_scheme=scheme,
                    # What is waited for is asked in the page, whose policy allows no scripts but its own.
                    bypass_csp=True,
                ) as context:  # fmt: skip
                    context.set_default_timeout(_WAIT_MS)
                    page = context.new_page()
                    scene = make_scene(page, scratch)
                    for state, show in STATES.items():
                        name = f"{state}-{where}-{scheme}"
                        if given.only in name:
                            show(page, scene)
                            save(page, given.out / f"{name}.webp")
                    forget_uploads(page)
        browser.close()


def make_library(folder: Path) -> None:
    """The demo's and a film more, in ``media`` and ``data`` of the folder, unless it is there."""
    if (folder / "data").exists():
        return
    build_demo_library(folder / "media")
    write_reel(_RUSHES, folder / "media" / _RUSHES.name)
    command = str(Path(sys.executable).with_name("momentseek"))
    subprocess.run(
        [command, "ingest", "--data-dir", folder / "data", folder / "media"],
        check=True,
        stdout=subprocess.PIPE,
    )


def make_scene(page: Page, scratch: Path) -> Scene:
    asked = {question.answer: (question, path) for question, path in write_questions(scratch / "questions")}
    (cup, picture), (_, unknown) = asked["the cup"], asked[None]
    box = ",".join(f"{side:.3f}" for side in cup.box_xyxy or ())
    film = scratch / _FILM.name
    write_reel(_FILM, film)
    # Other bytes than the last time: what is known already is not indexed again.
    with film.open("ab") as end:
        end.write(os.urandom(64))
    broken = scratch / "from the old camera.avi"
    broken.write_bytes(film.read_bytes()[:20_000])
    return Scene(
        f"/?picture={keep(page, picture)}&box={box}", f"/?picture={keep(page, unknown)}", film, broken
    )


def keep(page: Page, picture: Path) -> str:
    """Its id among the server's pictures to ask with."""
    file: Any = {"name": picture.name, "mimeType": "image/jpeg", "buffer": picture.read_bytes()}
    return str(page.request.post("/v1/pictures", multipart={"image": file}).json()["id"])


def empty(page: Page, scene: Scene) -> None:
    page.goto("/")
    page.locator("ms-ask").wait_for()


def results(page: Page, scene: Scene) -> None:
    page.goto(scene.found)
    page.locator("ms-card").nth(1).wait_for()
    page.locator("ms-card input[type=checkbox]").first.check()


def viewer(page: Page, scene: Scene) -> None:
    page.goto(f"{scene.found}&only=video")
    page.locator("ms-card").filter(has_text=_RUSHES.name).first.locator("a").click()
    page.locator("ms-viewer ms-overlay button").first.wait_for()
    page.locator("ms-viewer ms-matches a").first.wait_for()


def nothing(page: Page, scene: Scene) -> None:
    page.goto(scene.nothing)
    page.locator("ms-results[aria-busy=false] .message:not(:empty)").wait_for()


def library(page: Page, scene: Scene) -> None:
    page.goto("/?view=library")
    page.locator("ms-media-row").first.wait_for()
    page.locator("ms-upload input[type=file]").set_input_files([scene.broken, scene.film])
    page.locator("ms-upload li.done").wait_for()
    page.wait_for_function("document.querySelector('ms-jobs progress')?.value > 0.05")


STATES: dict[str, Callable[[Page, Scene], None]] = {
    "empty": empty, "results": results, "viewer": viewer, "nothing": nothing, "library": library,
}  # fmt: skip


def save(page: Page, path: Path) -> None:
    """The page as it stands, once all its pictures on the screen are there."""
    page.wait_for_function(
        """[...document.images].every((image) => {
            const { top, bottom, width } = image.getBoundingClientRect();
            return !width || bottom < 0 || top > innerHeight || (image.complete && image.naturalWidth);
        })"""
    )
    shot = PIL.Image.open(io.BytesIO(page.screenshot(animations="disabled")))
    shot.convert("RGB").save(path, quality=_QUALITY, method=6)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def forget_uploads(page: Page) -> None:
    for media in page.request.get("/v1/media", params={"name_contains": _FILM.name}).json()["data"]:
        page.request.delete(f"/v1/media/{media['id']}")


if __name__ == "__main__":
    main()
