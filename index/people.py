"""People: whose face is whose. What grouping found out, and what people decided, which grouping keeps.

Faces are named by their point ids in the store. Faces of one track are a unit: one person's for certain, so
they come, go and are refused together.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import numpy as np
from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from core.boxes import iou
from core.errors import InvalidRequest, NotFound
from index.database import Database
from index.files import chunks
from index.paths import fold
from index.tables import Person, PersonFace, PersonRefusal, now

_LONGEST_NAME = 100
_SAME_FACE = 0.5
"""IoU from which a face of another generation, at the same time, is the same face."""
_READ_ROWS = 5000

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class PersonRow:
    """``faces`` and ``media`` are how many there are, ``cover_face_id`` the best to see."""

    id: str
    name: str | None
    faces: int
    media: int
    cover_face_id: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class FaceRow:
    """A face that stands for the half-open [start_seconds, end_seconds); both 0 in a still. ``quality`` is
    higher where it is large and surely a face; ``unit`` is what it shares with the faces of its track."""

    id: str
    media_id: str
    unit: str
    start_seconds: float
    end_seconds: float
    box_xyxy: Box
    quality: float


@dataclass(frozen=True, slots=True)
class Unit:
    """Faces of one track. ``face_ids`` are its best ones; ``refused`` the people it is not."""

    key: str
    person_id: str | None
    decided: bool
    face_ids: tuple[str, ...]
    refused: frozenset[str]


class People(Database):
    """Thread-safe; any number of processes may have it open."""

    # People

    def list_people(
        self, limit: int, after: tuple[int, str] | None = None, named: bool | None = None,
        name_contains: str | None = None,
    ) -> list[PersonRow]:  # fmt: skip
        """Who has most faces first. ``after``: number of faces and id of the last one seen."""
        query = _counted()
        if named is not None:
            query = query.where(Person.name.is_not(None) if named else Person.name.is_(None))
        if name_contains:
            query = query.where(Person.name_folded.contains(fold(name_contains), autoescape=True))
        if after is not None:
            faces, person_id = after
            number = func.count(PersonFace.id)
            query = query.having((number < faces) | ((number == faces) & (Person.id > person_id)))
        query = query.order_by(func.count(PersonFace.id).desc(), Person.id).limit(limit)
        with self._read() as session:
            return [_row(session, *found) for found in session.execute(query).all()]

    def get_person(self, person_id: str) -> PersonRow:
        """Raises NotFound."""
        with self._read() as session:
            return _get_row(session, person_id)

    def find_person(self, id_or_name: str) -> PersonRow:
        """By id or by name, whatever its case. Raises NotFound."""
        with self._read() as session:
            found = session.get(Person, id_or_name) or session.scalars(
                select(Person).where(Person.name_folded == fold(id_or_name.strip()))
            ).first()
            if found is None:
                raise NotFound(
                    f"The library knows nobody as {id_or_name[:200]!r}; /v1/people lists who it knows."
                )
            return _get_row(session, found.id)

    def name_person(self, person_id: str, name: str | None) -> PersonRow:
        """A name is a decision: the faces that are this person's now stay so. None takes the name away and
        leaves the faces to the next grouping. Raises NotFound, and InvalidRequest for a name of another."""
        folded = None if name is None else fold(_checked(name))
        with self._write() as session:
            person = _get(session, person_id)
            other = session.scalars(select(Person).where(Person.name_folded == folded)).first()
            if folded is not None and other is not None and other.id != person_id:
                raise InvalidRequest(
                    f"{other.name!r} is somebody else's name ({other.id}); take another, or merge the two."
                )
            person.name, person.name_folded, person.updated_at = name, folded, now()
            _decide(session, [person_id], name is not None)
            session.flush()
            return _get_row(session, person_id)

    def merge_people(self, person_id: str, others: Sequence[str]) -> PersonRow:
        """All of them are one person, who keeps the first name there is. Raises NotFound."""
        with self._write() as session:
            person = _get(session, person_id)
            for other in [_get(session, one) for one in dict.fromkeys(others) if one != person_id]:
                name, folded = other.name, other.name_folded
                _move_refusals(session, other.id, person_id)
                session.execute(
                    update(PersonFace).where(PersonFace.person_id == other.id).values(person_id=person_id)
                )
                session.delete(other)
                session.flush()
                if person.name is None:
                    person.name, person.name_folded = name, folded
            own = select(PersonFace.id).where(PersonFace.person_id == person_id)
            session.execute(delete(PersonRefusal).where(
                PersonRefusal.person_id == person_id, PersonRefusal.face_id.in_(own)
            ))  # fmt: skip
            _decide(session, [person_id], True)
            person.updated_at = now()
            session.flush()
            return _get_row(session, person_id)

    def refuse_face(self, person_id: str, face_id: str) -> PersonRow:
        """This face, and its whole track, is somebody else's: a new person, whom it returns. No grouping
        gives it back. Raises NotFound."""
        with self._write() as session:
            face = session.get(PersonFace, face_id)
            if face is None or face.person_id != person_id:
                _get(session, person_id)
                raise NotFound(f"Person {person_id} has no face {face_id}.")
            own = list(session.scalars(select(PersonFace.id).where(
                PersonFace.unit == face.unit, PersonFace.person_id == person_id
            )))  # fmt: skip
            session.add_all(PersonRefusal(person_id=person_id, face_id=one) for one in own)
            other = Person(id=new_person_id())
            session.add(other)
            session.flush()
            for some in chunks(own):
                session.execute(
                    update(PersonFace).where(PersonFace.id.in_(some))
                    .values(person_id=other.id, decided=False)
                )  # fmt: skip
            _get(session, person_id).updated_at = now()
            return _get_row(session, other.id)

    # Faces

    def faces_of(self, person_id: str, media_id: str | None = None) -> list[FaceRow]:
        """By media and time. Raises NotFound."""
        query = select(PersonFace).where(PersonFace.person_id == person_id)
        if media_id is not None:
            query = query.where(PersonFace.media_id == media_id)
        query = query.order_by(PersonFace.media_id, PersonFace.start_seconds, PersonFace.id)
        with self._read() as session:
            _get(session, person_id)
            return [_face(face) for face in session.scalars(query.execution_options(yield_per=_READ_ROWS))]

    def get_face(self, face_id: str) -> FaceRow:
        """Raises NotFound."""
        with self._read() as session:
            face = session.get(PersonFace, face_id)
            if face is None:
                raise NotFound(f"There is no face {face_id}.")
            return _face(face)

    def best_faces(self, person_id: str, limit: int) -> list[str]:
        """The best face of each of this person's tracks, the best first. Raises NotFound."""
        best = func.max(PersonFace.quality)
        query = (
            select(func.min(PersonFace.unit)).where(PersonFace.person_id == person_id)
            .group_by(PersonFace.unit).order_by(best.desc()).limit(limit)
        )  # fmt: skip
        with self._read() as session:
            _get(session, person_id)
            units = list(session.scalars(query))
            return [str(session.scalar(
                select(PersonFace.id).where(PersonFace.person_id == person_id, PersonFace.unit == unit)
                .order_by(PersonFace.quality.desc(), PersonFace.id).limit(1)
            )) for unit in units]  # fmt: skip

    # Grouping

    def face_counts(self, generation: str) -> dict[str, int]:
        """Faces known of each media file in this generation of the index."""
        query = (
            select(PersonFace.media_id, func.count()).where(PersonFace.generation == generation)
            .group_by(PersonFace.media_id)
        )  # fmt: skip
        with self._read() as session:
            return {str(media_id): int(number) for media_id, number in session.execute(query)}

    def replace_faces(self, media_id: str, generation: str, faces: Sequence[FaceRow]) -> None:
        """These are the faces of a media file now. What was decided about a face goes over to the one that is
        in its place; other faces of an older generation are to be grouped anew."""
        with self._write() as session:
            before = list(session.scalars(select(PersonFace).where(PersonFace.media_id == media_id)))
            refused = _refusals(session, [face.id for face in before])
            old = {face.id: face for face in before}
            heirs = _heirs([face for face in before if face.decided or face.id in refused], faces)
            notes = [_noted(face, old.get(heirs.get(face.id, face.id)), generation) for face in faces]
            whose = {note["unit"]: note["person_id"] for note in notes if note["decided"]}
            rows = [
                {
                    **note, "person_id": whose.get(note["unit"], note["person_id"]),
                    "decided": note["unit"] in whose, "media_id": media_id, "generation": generation,
                }
                for note in notes
            ]  # fmt: skip
            for some in chunks(list(old)):
                session.execute(delete(PersonFace).where(PersonFace.id.in_(some)))
            session.expunge_all()
            if rows:
                session.execute(PersonFace.__table__.insert(), rows)  # type: ignore[attr-defined]
            kept = [
                {"person_id": person_id, "face_id": face.id}
                for face in faces for person_id in sorted(refused.get(heirs.get(face.id, face.id), ()))
            ]  # fmt: skip
            if kept:
                session.execute(PersonRefusal.__table__.insert(), kept)  # type: ignore[attr-defined]

    def units(self, faces_each: int, free: bool = False) -> Iterator[Unit]:
        """Every unit (``free``: those that are nobody's), each with its best faces. Read in small parts."""
        query = select(PersonFace.unit, PersonFace.person_id, PersonFace.decided, PersonFace.id)
        if free:
            query = query.where(PersonFace.person_id.is_(None))
        query = query.order_by(PersonFace.unit, PersonFace.quality.desc(), PersonFace.id)
        with self._read() as session:
            refused: dict[str, set[str]] = {}
            for face_id, person_id in session.execute(select(PersonRefusal.face_id, PersonRefusal.person_id)):
                refused.setdefault(face_id, set()).add(person_id)
            rows = session.execute(query.execution_options(yield_per=_READ_ROWS))
            for key, own in groupby(rows, key=lambda row: str(row[0])):
                faces = list(own)
                decided = next((row for row in faces if row[2]), faces[0])
                nobody: set[str] = set()
                yield Unit(
                    key, decided[1], bool(decided[2]), tuple(row[3] for row in faces[:faces_each]),
                    frozenset(nobody.union(*(refused.get(row[3], nobody) for row in faces))),
                )  # fmt: skip

    def assign(self, people: Mapping[str, str], again: bool) -> None:
        """``people``: unit -> person id; ids that are not there are made. ``again``: also units that belong
        to somebody already. What people have decided meanwhile stays."""
        made = list(dict.fromkeys(people.values()))
        with self._write() as session:
            there: set[str] = set()
            for some in chunks(made):
                there.update(session.scalars(select(Person.id).where(Person.id.in_(some))))
            session.add_all(Person(id=one) for one in made if one not in there)
            session.flush()
            for person_id, units in _by_person(people).items():
                for some in chunks(units):
                    change = update(PersonFace).where(PersonFace.unit.in_(some), ~PersonFace.decided)
                    if not again:
                        change = change.where(PersonFace.person_id.is_(None))
                    session.execute(change.values(person_id=person_id))

    def forget_nobodies(self) -> None:
        """People without a name and without a face go."""
        faces = select(PersonFace.id).where(PersonFace.person_id == Person.id)
        with self._write() as session:
            session.execute(delete(Person).where(Person.name.is_(None), ~faces.exists()))


def new_person_id() -> str:
    return uuid.uuid4().hex


def _checked(name: str) -> str:
    if not 1 <= len(name) <= _LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise InvalidRequest(
            f"{name[:200]!r} cannot be a name: 1 to {_LONGEST_NAME} letters that can be printed, without "
            "space round them."
        )
    return name


def _counted() -> Select[Person, int, int]:
    faces, media = func.count(PersonFace.id), func.count(PersonFace.media_id.distinct())
    joined = select(Person, faces, media).outerjoin(PersonFace, PersonFace.person_id == Person.id)
    # Who has neither a name nor a face is only waiting to be forgotten.
    return joined.group_by(Person.id).having((faces > 0) | Person.name.is_not(None))


def _get(session: Session, person_id: str) -> Person:
    person = session.get(Person, person_id)
    if person is None:
        raise NotFound(f"The library knows no person {person_id[:200]!r}.")
    return person


def _get_row(session: Session, person_id: str) -> PersonRow:
    found = session.execute(_counted().where(Person.id == person_id)).first()
    if found is None:
        raise NotFound(f"The library knows no person {person_id[:200]!r}.")
    return _row(session, *found)


def _row(session: Session, person: Person, faces: int, media: int) -> PersonRow:
    cover = session.scalar(
        select(PersonFace.id).where(PersonFace.person_id == person.id)
        .order_by(PersonFace.quality.desc(), PersonFace.id).limit(1)
    )  # fmt: skip
    return PersonRow(person.id, person.name, faces, media, cover, person.created_at, person.updated_at)


def _face(face: PersonFace) -> FaceRow:
    x1, y1, x2, y2 = face.box_xyxy
    return FaceRow(
        face.id, face.media_id, face.unit, face.start_seconds, face.end_seconds, (x1, y1, x2, y2),
        face.quality,
    )


def _decide(session: Session, person_ids: Sequence[str], decided: bool) -> None:
    session.execute(update(PersonFace).where(PersonFace.person_id.in_(person_ids)).values(decided=decided))


def _move_refusals(session: Session, source: str, target: str) -> None:
    have = set(session.scalars(select(PersonRefusal.face_id).where(PersonRefusal.person_id == target)))
    theirs = set(session.scalars(select(PersonRefusal.face_id).where(PersonRefusal.person_id == source)))
    session.add_all(PersonRefusal(person_id=target, face_id=face_id) for face_id in sorted(theirs - have))
    session.flush()


def _refusals(session: Session, face_ids: Sequence[str]) -> dict[str, set[str]]:
    refused: dict[str, set[str]] = {}
    for some in chunks(face_ids):
        query = select(PersonRefusal.face_id, PersonRefusal.person_id).where(PersonRefusal.face_id.in_(some))
        for face_id, person_id in session.execute(query):
            refused.setdefault(face_id, set()).add(person_id)
    return refused


def _heirs(before: Sequence[PersonFace], faces: Sequence[FaceRow]) -> dict[str, str]:
    """New face id -> id of the old face that was in its place at its time."""
    if not before:
        return {}
    boxes = np.array([face.box_xyxy for face in before], np.float32)
    starts, ends = np.array([(face.start_seconds, face.end_seconds) for face in before]).T
    heirs: dict[str, str] = {}
    for face in faces:
        together = (starts < face.end_seconds) & (face.start_seconds < ends)
        together |= (starts == face.start_seconds) & (ends == face.end_seconds)  # stills last no time
        overlap = iou(np.array([face.box_xyxy], np.float32), boxes)[0] * together
        if overlap.max() >= _SAME_FACE:
            heirs[face.id] = before[int(overlap.argmax())].id
    return heirs


def _noted(face: FaceRow, old: PersonFace | None, generation: str) -> dict[str, object]:
    """A face with what is known of the one that was in its place."""
    keeps = old is not None and (old.decided or old.generation == generation)
    return {
        "id": face.id, "unit": face.unit, "start_seconds": face.start_seconds,
        "end_seconds": face.end_seconds, "box_xyxy": list(face.box_xyxy), "quality": face.quality,
        "person_id": old.person_id if old is not None and keeps else None,
        "decided": old is not None and old.decided,
    }  # fmt: skip


def _by_person(people: Mapping[str, str]) -> dict[str, list[str]]:
    units: dict[str, list[str]] = {}
    for unit, person_id in people.items():
        units.setdefault(person_id, []).append(unit)
    return units


def unit_of(media_id: str, track: int, face_id: str) -> str:
    """Faces of one track are one unit; a face without a track is its own."""
    return f"{media_id}/{track}" if track >= 0 else face_id


def ids_of(units: Iterable[Unit]) -> list[str]:
    return [face_id for unit in units for face_id in unit.face_ids]
