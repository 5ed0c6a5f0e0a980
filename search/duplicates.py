"""Near-duplicates: stills, videos and stretches of video that are copies or re-encodings of one another.

Frames that resemble each other (vectors of kind ``frame``) vote for an offset in time; what they agree on is
then decoded and looked at (search/same_picture.py). Known pairs are kept, so that only media that are new are
looked at again. Within one video nothing is looked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Literal

import numpy as np

from core.background import Background, Doing, Task
from core.errors import MediaError, NotFound
from core.record import Points
from core.types import Image, MediaType
from index.catalogue import Catalogue
from index.rows import SEARCHABLE
from index.store import VectorStore, Where
from search.alignment import Candidate, Pairs, align
from search.same_picture import (
    STILL_SIDE_PX,
    Agreement,
    Film,
    Grey,
    films_agree,
    frames_agree,
    grey_square,
    stills_agree,
)

DuplicateKind = Literal["still", "video", "stretch"]

LEAST_SECONDS = 2.0
"""Shorter stretches are not looked for."""

_RESEMBLE_MOST, _RESEMBLE_IN_ONE = 120, 8
"""Frames that a frame is compared with: its nearest, and of these the nearest of each media file."""
_TOGETHER = 32
"""Frames asked about together: with what resembles them, 3,840 rows."""
_MOST_PAIRS = 1_000_000
"""Pairs of frames of one media file that are kept, 200 MB at most; what comes later is not looked at."""
_WINDOW_SECONDS = 1.6
"""Length of each of the three windows of a stretch that are decoded."""
_SAME_STRETCH = 0.7
"""Intersection over union from which two stretches of one video are one: ends are right to half a second."""
_WHOLE = 0.9
"""A stretch of at least this share of a video is all of it."""
_END_PICTURE, _STEP_SECONDS, _MOST_STEPS = 0.80, 2.0, 60
"""The ends of a stretch are found by going outwards in steps, while pictures of frames agree at least so."""
_ROUGH_SLACK_SECONDS, _ROUGH_GAP_SECONDS, _HINT = 2.0, 0.12, 0.2
"""Where the offset is known worse than this, it is looked for with few frames first, and given up where what
changes agrees by less than this."""
_MOST_FAILURES = 2
"""Stretches of two videos that turn out not to be the same, before no more are looked at."""
_PICTURE, _CHANGE, _STILLNESS, _STILL_PICTURE = 0.85, 0.50, 0.06, 0.97
"""Of films: the least correlations of pictures and of what changes. Below this deviation nothing moves, and
then the pictures must be this alike. docs/duplicates.md says how these and the next were found."""
_PICTURE_OF_STILLS, _WORST_OF_STILLS = 0.93, 0.65
_PAGE = 500

Frames = Callable[[str, float, float], Sequence[tuple[float, Image]]]
"""``frames(media_id, start_seconds, end_seconds)``: every frame shown in the half-open interval, or the one
of a still. Small ones will do. Raises NotFound, MediaError."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Half-open [start_seconds, end_seconds) of a media file; both 0 for a still. ``whole``: all of it."""

    media_id: str
    media_type: MediaType
    start_seconds: float
    end_seconds: float
    whole: bool

    @property
    def seconds(self) -> float:
        return self.end_seconds - self.start_seconds


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Stretches that show the same. ``id`` stays the same as long as they do."""

    id: str
    kind: DuplicateKind
    members: tuple[Stretch, ...]

    @property
    def seconds(self) -> float:
        """The length of the longest."""
        return max(one.seconds for one in self.members)


@dataclass(frozen=True, slots=True)
class _Known:
    """What of the catalogue matters here. ``indexed_at`` changes when the content is indexed anew."""

    media_type: MediaType
    duration_seconds: float
    indexed_at: datetime | None


class Duplicates:
    """Thread-safe. Looks on a thread of its own, one run at a time; what it found is kept in memory.

    ``least_cosine`` is how alike two frames must at least be to be looked at.
    """

    def __init__(
        self, store: VectorStore, catalogue: Catalogue, generation: str, frames: Frames, least_cosine: float
    ) -> None:
        self._store, self._catalogue, self._generation = store, catalogue, generation
        self._frames, self._least_cosine = frames, least_cosine
        self._background = Background("momentseek-duplicates")
        self._lock = Lock()
        self._seen: dict[str, _Known] = {}
        self._same: dict[tuple[str, str], tuple[tuple[Stretch, Stretch], ...]] = {}

    def close(self) -> None:
        self._background.close()

    @property
    def doing(self) -> Doing:
        return self._background.doing

    def look(self) -> bool:
        """Begin to look at what is new, where something is; returns at once: whether all is known already."""
        if self.doing.running:
            return False
        if self._library() == self._seen:
            return True
        self._background.start(self.find)
        return False

    def groups(self) -> list[DuplicateGroup]:
        """What is known so far: the longest first, stills last."""
        with self._lock:
            pairs = [pair for found in self._same.values() for pair in found]
        return sorted(_groups(pairs), key=lambda one: (-one.seconds, -len(one.members), one.id))

    def find(self, task: Task) -> None:
        """Look at all media that are new. Raises StoreError and Interrupted; what is done is kept."""
        library = self._library()
        self._forget(library)
        new = [media_id for media_id in library if media_id not in self._seen]
        for number, media_id in enumerate(new):
            task.check(number / len(new))
            found = self._same_as(task, media_id, library, number / len(new), 1 / len(new))
            with self._lock:
                self._same.update(found)
                self._seen[media_id] = library[media_id]

    def _library(self) -> dict[str, _Known]:
        known: dict[str, _Known] = {}
        after: str | None = None
        while True:
            rows = self._catalogue.list_media(statuses=SEARCHABLE, limit=_PAGE, after=after)
            known.update(
                (row.id, _Known(row.media_type, row.duration_seconds or 0.0, row.indexed_at))
                for row in rows if row.media_type is not None and row.generation == self._generation
            )  # fmt: skip
            if len(rows) < _PAGE:
                return known
            after = rows[-1].id

    def _forget(self, library: dict[str, _Known]) -> None:
        """What is gone, or was indexed anew."""
        with self._lock:
            stays = {media_id for media_id, known in self._seen.items() if library.get(media_id) == known}
            self._seen = {media_id: known for media_id, known in self._seen.items() if media_id in stays}
            self._same = {
                pair: found for pair, found in self._same.items() if pair[0] in stays and pair[1] in stays
            }  # fmt: skip

    def _same_as(
        self, task: Task, media_id: str, library: dict[str, _Known], begun: float, share: float
    ) -> dict[tuple[str, str], tuple[tuple[Stretch, Stretch], ...]]:
        """Pairs with media that were looked at before; later ones will meet this one themselves."""
        media_type = library[media_id].media_type
        alike = self._alike(task, media_id, media_type)
        found = {}
        for number, (other, pairs) in enumerate(sorted(alike.items())):
            task.check(begun + share * (number + 1) / (len(alike) + 1))
            if other not in self._seen or other not in library:
                continue
            one = media_id, other
            if media_type == "image":
                same = self._same_still(*one)
            else:
                same = tuple(self._same_stretches(task, one, library, pairs))
            if same:
                found[one] = same
        return found

    def _alike(self, task: Task, media_id: str, media_type: MediaType) -> dict[str, Pairs]:
        """Frames of other media that resemble frames of this one."""
        frames = self._store.scroll("visual", Where(media_ids=(media_id,), kinds=("frame",)))
        where = Where(media_type=media_type, kinds=("frame",), not_media_ids=(media_id,))
        spans: dict[str, list[tuple[float, ...]]] = {}
        kept = 0
        for first in range(0, len(frames), _TOGETHER):
            task.check(self.doing.progress)
            if kept > _MOST_PAIRS:
                break
            some = self._store.get(frames.id[first : first + _TOGETHER], "visual")
            hits = self._store.query("visual", some.vectors, where, _RESEMBLE_MOST, self._least_cosine)
            for row, near in enumerate(hits):
                for other, own in _ranked(near):
                    spans.setdefault(other, []).append((*some.span_seconds[row], *own))
                    kept += 1
        return {other: _pairs(rows) for other, rows in spans.items()}

    def _same_still(self, media_id: str, other: str) -> tuple[tuple[Stretch, Stretch], ...]:
        one, two = self._still(media_id), self._still(other)
        if one is None or two is None:
            return ()
        agreement = stills_agree(one, two)
        if agreement.picture < _PICTURE_OF_STILLS or agreement.worst > _WORST_OF_STILLS:
            return ()
        return ((Stretch(media_id, "image", 0.0, 0.0, True), Stretch(other, "image", 0.0, 0.0, True)),)

    def _same_stretches(
        self, task: Task, one: tuple[str, str], library: dict[str, _Known], pairs: Pairs
    ) -> Iterator[tuple[Stretch, Stretch]]:
        lengths = library[one[0]].duration_seconds, library[one[1]].duration_seconds
        failures = 0
        taken: list[tuple[float, float]] = []
        for candidate in align(pairs, min(LEAST_SECONDS, *lengths)):
            task.check(self.doing.progress)
            middle = (candidate.start_seconds + candidate.end_seconds) / 2
            if any(start <= middle < end for start, end in taken):
                continue
            found = self._exact_offset(one, candidate)
            if found is None:
                failures += 1
                if failures >= _MOST_FAILURES:
                    return
                continue
            offset, agreement = found
            first, last = max(0.0, -offset), min(lengths[0], lengths[1] - offset)
            inside = _windows(candidate.start_seconds, candidate.end_seconds)
            start = self._end(task, one, offset, agreement, inside[0][1], first)
            end = self._end(task, one, offset, agreement, inside[-1][0], last)
            taken.append((start, end))
            if end - start >= min(LEAST_SECONDS, *lengths) - 0.5:
                yield (
                    _stretch(one[0], start, end, lengths[0]),
                    _stretch(one[1], start + offset, end + offset, lengths[1]),
                )  # fmt: skip

    def _end(
        self, task: Task, one: tuple[str, str], offset: float, agreement: Agreement, inside: float,
        limit: float,
    ) -> float:  # fmt: skip
        """How far the stretch reaches from ``inside`` towards ``limit``, in seconds of the first video."""
        outwards = 1 if limit > inside else -1
        reached = inside
        for _ in range(_MOST_STEPS):
            task.check(self.doing.progress)
            if abs(limit - reached) < 0.1:
                return limit
            low, high = sorted((reached, reached + outwards * min(_STEP_SECONDS, abs(limit - reached))))
            times, alike = frames_agree(
                self._film(one[0], low, high),
                self._film(one[1], max(low + offset - 0.2, 0.0), high + offset + 0.2),
                offset, agreement.matrix,
            )  # fmt: skip
            good = (alike >= _END_PICTURE)[::outwards]
            if not good.all() or not len(good):
                alone = int(good.argmin()) if len(good) else 0
                return float(times[::outwards][alone - 1]) if alone else reached
            reached = high if outwards > 0 else low
        return reached

    def _exact_offset(
        self, one: tuple[str, str], candidate: Candidate
    ) -> tuple[float, Agreement] | None:
        """The offset to the frame, or None when it is not the same recording."""
        windows = _windows(candidate.start_seconds, candidate.end_seconds)
        offset, slack = candidate.offset_seconds, candidate.slack_seconds
        first = _joined([self._film(one[0], start, end) for start, end in windows])
        second = _joined([
            self._film(one[1], max(start + offset - slack, 0.0), end + offset + slack)
            for start, end in _merged([(start, end) for start, end in windows], 2 * slack)
        ])  # fmt: skip
        if slack > _ROUGH_SLACK_SECONDS:
            gap = _ROUGH_GAP_SECONDS
            rough = films_agree(first.thinned(gap), second.thinned(gap), offset, slack)
            if rough is None or (rough.moves >= _STILLNESS and rough.change < _HINT):
                return None
            offset, slack = offset + rough.shift_seconds, 4 * gap
            second = second.near(first.times + offset, slack)
        agreement = films_agree(first, second, offset, slack)
        if agreement is None or agreement.picture < _PICTURE:
            return None
        stands = agreement.moves < _STILLNESS
        same = agreement.picture >= _STILL_PICTURE if stands else agreement.change >= _CHANGE
        return (offset + agreement.shift_seconds, agreement) if same else None

    def _still(self, media_id: str) -> Grey | None:
        """None where the original cannot be read."""
        try:
            frames = self._frames(media_id, 0.0, 1.0)
        except (NotFound, MediaError, ValueError):
            return None
        return grey_square(frames[0][1], STILL_SIDE_PX) if frames else None

    def _film(self, media_id: str, start_seconds: float, end_seconds: float) -> Film:
        """Without frames where the original cannot be read."""
        try:
            return Film.of(self._frames(media_id, start_seconds, end_seconds))
        except (NotFound, MediaError, ValueError):
            return Film.of([])


def _ranked(near: Points) -> Iterator[tuple[str, tuple[float, float, int]]]:
    """Other media id -> span there, and which of that medium's hits this is, the best being 0."""
    met: dict[str, int] = {}
    for row, media_id in enumerate(near.media_id):
        rank = met.get(media_id, 0)
        met[media_id] = rank + 1
        if rank < _RESEMBLE_IN_ONE:
            yield media_id, (float(near.span_seconds[row, 0]), float(near.span_seconds[row, 1]), rank)


def _pairs(rows: Sequence[tuple[float, ...]]) -> Pairs:
    table = np.array(rows, np.float64)
    return Pairs(table[:, :2], table[:, 2:4], table[:, 4].astype(np.int64))


def _windows(start_seconds: float, end_seconds: float) -> list[tuple[float, float]]:
    """Three windows of a stretch, its middle where it is short."""
    middle = (start_seconds + end_seconds - _WINDOW_SECONDS) / 2
    if end_seconds - start_seconds <= 3 * _WINDOW_SECONDS + 1:
        return [(max(middle, 0.0), max(middle, 0.0) + _WINDOW_SECONDS)]
    # Ends are only known to half a second.
    starts = start_seconds + 0.5, middle, end_seconds - 0.5 - _WINDOW_SECONDS
    return [(start, start + _WINDOW_SECONDS) for start in starts]


def _merged(windows: Sequence[tuple[float, float]], gap_seconds: float) -> list[tuple[float, float]]:
    """Windows that would overlap when they are widened, as one: no frame may come twice."""
    merged: list[tuple[float, float]] = []
    for start, end in windows:
        if merged and start - merged[-1][1] <= gap_seconds:
            merged[-1] = merged[-1][0], end
        else:
            merged.append((start, end))
    return merged


def _joined(films: Sequence[Film]) -> Film:
    return Film(
        np.concatenate([film.times for film in films]), np.concatenate([film.pictures for film in films])
    )


def _stretch(media_id: str, start: float, end: float, duration: float) -> Stretch:
    whole = end - start >= _WHOLE * duration
    return Stretch(media_id, "video", 0.0 if whole else start, duration if whole else end, whole)


def _groups(pairs: Sequence[tuple[Stretch, Stretch]]) -> Iterator[DuplicateGroup]:
    """Who is the same as somebody who is the same is the same."""
    nodes: list[Stretch] = []
    parent: list[int] = []

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    by_media: dict[str, list[int]] = {}
    for pair in pairs:
        ends = []
        for stretch in pair:
            own = by_media.setdefault(stretch.media_id, [])
            node = next((one for one in own if _overlap(nodes[one], stretch) > _SAME_STRETCH), None)
            if node is None:
                node = len(nodes)
                nodes.append(stretch)
                parent.append(node)
                own.append(node)
            ends.append(node)
        parent[root(ends[0])] = root(ends[1])
    together: dict[int, list[Stretch]] = {}
    for node, stretch in enumerate(nodes):
        together.setdefault(root(node), []).append(stretch)
    for members in together.values():
        members.sort(key=lambda one: (one.media_id, one.start_seconds))
        named = "|".join(f"{one.media_id}:{one.start_seconds:.1f}-{one.end_seconds:.1f}" for one in members)
        yield DuplicateGroup(hashlib.sha256(named.encode()).hexdigest()[:16], _kind(members), tuple(members))


def _kind(members: Sequence[Stretch]) -> DuplicateKind:
    if members[0].media_type == "image":
        return "still"
    return "video" if all(one.whole for one in members) else "stretch"


def _overlap(one: Stretch, other: Stretch) -> float:
    """Intersection over union; 1 for two stills."""
    if one.seconds == 0 or other.seconds == 0:
        return float(one.seconds == other.seconds)
    shared = min(one.end_seconds, other.end_seconds) - max(one.start_seconds, other.start_seconds)
    return max(shared, 0.0) / (one.seconds + other.seconds - max(shared, 0.0))
