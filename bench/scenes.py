"""The demo's library: a few videos and stills made from real photographs, and the truth about them.

Nobody has to be asked where the coffee cup appears: the shot lists below say it, frame by frame. To add a
scene, add a Shot to a Reel; truth and files follow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby
from pathlib import Path

from bench.camera import Reel, Shot, Stretch, View, look, write_reel
from bench.photographs import THINGS, Box, Thing, available, photograph

LEAST_SHARE_IN_FRAME = 0.5
"""A thing counts as shown while at least this share of its box is inside the frame."""

NTSC = Fraction(30000, 1001)

REELS: tuple[Reel, ...] = (
    Reel("morning.mp4", Fraction(25), (1280, 720), (
        Shot("coffee", 4.7, View(0.5, 0.5), View(0.48, 0.4, 1.5)),
        Shot("chelsea", 4.0, View(0.4, 0.5, 1.3), View(0.6, 0.5, 1.3)),
        Shot("flower", 4.0, View(0.6, 0.4, 1.5), View(0.5, 0.5), dissolve_seconds=1.0),
        Shot("coins", 3.0, View(0.5, 0.3), View(0.5, 0.7)),
    )),
    Reel("space.mp4", Fraction(24), (1280, 720), (
        Shot("rocket", 4.0, View(0.5, 0.8, 1.2), View(0.5, 0.6)),
        Shot("hubble", 3.0, View(0.3, 0.3, 1.8), View(0.6, 0.6, 1.4), dissolve_seconds=0.75),
        Shot("astronaut", 4.0, View(0.45, 0.25), View(0.45, 0.2, 1.4)),
        Shot("moon", 2.5, View(0.4, 0.4, 1.2), View(0.6, 0.6), dissolve_seconds=0.5),
    )),
    Reel("portrait.mp4", NTSC, (720, 1280), (
        Shot("grace_hopper", 3.4, View(0.5, 0.45, 1.2), View(0.5, 0.4, 1.5)),
        Shot("brick", 2.6, View(0.4, 0.5, 1.1), View(0.6, 0.5, 1.1), dissolve_seconds=0.6),
        Shot("coffee", 4.0, View(0.52, 0.5), View(0.46, 0.45, 1.15), exposure=0.8),
        Shot("retina", 2.5, View(0.4, 0.5, 1.6), View(0.55, 0.5, 1.2)),
    )),
    Reel("archive.mp4", Fraction(30), (640, 360), (
        Shot("camera", 4.0, View(0.4, 0.3), View(0.45, 0.4, 1.2)),
        Shot("astronaut", 3.6, View(0.5, 0.1, 1.2), View(0.5, 0.7, 1.1), exposure=0.85),
        Shot("china", 4.0, View(0.3, 0.4, 1.3), View(0.6, 0.5, 1.3), exposure=1.1),
        Shot("chelsea", 3.2, View(0.55, 0.4, 1.1), View(0.5, 0.45, 1.3), dissolve_seconds=0.8),
    )),
    Reel("handheld.mp4", Fraction(50), (640, 360), (
        Shot("china", 4.0, View(0.45, 0.45, 1.15), View(0.42, 0.45, 1.3), shake=0.012),
        Shot("rocket", 3.0, View(0.5, 0.7, 1.6), View(0.5, 0.6, 1.3), shake=0.01, exposure=1.2),
        Shot("flower", 3.0, View(0.5, 0.5, 1.2), View(0.45, 0.5, 1.4), shake=0.015),
    )),
    # Only where ultralytics is installed: its wheel carries these two.
    Reel("street.mp4", Fraction(25), (960, 540), (
        Shot("bus", 3.0, View(0.5, 0.45), View(0.5, 0.7)),
        Shot("zidane", 3.0, View(0.4, 0.5, 1.2), View(0.6, 0.5, 1.2)),
    )),
)


@dataclass(frozen=True, slots=True)
class Still:
    """A picture to be: the file's suffix chooses the format, ``quality`` counts where it can lose any."""

    name: str
    photograph: str
    size_wh: tuple[int, int]
    view: View = field(default_factory=View)
    exposure: float = 1.0
    quality: int = 88

    def window(self) -> Box:
        return self.view.window(photograph(self.photograph).size, self.size_wh)

    def write(self, folder: Path) -> Path:
        path = folder / self.name
        look(self.photograph, self.view, self.size_wh, self.exposure).save(path, quality=self.quality)
        return path


STILLS: tuple[Still, ...] = (
    Still("espresso.webp", "coffee", (800, 600), View(0.45, 0.45, 1.1), exposure=0.9),
    Still("pagoda.jpg", "china", (1024, 768), View(0.4, 0.5, 1.05)),
    Still("admiral.png", "grace_hopper", (600, 600), View(0.5, 0.4, 1.1)),
    Still("galaxies.jpg", "hubble", (1200, 900), View(0.55, 0.5)),
)


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to ask. ``answer`` is the photograph or thing that should be found, None for nothing.

    The picture that is asked with is in no file of the library: another crop, size, light and quality.
    ``boxed`` is the thing on it that the box is drawn round.
    """

    words: str
    picture: Still
    answer: str | None
    boxed: str | None = None
    face: bool = False

    @property
    def box_xyxy(self) -> Box | None:
        """The box to ask with, on the picture; None for the whole of it."""
        if self.boxed is None:
            return None
        box, _ = _in_frame(THINGS[self.boxed].box_xyxy, self.picture.window())
        return box


QUESTIONS: tuple[Question, ...] = (
    Question(
        "Where is this place?",
        Still("ask_place.jpg", "china", (480, 320), View(0.5, 0.5, 1.1), exposure=0.85, quality=70),
        answer="china",
    ),
    Question(
        "Where is this cup?",
        Still("ask_cup.jpg", "coffee", (500, 340), View(0.5, 0.5, 1.02), exposure=1.12, quality=70),
        answer="the cup", boxed="the cup",
    ),
    Question(
        "Where is she?",
        Still("ask_face.jpg", "astronaut", (420, 420), View(0.45, 0.3, 1.5), exposure=1.08, quality=75),
        answer="the astronaut's face", boxed="the astronaut's face", face=True,
    ),
    Question(
        "Where is this motorcycle? (nowhere)",
        Still("ask_motorcycle.jpg", "motorcycle", (640, 430), quality=80),
        answer=None,
    ),
)


@dataclass(frozen=True, slots=True)
class Moment:
    """[start_seconds, end_seconds) of one video."""

    media: str
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True, slots=True)
class Truth:
    """Where everything is: keys are names of photographs and of things on them."""

    moments: dict[str, tuple[Moment, ...]] = field(default_factory=dict)
    stills: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def moments_of(self, name: str | None) -> tuple[Moment, ...]:
        return self.moments.get(name, ()) if name else ()

    def stills_of(self, name: str | None) -> tuple[str, ...]:
        return self.stills.get(name, ()) if name else ()


def build_demo_library(folder: Path) -> Truth:
    """Write the library into ``folder`` (what is already there is kept) and say what is in it."""
    folder.mkdir(parents=True, exist_ok=True)
    reels = [reel for reel in REELS if all(available(shot.photograph) for shot in reel.shots)]
    for reel in reels:
        write_reel(reel, folder / reel.name)
    for still in STILLS:
        still.write(folder)
    return truth_of(reels, STILLS)


def write_questions(folder: Path) -> list[tuple[Question, Path]]:
    """The four questions with the pictures to ask them with. Keep them out of the library's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return [(question, question.picture.write(folder)) for question in QUESTIONS]


def truth_of(reels: list[Reel], stills: tuple[Still, ...]) -> Truth:
    moments: dict[str, list[Moment]] = {}
    in_stills: dict[str, list[str]] = {}
    for reel in reels:
        for stretch in reel.stretches():
            whole = Moment(reel.name, reel.seconds(stretch.first), reel.seconds(stretch.stop))
            moments.setdefault(stretch.shot.photograph, []).append(whole)
            for name, thing in _things_on(stretch.shot.photograph):
                moments.setdefault(name, []).extend(_shown(reel, stretch, thing))
    for still in stills:
        in_stills.setdefault(still.photograph, []).append(still.name)
        for name, thing in _things_on(still.photograph):
            if _in_frame(thing.box_xyxy, still.window())[1] >= LEAST_SHARE_IN_FRAME:
                in_stills.setdefault(name, []).append(still.name)
    return Truth(
        {name: tuple(found) for name, found in moments.items() if found},
        {name: tuple(found) for name, found in in_stills.items()},
    )


def box_in_reel(reel: Reel, name: str, time_seconds: float) -> Box | None:
    """Where the thing ``name`` is in the frame shown at ``time_seconds``; None while it is not shown."""
    frame = int(time_seconds * reel.fps + 1e-6)
    for stretch in reel.stretches():
        if stretch.first <= frame < stretch.stop and stretch.shot.photograph == THINGS[name].photograph:
            return _box_in_frame(reel, stretch, THINGS[name], frame)
    return None


def _things_on(name: str) -> list[tuple[str, Thing]]:
    return [(thing_name, thing) for thing_name, thing in THINGS.items() if thing.photograph == name]


def _shown(reel: Reel, stretch: Stretch, thing: Thing) -> Iterator[Moment]:
    """The runs of frames that show the thing."""
    frames = range(stretch.first, stretch.stop)
    for shown, run in groupby(frames, lambda frame: _box_in_frame(reel, stretch, thing, frame) is not None):
        if shown:
            numbers = list(run)
            yield Moment(reel.name, reel.seconds(numbers[0]), reel.seconds(numbers[-1] + 1))


def _box_in_frame(reel: Reel, stretch: Stretch, thing: Thing, frame: int) -> Box | None:
    window = stretch.view(frame).window(photograph(thing.photograph).size, reel.size_wh)
    box, share = _in_frame(thing.box_xyxy, window)
    return box if share >= LEAST_SHARE_IN_FRAME else None


def _in_frame(box_xyxy: Box, window: Box) -> tuple[Box, float]:
    """A box on the photograph as seen through ``window``: (the part in the frame, the share of it).

    >>> _in_frame((0.25, 0.0, 0.75, 0.5), (0.5, 0.0, 1.0, 1.0))
    ((0.0, 0.0, 0.5, 0.5), 0.5)
    """
    left, top, right, bottom = window
    x1, y1 = (box_xyxy[0] - left) / (right - left), (box_xyxy[1] - top) / (bottom - top)
    x2, y2 = (box_xyxy[2] - left) / (right - left), (box_xyxy[3] - top) / (bottom - top)
    seen = (min(max(x1, 0.0), 1.0), min(max(y1, 0.0), 1.0), min(max(x2, 0.0), 1.0), min(max(y2, 0.0), 1.0))
    share = (seen[2] - seen[0]) * (seen[3] - seen[1]) / ((x2 - x1) * (y2 - y1))
    return seen, share
