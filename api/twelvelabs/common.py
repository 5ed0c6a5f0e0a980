"""What several rooms of the dialect do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field, ValidationError

from api.library import Library
from api.routes.media import MediaNotes
from api.twelvelabs.errors import MORE_RESPONSES, DialectRoute, Refusal, unknown
from core.errors import MediaBroken, MediaError, NotFound
from index.catalogue import MediaRow
from index.rows import Added
from index.sets import Member, SetRow
from ingest.incoming import Upload, safe_name

_LONGEST_PATH_BYTES = 4096
_EMPTY: tuple[Any, ...] = (None, "", [])
"""What takes a key of the metadata away."""


class MetadataIn(BaseModel):
    user_metadata: dict[str, Any] | None = Field(None, examples=[{"camera": "left", "take": 3}])


def new_router() -> APIRouter:
    return APIRouter(tags=["Twelve Labs"], route_class=DialectRoute, responses=MORE_RESPONSES)


def need_index(library: Library, index_id: str) -> SetRow:
    found = library.sets.find_set(index_id)
    if found is None:
        raise unknown("index", index_id)
    return found


def need_member(library: Library, index_id: str, video_id: str, what: str) -> Member:
    need_index(library, index_id)
    found = library.sets.find_member(index_id, video_id)
    if found is None:
        raise unknown(what, video_id)
    return found


def find_asset(library: Library, asset_id: str) -> MediaRow | None:
    try:
        return library.get_media(asset_id)
    except NotFound:
        return None


def need_asset(library: Library, asset_id: str) -> MediaRow:
    found = find_asset(library, asset_id)
    if found is None:
        raise unknown("asset", asset_id)
    return found


def take(
    library: Library, upload: Upload, field: str, kept: bool, from_url: bool = False, name: str | None = None
) -> Added:
    """The file joins the library. ``field`` is where it came in; ``kept``: it stays in the library when no
    index has it any more."""
    name = safe_name(name) if name else upload.name
    try:
        added = library.take_upload(upload.path, name)
    except MediaError as error:
        if isinstance(error, MediaBroken) and looks_like_a_path(upload.path):
            raise path_sent(field) from None
        # It has not got its name yet.
        raise type(error)(str(error).replace(upload.path.name, name)) from None
    media_id = added.media.id
    if not added.known or library.sets.find_upload(media_id) is not None:
        library.sets.note_upload(media_id, kept, from_url)
    job = added.job if added.known and added.media.status != "quarantined" else None
    if job is not None and job.state in ("failed", "cancelled"):
        # Whoever sends it again wants it tried again; what brings down the decoder is left alone.
        library.retry_job(job.id)
    return added


def leave(library: Library, index_id: str, media_id: str) -> None:
    """Out of the index, and out of the library if it came for indexes alone and this was the last one."""
    if library.sets.found_nowhere_else(index_id, media_id):
        library.remove_media(media_id, True)
    else:
        library.sets.remove_member(index_id, media_id)


def merge_metadata(library: Library, media_id: str, given: Mapping[str, Any] | None) -> None:
    """Keys that are given replace what was there, or take it away where they are empty."""
    if given:
        noted = {**library.get_media(media_id).metadata, **given}
        replace_metadata(library, media_id, noted)


def replace_metadata(library: Library, media_id: str, given: Mapping[str, Any]) -> None:
    kept = {key: value for key, value in given.items() if not any(value is e or value == e for e in _EMPTY)}
    try:
        notes = MediaNotes(metadata=kept)
    except ValidationError as error:
        said = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        raise Refusal(400, "parameter_invalid", f"user_metadata: {said}.") from None
    library.describe_media(media_id, None, notes.metadata)


def read_metadata(text: str | None) -> dict[str, Any]:
    """As forms hold it. Raises Refusal."""
    if text is None:
        return {}
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        raise Refusal(400, "parameter_invalid", 'user_metadata is no JSON object; give one like {"take": 3}.')
    return read


def looks_like_a_path(source: Path | bytes) -> bool:
    """Whether somebody sent the name of a file instead of what is in it, as SDK 1.x does with texts."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            source = file.read(_LONGEST_PATH_BYTES + 1)
    if not 0 < len(source) <= _LONGEST_PATH_BYTES:
        return False
    try:
        text = source.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return text.isprintable() and ("/" in text or "\\" in text or "." in text)


def path_sent(name: str) -> Refusal:
    return Refusal(
        400, "parameter_invalid",
        f"What came as {name} is a text that looks like the path of a file, not the file: pass its content, "
        'like open(path, "rb").',
    )  # fmt: skip
