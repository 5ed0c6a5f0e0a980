"""The Range header, as RFC 9110 (14.1.2 and 14.2) wants it read."""

from __future__ import annotations

import re

from fastapi import HTTPException, Request

MAX_RANGES = 50
_ONE = re.compile(r"(\d{0,18})\s*-\s*(\d{0,18})", re.ASCII)


def settle_range(request: Request, size_bytes: int) -> None:
    """Put the request's Range header into its plainest form, or drop one that has to be ignored, so that
    whatever serves the file need only copy bytes. Raises HTTPException 416 when nothing of it is there."""
    given = request.headers.get("range")
    if given is None:
        return
    ranges = parse_ranges(given, size_bytes)
    if ranges == [] and "if-range" not in request.headers:
        message = f"The file has {size_bytes} bytes; {given[:100]!r} asks for none of them."
        raise HTTPException(416, message, {"Content-Range": f"bytes */{size_bytes}"})
    others = [(name, value) for name, value in request.scope["headers"] if name != b"range"]
    if ranges:
        plain = ",".join(f"{start}-{stop - 1}" for start, stop in ranges)
        others.append((b"range", f"bytes={plain}".encode()))
    request.scope["headers"] = others


def parse_ranges(header: str, size_bytes: int) -> list[tuple[int, int]] | None:
    """Half-open byte ranges, ascending, merged where they touch; empty when none lies in the file, None
    for a header to be ignored (another unit, no sense, too many).

    >>> parse_ranges("bytes=0-9, 5-19, -10", 100)
    [(0, 20), (90, 100)]
    """
    unit, _, text = header.partition("=")
    parts = [part.strip() for part in text.split(",")]
    if unit.strip().lower() != "bytes" or len(parts) > MAX_RANGES:
        return None
    ranges = []
    for part in parts:
        matched = _ONE.fullmatch(part)
        if matched is None or part == "-":
            return None
        first, last = matched.groups()
        if first and last and int(last) < int(first):
            return None
        start = int(first) if first else max(0, size_bytes - int(last))
        stop = min(int(last) + 1, size_bytes) if first and last else size_bytes
        if start < stop:
            ranges.append((start, stop))
    return _merged(ranges)


def _merged(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], stop)
        else:
            merged.append((start, stop))
    return merged
