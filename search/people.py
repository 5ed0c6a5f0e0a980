"""People of a library: their faces grouped, their appearances, their pictures, and how to search for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from threading import Lock

import numpy as np

from core.background import Background, Doing, Task
from core.boxes import expand
from core.errors import InvalidRequest, NotFound
from core.record import Points
from core.types import Image, Vectors
from index.catalogue import Catalogue
from index.people import Box, FaceRow, People, PersonRow, Unit, new_person_id, unit_of
from index.store import VectorStore, Where
from search.describe import crop
from search.face_groups import GROUPINGS, group, join, means_of
from search.query import Example

_FACES_OF_A_UNIT = 8
"""The best faces of a track: their mean stands for it."""
_UNITS_OF_A_PERSON = 16
"""Tracks of a person that new faces are compared with."""
_EXAMPLES, _LOOKED_AT, _TRUSTED = 6, 64, 0.75
"""A person is searched by so many faces, taken evenly from the share of their best that is nearest to their
mean: what stands far from it may be somebody else's."""
_BATCH = 500
"""Units whose vectors are read together: 2 MB."""
_COVER_MARGIN = 0.35


@dataclass(frozen=True, slots=True)
class Appearance:
    """One half-open stretch in which a person is seen; both times 0 in a still. ``best_seconds``,
    ``box_xyxy`` and ``face_id`` are of the face that is best to see; ``faces`` is how many there are."""

    media_id: str
    start_seconds: float
    end_seconds: float
    best_seconds: float
    box_xyxy: Box
    face_id: str
    faces: int


class PeopleOfLibrary:
    """Thread-safe. Grouping runs on a thread of its own, one run at a time.

    ``face_model`` is the name of the model in GROUPINGS, None where the library has no faces;
    ``open_frame(media_id, seconds)`` gives a picture in full resolution.
    """

    def __init__(
        self, people: People, catalogue: Catalogue, store: VectorStore, generation: str,
        face_model: str | None, open_frame: Callable[[str, float], Image],
    ) -> None:  # fmt: skip
        self._people, self._catalogue, self._store = people, catalogue, store
        self._generation, self._open_frame = generation, open_frame
        self._grouping = GROUPINGS.get(face_model or "")
        self._background = Background("momentseek-people")
        self._one_grouping = Lock()

    def close(self) -> None:
        self._background.close()
        self._people.close()

    # Who there is

    def list_people(
        self, limit: int, after: tuple[int, str] | None = None, named: bool | None = None,
        name_contains: str | None = None,
    ) -> list[PersonRow]:  # fmt: skip
        """Who has most faces first; ``after`` is number of faces and id of the last one seen. Faces that are
        not grouped yet are grouped from now on."""
        self.group_new()
        return self._people.list_people(limit, after, named, name_contains)

    def known_people(self, limit: int) -> list[PersonRow]:
        """Who has most faces first; nothing is begun."""
        return self._people.list_people(limit)

    def get_person(self, person_id: str) -> PersonRow:
        """Raises NotFound."""
        return self._people.get_person(person_id)

    def name_person(self, person_id: str, name: str | None) -> PersonRow:
        """None takes the name away. Raises NotFound and InvalidRequest."""
        return self._people.name_person(person_id, name)

    def merge_people(self, person_id: str, others: Sequence[str]) -> PersonRow:
        """Raises NotFound."""
        return self._people.merge_people(person_id, others)

    def refuse_face(self, person_id: str, face_id: str) -> PersonRow:
        """Who it belongs to from now on. Raises NotFound."""
        return self._people.refuse_face(person_id, face_id)

    def appearances(
        self, person_id: str, media_id: str | None = None, bridge_seconds: float = 1.0
    ) -> list[Appearance]:
        """Everywhere this person is seen, by media and time; gaps of at most ``bridge_seconds`` are closed.
        Raises NotFound."""
        faces = self._people.faces_of(person_id, media_id)
        by_media = groupby(faces, key=lambda face: face.media_id)
        return [one for _, own in by_media for one in _stretches(list(own), bridge_seconds)]

    def picture(self, person_id: str) -> Image:
        """The person's best face, cut from the original. Raises NotFound."""
        cover = self._people.get_person(person_id).cover_face_id
        if cover is None:
            raise NotFound("This person has no face in the library any more.")
        face = self._people.get_face(cover)
        frame = self._open_frame(face.media_id, face.start_seconds)
        x1, y1, x2, y2 = expand(np.array([face.box_xyxy], np.float32), _COVER_MARGIN)[0].tolist()
        return crop(frame, (x1, y1, x2, y2))

    def examples(self, id_or_name: str) -> tuple[Example, ...]:
        """What to search for this person by, with mode face. Raises NotFound, and InvalidRequest for a person
        without faces."""
        person = self._people.find_person(id_or_name)
        ids = self._people.best_faces(person.id, _LOOKED_AT)
        vectors = self._store.get(ids, "face").vectors if ids else np.zeros((0, 0), np.float32)
        if not len(vectors):
            raise InvalidRequest(f"{person.name or person.id} has no face in this index; group people anew.")
        nearest = np.argsort(-(vectors @ vectors.mean(axis=0)), kind="stable")
        last = max(int(np.ceil(_TRUSTED * len(vectors))) - 1, 0)
        rows = np.unique(np.linspace(0, last, _EXAMPLES).round().astype(int))
        return tuple(Example(vectors=vectors[nearest[row]][None, :]) for row in rows)

    # Grouping

    @property
    def doing(self) -> Doing:
        return self._background.doing

    def media_to_group(self) -> list[str]:
        """Media whose faces are not those that are known."""
        expected = self._catalogue.expected_counts_by_media(self._generation)
        known = self._people.face_counts(self._generation)
        return [
            media_id for media_id, counts in expected.items()
            if counts.get("face", 0) != known.get(media_id, 0)
        ]  # fmt: skip

    def group_new(self) -> None:
        """Begin to group what has come into the library, where there is something; returns at once."""
        if self._grouping is not None and not self.doing.running and self.media_to_group():
            self._background.start(lambda task: self.group(task, again=False))

    def group_again(self) -> Doing:
        """Begin to group everything anew, but what people decided. Returns at once. Raises InvalidRequest
        where there are no faces."""
        self._likeness()
        self._background.start(lambda task: self.group(task, again=True))
        return self.doing

    def group(self, task: Task, again: bool) -> None:
        """Bring the list of faces up to date and say whose they are: faces that are nobody's, or with
        ``again`` all but the decided ones. Raises StoreError, Interrupted; what is done is kept."""
        likeness = self._likeness()
        with self._one_grouping:
            waiting = self.media_to_group()
            for number, media_id in enumerate(waiting):
                task.check(0.5 * number / len(waiting))
                self._take_faces(media_id)
            self._assign(task, likeness, again)
            self._people.forget_nobodies()

    def _likeness(self) -> float:
        if self._grouping is None:
            raise InvalidRequest(
                "This library has no faces that can be grouped: faces.model is none, or a model whose "
                f"cosines are not known ({', '.join(GROUPINGS)} are)."
            )
        return self._grouping.likeness

    def _take_faces(self, media_id: str) -> None:
        points = self._store.scroll("face", Where(media_ids=(media_id,), kinds=("face",)))
        self._people.replace_faces(media_id, self._generation, _faces(points))

    def _assign(self, task: Task, likeness: float, again: bool) -> None:
        seeds = list(self._seeds(decided_only=again))
        seed_means = self._means(task, [[unit.face_ids[0] for unit in units] for _, units in seeds])
        free = [unit for unit in self._people.units(_FACES_OF_A_UNIT, free=not again) if not unit.decided]
        vectors = self._means(task, [unit.face_ids for unit in free])
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        known = np.flatnonzero(lengths[:, 0] > 0)
        free = [free[row] for row in known]
        vectors = (vectors / np.maximum(lengths, 1e-12))[known]
        labels = group(vectors, likeness) if len(free) else np.zeros(0, np.intp)
        task.check(0.95)
        rows = {person_id: row for row, (person_id, _) in enumerate(seeds)}
        members: list[list[Unit]] = [[] for _ in range(int(labels.max(initial=-1)) + 1)]
        for unit, label in zip(free, labels, strict=True):
            members[label].append(unit)
        refused = [
            frozenset(rows[one] for unit in own for one in unit.refused if one in rows) for own in members
        ]
        joined = join(means_of(vectors, labels), seed_means, likeness, refused)
        taken = set(rows)
        assigned: dict[str, str] = {}
        for own, row in sorted(zip(members, joined, strict=True), key=lambda pair: -len(pair[0])):
            person_id = _person_before(own, taken) if row is None else seeds[row][0]
            taken.add(person_id)
            assigned.update((unit.key, person_id) for unit in own)
        self._people.assign(assigned, again)

    def _seeds(self, decided_only: bool) -> Iterator[tuple[str, list[Unit]]]:
        """People that faces may join, each with some of their units."""
        seeds: dict[str, list[Unit]] = {}
        for unit in self._people.units(1):
            if unit.person_id is not None and (unit.decided or not decided_only):
                own = seeds.setdefault(unit.person_id, [])
                if len(own) < _UNITS_OF_A_PERSON:
                    own.append(unit)
        yield from seeds.items()

    def _means(self, task: Task, faces: Sequence[Sequence[str]]) -> Vectors:
        """Mean vector of each list of faces, zero where the store has none of them: shape (n, d)."""
        means: list[Vectors] = []
        waiting = iter(faces)
        while some := list(islice(waiting, _BATCH)):
            task.check(0.5 + 0.2 * len(means) * _BATCH / max(len(faces), 1))
            points = self._store.get([one for own in some for one in own], "face")
            row_of = {point_id: row for row, point_id in enumerate(points.id)}
            part = np.zeros((len(some), points.vectors.shape[1]), np.float32)
            for number, own in enumerate(some):
                rows = [row_of[one] for one in own if one in row_of]
                if rows:
                    part[number] = points.vectors[rows].mean(axis=0)
            means.append(part)
        return np.concatenate(means) if means else np.zeros((0, 0), np.float32)


def _faces(points: Points) -> list[FaceRow]:
    sides = points.box_xyxy[:, 2:] - points.box_xyxy[:, :2]
    quality = np.sqrt(np.maximum(sides[:, 0] * sides[:, 1], 0)) * points.label_score
    return [
        FaceRow(
            points.id[row], points.media_id[row],
            unit_of(points.media_id[row], int(points.track[row]), points.id[row]),
            float(points.span_seconds[row, 0]), float(points.span_seconds[row, 1]),
            _box(points, row), float(np.nan_to_num(quality[row])),
        )
        for row in range(len(points))
    ]  # fmt: skip


def _box(points: Points, row: int) -> Box:
    x1, y1, x2, y2 = (round(float(side), 5) for side in points.box_xyxy[row])
    return x1, y1, x2, y2


def _stretches(faces: Sequence[FaceRow], bridge_seconds: float) -> Iterator[Appearance]:
    """Faces of one media file, in order of their starts, to stretches."""
    together: list[FaceRow] = []
    end = 0.0
    for face in faces:
        if together and face.start_seconds > end + bridge_seconds:
            yield _appearance(together, end)
            together, end = [], 0.0
        together.append(face)
        end = max(end, face.end_seconds)
    if together:
        yield _appearance(together, end)


def _appearance(faces: Sequence[FaceRow], end_seconds: float) -> Appearance:
    best = max(faces, key=lambda face: face.quality)
    return Appearance(
        best.media_id, round(faces[0].start_seconds, 3), round(end_seconds, 3), round(best.start_seconds, 3),
        best.box_xyxy, best.id, len(faces),
    )  # fmt: skip


def _person_before(units: Sequence[Unit], taken: set[str]) -> str:
    """Whom most of these belonged to, so that people keep their ids when all are grouped anew; somebody new
    where that one has gone to others already."""
    votes: dict[str, int] = {}
    for unit in units:
        if unit.person_id is not None and unit.person_id not in taken:
            votes[unit.person_id] = votes.get(unit.person_id, 0) + 1
    return max(votes, key=lambda one: votes[one]) if votes else new_person_id()
