"""People in the catalogue: named, merged, refused; what people decided outlives every grouping."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from core.errors import InvalidRequest, NotFound
from index.catalogue import Catalogue
from index.people import FaceRow, People, unit_of

LEFT, RIGHT = (0.1, 0.1, 0.3, 0.3), (0.6, 0.1, 0.8, 0.3)


@pytest.fixture
def people(catalogue_place: str | Path) -> Iterator[People]:
    with Catalogue.open(catalogue_place) as catalogue:
        for media_id in ("a", "b"):
            catalogue.record_file(f"/{media_id}.mp4", 1, 1, media_id)
    with People.open(catalogue_place) as opened:
        yield opened


def face(media_id: str, track: int, second: float, box: tuple[float, ...] = LEFT, mark: str = "") -> FaceRow:
    face_id = f"{media_id}-{track}-{second:g}{mark}"
    x1, y1, x2, y2 = box
    unit = unit_of(media_id, track, face_id)
    return FaceRow(face_id, media_id, unit, second, second + 1, (x1, y1, x2, y2), 0.1 + second / 100)


def fill(people: People) -> None:
    """One face track of two sights and one of one in a, one track in b: p has the first of each, q the
    other."""
    people.replace_faces("a", "g", [face("a", 0, 0), face("a", 0, 1), face("a", 1, 0, RIGHT)])
    people.replace_faces("b", "g", [face("b", 0, 5)])
    people.assign({"a/0": "p", "b/0": "p", "a/1": "q"}, again=False)


def ids(faces: Sequence[FaceRow]) -> list[str]:
    return [one.id for one in faces]


def test_nobody_at_first(people: People) -> None:
    assert people.list_people(10) == []
    assert list(people.units(8)) == [] and people.face_counts("g") == {}
    for ask in (people.get_person, people.find_person, people.faces_of):
        with pytest.raises(NotFound):
            ask("p")


def test_whose_faces_are_counted_and_listed(people: People) -> None:
    fill(people)
    assert people.face_counts("g") == {"a": 3, "b": 1} and people.face_counts("h") == {}
    first, second = people.list_people(10)
    assert (first.id, first.faces, first.media, first.cover_face_id) == ("p", 3, 2, "b-0-5")
    assert (second.id, second.faces, second.media) == ("q", 1, 1)
    assert people.list_people(1) == [first] and people.list_people(10, (first.faces, first.id)) == [second]
    assert ids(people.faces_of("p")) == ["a-0-0", "a-0-1", "b-0-5"]
    assert ids(people.faces_of("p", "b")) == ["b-0-5"]
    assert people.best_faces("p", 10) == ["b-0-5", "a-0-1"], "one of each track, the best first"


def test_names_are_found_in_any_case_and_belong_to_one(people: People) -> None:
    fill(people)
    assert people.name_person("p", "Åsa").name == "Åsa"
    assert people.find_person("åSA").id == people.find_person("p").id == "p"
    assert [row.id for row in people.list_people(10, named=True)] == ["p"]
    assert [row.id for row in people.list_people(10, named=False)] == ["q"]
    assert [row.id for row in people.list_people(10, name_contains="SA")] == ["p"]
    with pytest.raises(InvalidRequest, match="somebody else's name"):
        people.name_person("q", "åsa")
    for wrong in ("", " x", "x" * 101, "a\nb"):
        with pytest.raises(InvalidRequest):
            people.name_person("q", wrong)
    assert people.name_person("p", None).name is None
    assert people.name_person("q", "Åsa").name == "Åsa"


def test_a_name_is_a_decision_that_grouping_keeps(people: People) -> None:
    fill(people)
    people.name_person("p", "Åsa")
    people.assign({"a/0": "r", "a/1": "r"}, again=True)
    assert ids(people.faces_of("p")) == ["a-0-0", "a-0-1", "b-0-5"]
    assert ids(people.faces_of("r")) == ["a-1-0"]
    people.forget_nobodies()
    assert [row.id for row in people.list_people(10)] == ["p", "r"], "q has neither a name nor a face"


def test_only_what_is_nobodys_is_assigned_unless_again(people: People) -> None:
    fill(people)
    people.assign({"a/0": "r"}, again=False)
    assert ids(people.faces_of("p", "a")) == ["a-0-0", "a-0-1"]
    people.assign({"a/0": "r"}, again=True)
    assert ids(people.faces_of("r")) == ["a-0-0", "a-0-1"]


def test_merged_people_are_one_and_stay_so(people: People) -> None:
    fill(people)
    people.name_person("q", "Åsa")
    merged = people.merge_people("p", ["q", "p"])
    assert (merged.name, merged.faces, merged.media) == ("Åsa", 4, 2)
    people.assign({"a/0": "r", "a/1": "r", "b/0": "r"}, again=True)
    assert len(people.faces_of("p")) == 4
    with pytest.raises(NotFound):
        people.merge_people("p", ["q"])


def test_a_refused_track_goes_and_is_marked(people: People) -> None:
    fill(people)
    people.name_person("p", "Åsa")
    other = people.refuse_face("p", "a-0-1")
    assert ids(people.faces_of(other.id)) == ["a-0-0", "a-0-1"] and ids(people.faces_of("p")) == ["b-0-5"]
    refused = {unit.key: unit.refused for unit in people.units(1)}
    assert refused == {"a/0": {"p"}, "a/1": frozenset(), "b/0": frozenset()}
    with pytest.raises(NotFound):
        people.refuse_face("p", "a-0-1")
    people.merge_people("p", [other.id])
    assert all(not unit.refused for unit in people.units(1)), "who merges has thought better of it"


def test_decisions_go_over_to_another_generation_of_the_index(people: People) -> None:
    fill(people)
    people.name_person("q", "Åsa")
    people.refuse_face("p", "b-0-5")
    moved = (0.62, 0.1, 0.82, 0.3)
    people.replace_faces("a", "h", [face("a", 7, 0.2, LEFT, "h"), face("a", 8, 0.2, moved, "h"),
                                    face("a", 8, 1.2, moved, "h")])  # fmt: skip
    people.replace_faces("b", "h", [face("b", 7, 5.3, LEFT, "h")])
    assert people.face_counts("g") == {} and people.face_counts("h") == {"a": 3, "b": 1}
    assert ids(people.faces_of("q")) == ["a-8-0.2h", "a-8-1.2h"], "with the rest of its track"
    free = {unit.key: unit.refused for unit in people.units(8, free=True)}
    assert free == {"a/7": frozenset(), "b/7": {"p"}}


def test_the_same_faces_again_change_nothing(people: People) -> None:
    fill(people)
    people.replace_faces("a", "g", [face("a", 0, 0), face("a", 0, 1), face("a", 1, 0, RIGHT)])
    assert ids(people.faces_of("p", "a")) == ["a-0-0", "a-0-1"] and ids(people.faces_of("q")) == ["a-1-0"]


def test_faces_go_with_their_media(people: People, catalogue_place: str | Path) -> None:
    fill(people)
    people.name_person("q", "Åsa")
    with Catalogue.open(catalogue_place) as catalogue:
        catalogue.remove_media("a")
    rows = people.list_people(10)
    assert [(row.id, row.faces) for row in rows] == [("p", 1), ("q", 0)], "a name stays"
    people.forget_nobodies()
    assert {row.id for row in people.list_people(10)} == {"p", "q"}
