"""The page's timeline with ten hours of made data: frames a second and memory, in a real browser."""

from __future__ import annotations

from pathlib import Path

HOURS, SPANS, POINTS, CUTS = 10, 2000, 36_000, 6000

MADE = (Path(__file__).parent / "made.js").read_text()
"""A JavaScript function: mounts a timeline with that much on the page it runs in, as ``window.timeline``."""
