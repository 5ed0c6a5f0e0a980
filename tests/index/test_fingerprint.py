from __future__ import annotations

import pytest

from core.errors import FingerprintMismatch
from index.fingerprint import Fingerprint, check, differences

BASE = {"name": "mobilenet", "weights": "abc", "dimension": "1280"}


def test_the_name_is_stable_and_a_generation_s() -> None:
    one = Fingerprint.of(embedder=BASE, sampling={"samples_per_second": "2.0"})
    turned = dict(reversed(BASE.items()))
    other = Fingerprint.of(sampling={"samples_per_second": 2.0}, embedder=turned, faces=None)
    assert one == other and one.name == other.name
    assert one.name == "37225589967a51a6", "a changed name makes every existing index unreachable"
    assert Fingerprint(one.to_json()).name == one.name


@pytest.mark.parametrize("change", [{"weights": "abd"}, {"dimension": "512"}, {"new": "part"}])
def test_any_change_is_another_name(change: dict[str, str]) -> None:
    assert Fingerprint.of(embedder=BASE).name != Fingerprint.of(embedder={**BASE, **change}).name
    assert Fingerprint.of(embedder=BASE).name != Fingerprint.of(faces=BASE).name


def test_the_same_passes() -> None:
    check(Fingerprint.of(embedder=BASE), Fingerprint.of(embedder=BASE), "")


def test_both_sides_and_the_way_out_are_named() -> None:
    faces, detector = {"name": "dlib"}, {"name": "yolo"}
    active = Fingerprint.of(embedder=BASE, faces=faces)
    wanted = Fingerprint.of(embedder={**BASE, "name": "vit"}, detector=detector, faces=faces)
    assert differences(active, wanted) == [
        ("detector.name", None, "yolo"), ("embedder.name", "mobilenet", "vit"),
    ]  # fmt: skip
    with pytest.raises(FingerprintMismatch) as caught:
        check(active, wanted, "Start a new library with --data-dir.")
    assert str(caught.value) == (
        "The index was made with detector.name none, embedder.name mobilenet, but the settings ask for "
        "detector.name yolo, embedder.name vit. Start a new library with --data-dir."
    )


def test_another_model_is_said_by_its_name_alone() -> None:
    ours = Fingerprint.of(embedder={"name": "a", "weights": "1"}, sampling={"rate": "2"})
    theirs = Fingerprint.of(embedder={"name": "b", "weights": "9"}, sampling={"rate": "1"})
    with pytest.raises(FingerprintMismatch) as refused:
        check(ours, theirs, "Way out.")
    said = str(refused.value)
    assert "embedder.name a" in said and "embedder.name b" in said and "sampling.rate" in said
    assert "weights" not in said
