from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import MomentseekError, SettingsError
from core.settings import load, profile_names


@pytest.fixture(autouse=True)
def no_settings_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOMENTSEEK_MODEL_DIR", raising=False)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "momentseek.yaml"
    path.write_text(text, "utf-8")
    return path


def test_with_nothing_said_the_offline_profile_runs() -> None:
    settings = load()
    assert settings.profile == "offline"
    assert (settings.embedder.model, settings.detector.model, settings.faces.model) == (
        "mobilenetv2", "salient", "dlib")
    assert settings.data_dir == Path.home() / ".local/share/momentseek"


@pytest.mark.parametrize("profile", profile_names())
def test_every_profile_loads(profile: str) -> None:
    assert load(overrides={"profile": profile}).profile == profile


def test_each_layer_stands_above_the_one_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().ingest.samples_per_second == 2
    config = written(tmp_path, "ingest: {samples_per_second: 3, max_side_px: 640}\n")
    assert load(config).ingest.samples_per_second == 3
    monkeypatch.setenv("MOMENTSEEK_INGEST__SAMPLES_PER_SECOND", "4")
    assert load(config).ingest.samples_per_second == 4
    settings = load(config, {"ingest": {"samples_per_second": 5}})
    assert settings.ingest.samples_per_second == 5
    assert settings.ingest.max_side_px == 640, "a layer replaces what it names and nothing else"


def test_a_file_can_swap_one_part_of_its_profile(tmp_path: Path) -> None:
    settings = load(written(tmp_path, "detector: {model: some/yolo11n_int8_openvino_model}\n"))
    assert settings.detector.model == "some/yolo11n_int8_openvino_model"
    assert settings.detector.tiles and settings.embedder.engine == "openvino"


def test_the_environment_can_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOMENTSEEK_CONFIG", str(written(tmp_path, "server: {port: 9000}\n")))
    assert load().server.port == 9000


def test_the_data_folder_follows_the_desktop_s_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
    assert load().data_dir == Path("/somewhere/momentseek")
    monkeypatch.setenv("MOMENTSEEK_DATA_DIR", "/elsewhere")
    assert load().data_dir == Path("/elsewhere")


@pytest.mark.parametrize(("text", "says"), [
    ("ingest: {samples_per_secnd: 3}\n", "ingest.samples_per_secnd"),
    ("speed: 3\n", "speed"),
    ("ingest: {samples_per_second: -1}\n", "ingest.samples_per_second = -1"),
    ("ingest: {samples_per_second: many}\n", "'many'"),
    ("server: {port: 70000}\n", "server.port = 70000"),
    ("profile: laptop\n", "the profiles are"),
    ("- a\n- b\n", "keys and values"),
    ("a: [1,\n", "not valid YAML"),
])
def test_a_wrong_key_or_value_is_named_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(written(tmp_path, text))
    assert says in str(caught.value) and "\n" not in str(caught.value)
    assert isinstance(caught.value, MomentseekError) and isinstance(caught.value, ValueError)


@pytest.mark.parametrize("overrides", [{"ingest": {"samples_per_second": 0}}, {"nonsense": 1}])
def test_the_command_line_is_checked_like_the_file(overrides: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        load(overrides=overrides)


@pytest.mark.parametrize("name", ["MOMENTSEEK_SPEED", "MOMENTSEEK_INGEST__SPEED", "MOMENTSEEK_INGEST__"])
def test_an_unknown_variable_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "3")
    with pytest.raises(SettingsError, match=r"MOMENTSEEK_|ingest\."):
        load()


def test_a_missing_file_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Cannot read the configuration"):
        load(tmp_path / "none.yaml")


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert load(written(tmp_path, "")) == load()


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().ingest.samples_per_second = 9
