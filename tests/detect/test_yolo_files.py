"""From the setting to a file: the table, paths, consent to pickles. Needs no model runtime."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.checksums import file_sha256
from core.errors import ModelUnavailable, SettingsError
from core.fetch import Package, Url, inspect
from core.settings import DetectorSettings
from detect.models import DETECTORS, FACE_DETECTORS, LANDMARK_SCHEMES, LANDMARKS
from detect.yolo_files import find_yolo


def find(model: Path | str, model_dir: Path, trust: bool = False) -> tuple[str, str, str]:
    found = find_yolo(DetectorSettings(model=str(model), trust_local_pickle=trust), model_dir)
    return found.name, found.format, found.sha256


def test_the_table_says_everything() -> None:
    weights = [model.weights for table in (DETECTORS, FACE_DETECTORS, LANDMARKS) for model in table.values()]
    assert {"yolo11n", "yolo11s", "yolo11m", "yolo26n", "yunet", "dlib5"} <= {one.name for one in weights}
    for one in weights:
        assert one.sha256 and re.fullmatch(r"[0-9a-f]{64}", one.sha256)
        assert one.licence and one.licence_note.endswith(".") and one.size_mb > 0
    for model in (*DETECTORS.values(), *FACE_DETECTORS.values()):
        assert isinstance(model.weights.source, Url)
        assert model.revision in model.weights.source.url and model.good_for
    assert {model.landmarks for model in FACE_DETECTORS.values()} <= set(LANDMARK_SCHEMES)


def test_packaged_weights_are_the_ones_of_the_table(tmp_path: Path) -> None:
    for model in LANDMARKS.values():
        assert isinstance(model.weights.source, Package)
        assert inspect(model.weights, tmp_path) == "packaged"


def test_the_real_yunet_is_the_one_of_the_table(yunet_file: Path) -> None:
    weights = FACE_DETECTORS["yunet"].weights
    assert file_sha256(yunet_file) == weights.sha256
    assert yunet_file.name == weights.file
    assert yunet_file.stat().st_size / 1e6 == pytest.approx(weights.size_mb, rel=0.05)


def test_a_name_without_a_network_says_how_to_bring_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelUnavailable, match=r"yolo11n\.pt of yolo11n .* models pull yolo11n"):
        find("yolo11n", tmp_path)


def test_weights_of_a_name_must_be_the_known_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint can run code, so a file that was put in the place of the known one is never opened."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    planted = tmp_path / "yolo11n" / "yolo11n.pt"
    planted.parent.mkdir()
    planted.write_bytes(b"something else")
    with pytest.raises(ModelUnavailable):
        find("yolo11n", tmp_path)


def test_a_local_pickle_needs_consent(tmp_path: Path) -> None:
    path = tmp_path / "mine.pt"
    path.write_bytes(b"weights")
    with pytest.raises(SettingsError, match=r"can run any code .* detector\.trust_local_pickle: true"):
        find(path, tmp_path)
    assert find(path, tmp_path, trust=True) == ("mine", "torch", file_sha256(path))


def test_openvino_and_onnx_need_no_consent(tmp_path: Path) -> None:
    folder = tmp_path / "mine_openvino_model"
    folder.mkdir()
    (folder / "mine.xml").write_text("<net/>")
    with pytest.raises(ModelUnavailable, match=r"mine\.bin is missing"):
        find(folder, tmp_path)
    (folder / "mine.bin").write_bytes(b"one")
    name, kind, first = find(folder, tmp_path)
    assert (name, kind) == ("mine", "openvino") and find(folder / "mine.xml", tmp_path)[2] == first
    (folder / "mine.bin").write_bytes(b"two")
    assert find(folder, tmp_path)[2] != first
    (tmp_path / "other.onnx").write_bytes(b"graph")
    assert find(tmp_path / "other.onnx", tmp_path)[:2] == ("other", "onnx")


@pytest.mark.parametrize(("name", "message"), [
    ("yolo11q", r"no such path, and the names are salient, yolo11n, yolo11s"),
    ("notes.txt", r"is not a detector: give a folder"),
    ("empty", r"must hold one \.xml or \.onnx model; it holds none"),
    ("two", r"it holds a\.onnx, b\.xml"),
])
def test_what_is_no_model_is_named(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("")
    Path("empty").mkdir()
    Path("two").mkdir()
    for file in ("a.onnx", "b.xml"):
        (Path("two") / file).write_text("")
    with pytest.raises(SettingsError, match=message):
        find(name, tmp_path)
