"""``client.people``: whose faces are in the library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from core.types import MediaType
from momentseek.client.connection import Connection
from momentseek.client.records import Box, box_of, known

_PAGE = 200


@dataclass(frozen=True, slots=True)
class Person:
    """``faces`` are sights of this person, in ``media`` files."""

    id: str
    name: str | None
    faces: int
    media: int
    cover_face_id: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Appearance:
    """Half-open; both times 0 in a still. ``box_xyxy`` is the face at ``best_seconds``."""

    media_id: str
    media: str
    media_type: MediaType
    start_seconds: float
    end_seconds: float
    best_seconds: float
    box_xyxy: Box
    face_id: str
    faces: int


class People:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, named: bool | None = None, name_contains: str | None = None) -> Iterator[Person]:
        """Who has most faces first. Faces that are new are grouped in the background: see ``grouping``."""
        query = {"named": named, "name_contains": name_contains}
        for one in self._all("/v1/people", query):
            yield Person(**known(Person, one))

    def get(self, person_id: str) -> Person:
        """Raises NotFound."""
        return Person(**known(Person, self._connection.json("GET", _path(person_id))))

    def name(self, person_id: str, name: str | None) -> Person:
        """None takes the name away. Raises InvalidRequest for a name that somebody else has."""
        body = self._connection.json("PATCH", _path(person_id), body={"name": name})
        return Person(**known(Person, body))

    def merge(self, person_id: str, others: Sequence[str]) -> Person:
        """These are one person."""
        body = self._connection.json("POST", f"{_path(person_id)}/merge", body={"others": [*others]})
        return Person(**known(Person, body))

    def appearances(self, person_id: str) -> Iterator[Appearance]:
        """By media file, and in order of time."""
        for one in self._all(f"{_path(person_id)}/appearances", {}):
            yield Appearance(**{**known(Appearance, one), "box_xyxy": box_of(one["box_xyxy"])})

    def face(self, person_id: str) -> bytes:
        """A picture of the person, as JPEG."""
        return self._connection.reply("GET", f"{_path(person_id)}/face.jpg").content

    def group(self, again: bool = False) -> str:
        """Begin to group faces, all of them anew if wanted; ``running`` or ``idle``."""
        return str(self._connection.json("POST", "/v1/people/group", body={"again": again})["state"])

    def grouping(self) -> str:
        """``running`` or ``idle``."""
        return str(self._connection.json("GET", "/v1/people/group")["state"])

    def _all(self, path: str, query: dict[str, Any]) -> Iterator[Any]:
        token: str | None = None
        while True:
            page = self._connection.json("GET", path, query={**query, "limit": _PAGE, "page_token": token})
            yield from page["data"]
            token = page["next_page_token"]
            if token is None:
                return


def _path(person_id: str) -> str:
    return f"/v1/people/{quote(person_id, safe='')}"
