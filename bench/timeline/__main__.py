"""``python -m bench.timeline``: how smoothly ten hours with 2 000 matches scroll and zoom, and their cost.

One change of the view a frame, as a wheel or a finger makes them, for some seconds; frames are counted by the
times that the browser gives to requestAnimationFrame. A browser shows at most 60 a second.
"""

from __future__ import annotations

import argparse
import mimetypes
import os
import shutil
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import urlsplit

from playwright.sync_api import CDPSession, Page, Route, sync_playwright

from api.page import PAGE_DIR
from bench.timeline import CUTS, HOURS, MADE, POINTS, SPANS

ORIGIN = "http://timeline.example"
_PAGE = (
    '<!doctype html><html lang="en"><link rel="stylesheet" href="/ui/styles/base.css"><title>bench</title>'
)

_MOVES = {
    "zoom in and out": "(t, n) => wheel(0, Math.sin(n / 40) * 90, 0.3 + 0.4 * Math.sin(n / 97))",
    "scroll, an hour to see": "(t, n) => { if (!n) close(3600); wheel(Math.sin(n / 90) * 60, 0, 0.5); }",
    "scroll, a minute to see": "(t, n) => { if (!n) close(60); wheel(Math.sin(n / 90) * 60, 0, 0.5); }",
    "move the line": "(t, n) => { if (!n) t.fit(); t.line = 50 + 45 * Math.sin(n / 30); }",
    "play": "(t, n) => { if (!n) t.fit(); t.seconds = n / 60; }",
}
_RUN = """([source, seconds]) => new Promise((resolve) => {
  const timeline = window.timeline;
  const lane = timeline.querySelector('.lane');
  const { left, top, width, height } = lane.getBoundingClientRect();
  const wheel = (deltaX, deltaY, x) => lane.dispatchEvent(new WheelEvent('wheel', {
    deltaX, deltaY, clientX: left + x * width, clientY: top + height / 2, bubbles: true, cancelable: true,
  }));
  const close = (length) => {
    timeline.fit();
    timeline.zoom(length / timeline.view.duration, timeline.view.to / 2);
  };
  const move = eval(source);
  const times = [];
  const frame = (now) => {
    times.push(now);
    move(timeline, times.length - 1);
    if (now - times[0] < seconds * 1000) requestAnimationFrame(frame);
    else resolve(times);
  };
  requestAnimationFrame(frame);
})"""


@dataclass(frozen=True, slots=True)
class Smoothness:
    """Of one kind of move; ``slowest_ms`` is the longest time between two frames, ``late`` the share of
    frames that came more than 1.5 of a screen's frames after the one before. ``main_thread_ms`` a frame is
    processor time, which other work on the machine does not lengthen; 16.7 are there."""

    move: str
    frames_per_second: float
    slowest_ms: float
    late: float
    main_thread_ms: float


def measure(page: Page, move: str, seconds: float) -> Smoothness:
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = _metrics(session)
    times: list[float] = page.evaluate(_RUN, [_MOVES[move], seconds])
    busy_seconds = _metrics(session)["TaskDuration"] - before["TaskDuration"]
    session.detach()
    gaps = [after - before for before, after in pairwise(times)]
    late = sum(gap > 25 for gap in gaps) / len(gaps)
    rate = 1000 * len(gaps) / (times[-1] - times[0])
    return Smoothness(move, rate, max(gaps), late, 1000 * busy_seconds / len(times))


def heap_mb(page: Page) -> float:
    """What JavaScript holds after a collection, without the numbers in typed arrays."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    return _metrics(session)["JSHeapUsedSize"] / 1e6


def arrays_mb(page: Page) -> float:
    """Of the curve and the pixels of both canvases with their copies."""
    size: float = page.evaluate(
        """() => {
          const { start, end, reach, value } = window.timeline.data.curve;
          const canvases = [...window.timeline.querySelectorAll('canvas')];
          const pictures = canvases.reduce((sum, { width, height }) => sum + width * height * 4 * 2, 0);
          return [start, end, reach, value].reduce((sum, { byteLength }) => sum + byteLength, pictures);
        }"""
    )
    return size / 1e6


def _metrics(session: CDPSession) -> dict[str, float]:
    return {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}


def _serve(route: Route) -> None:
    """The page's own files, without a server."""
    path = urlsplit(route.request.url).path
    if path == "/":
        route.fulfill(body=_PAGE, content_type="text/html")
    else:
        file = PAGE_DIR / path.removeprefix("/ui/")
        route.fulfill(body=file.read_bytes(), content_type=mimetypes.guess_type(file.name)[0] or "text/plain")


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench.timeline", description=__doc__)
    options.add_argument("--seconds", type=float, default=5.0, help="of each kind of move")
    options.add_argument("--width", type=int, default=1280)
    options.add_argument("--ratio", type=float, default=1.0, help="device pixels to a CSS pixel")
    given = options.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        viewport = {"width": given.width, "height": 800}
        page = browser.new_page(viewport=viewport, device_scale_factor=given.ratio)  # type: ignore[arg-type]
        page.route("**/*", _serve)
        page.goto(ORIGIN)
        empty = heap_mb(page)
        page.evaluate(MADE, {"hours": HOURS, "spans": SPANS, "points": POINTS, "cuts": CUTS})
        print(f"{HOURS} h, {SPANS} matches, {POINTS} points of the curve, {CUTS} cuts; {given.width} px wide")
        for move in _MOVES:
            found = measure(page, move, given.seconds)
            print(
                f"{found.move:24} {found.frames_per_second:5.1f} frames/s, "
                f"slowest {found.slowest_ms:5.1f} ms, late {found.late:5.1%}, "
                f"main thread {found.main_thread_ms:.1f} ms a frame"
            )
        print(f"JavaScript heap: {empty:.1f} MB before, {heap_mb(page):.1f} MB with it and after all moves")
        print(f"typed arrays and canvases: {arrays_mb(page):.1f} MB")
        print(f"load average: {', '.join(f'{load:.1f}' for load in os.getloadavg())}")
        browser.close()


if __name__ == "__main__":
    main()
