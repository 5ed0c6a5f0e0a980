"""What the OpenAPI document says beside its routes: an introduction, and one for each subject."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

DESCRIPTION = """Show it a picture, or a box on a frame, and get every moment where that thing appears.

**Units.** Times are seconds since the start of the video, intervals are half-open `[start, end)`, boxes are
`x1, y1, x2, y2` as shares (0 to 1) of the displayed frame, scores go from 0 to 100, sizes are bytes.

**Keys.** Once the library has keys, send one as `Authorization: Bearer KEY` or `x-api-key: KEY`. A key has a
scope: `read` (ask), `ingest` (and add media) or `admin` (and everything else). Who runs the server makes one
with `momentseek keys add NAME --scope read`.

**Errors** are `{"code", "message"}`. The code is for programs and stays what it is; the message is for
people: what was given, what is allowed, what to do next. After 429 come back when `Retry-After` says.

**Pages.** Where an answer has a `next_page_token`, the next page is one request away; null says it is the
last.

Every route with curl, httpx and the Python client: `docs/api.md` of the source.
"""

TAGS: list[dict[str, str]] = [
    {
        "name": "search",
        "description": "Where does this appear? By pictures, a box on one, a moment of the library, a person "
        "or words; then more pages, the score of a file over time, and the same again with thumbs up and "
        "down. An answer is remembered for an hour under its `query_id`.",
    },
    {
        "name": "media",
        "description": "Files into the library and out of it: uploads in one request or in pieces, tags and "
        "metadata, the originals with Range, single frames, the boxes a viewer draws, shots, storyboards. A "
        "media id names a content: the same bytes are the same media, whatever the file is called.",
    },
    {
        "name": "jobs",
        "description": "Work in the background: how far it is, why it failed, once more. Poll a job, or "
        "listen to all of them as server-sent events.",
    },
    {
        "name": "people",
        "description": "Whose faces are in the library. Faces are grouped; a name makes a group somebody, "
        "and `/v1/search` takes the name.",
    },
    {
        "name": "alike",
        "description": "What else looks like this file or this moment of it, and what is there twice: "
        "copies, other encodings, stretches of one video in another.",
    },
    {
        "name": "exports",
        "description": "An answer as a file for other programs (tables, subtitles, timelines of editing "
        "programs), and its moments cut out as clips or one reel.",
    },
    {
        "name": "saved queries",
        "description": "Questions that are asked again of every media file that comes in.",
    },
    {
        "name": "webhooks",
        "description": "Addresses that are told when a job is done or has failed, or a saved query has found "
        "something. What is sent is signed.",
    },
    {
        "name": "session",
        "description": "For browsers: a key in exchange for a cookie, as pictures in a page cannot send "
        "one.",
    },
    {"name": "health", "description": "Is it up, does it work, what is in it, and figures for Prometheus."},
    {
        "name": "Twelve Labs",
        "description": "A dialect: programs written for the Twelve Labs Python SDK (API v1.3) need only "
        "another base URL. Their index is a named set of media. Errors are as above.",
    },
]

_NAMES = {
    "media_id": "of a media file, as `/v1/media` and every answer have it",
    "query_id": "of an answer; the server forgets it after an hour",
    "token": "`next_page_token` of the page before",
    "job_id": "as `/v1/jobs` has it",
    "upload_id": "as `POST /v1/uploads` has said",
    "person_id": "as `/v1/people` has it",
    "face_id": "as the appearances of a person have it",
    "picture_id": "as `POST /v1/pictures` has said",
    "saved_query_id": "as `/v1/saved-queries` has it",
    "webhook_id": "as `/v1/webhooks` has it",
    "number": "as the track has it",
}
"""What stands in paths."""


def describe(app: FastAPI) -> None:
    """Say of everything in a path where to take it from."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        document = plain()
        for route in (route for methods in document["paths"].values() for route in methods.values()):
            for parameter in route.get("parameters", ()):
                if parameter["in"] == "path" and parameter["name"] in _NAMES:
                    parameter.setdefault("description", _NAMES[parameter["name"]])
        return document

    app.openapi = openapi  # type: ignore[method-assign]
