"""Dockerfile, docker-compose.yml and .env.example: what must hold of them, and that they fit the program."""

from __future__ import annotations

import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from api.auth import NEEDED
from core.settings import Settings, load
from momentseek import __version__
from momentseek.cli import app

ROOT = Path(__file__).resolve().parents[1]
PROFILES = {
    "cpu": {"models-cpu", "server-cpu"},
    "cuda": {"models-cuda", "server-cuda"},
    "cluster": {"models-cluster", "qdrant-1", "qdrant-2", "qdrant-3", "postgres", "api", "worker"},
}
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name for name, service in SERVICES.items() if service["image"].startswith("momentseek:")}
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
_NAMED = re.compile(r"\$\{([A-Z_]+):-([^}]*)\}")


def every_service() -> Any:
    return pytest.mark.parametrize("name", sorted(SERVICES))


def filled_in(text: str) -> str:
    """As docker compose reads it where nothing is set."""
    return _NAMED.sub(lambda found: found[2], text).replace("$$", "$")


# The services


def test_each_profile_has_its_services() -> None:
    found = {
        profile: {name for name, service in SERVICES.items() if service["profiles"] == [profile]}
        for profile in PROFILES
    }
    assert found == PROFILES
    assert set().union(*found.values()) == set(SERVICES)


@every_service()
def test_it_waits_for_services_of_its_own_profile(name: str) -> None:
    [profile] = SERVICES[name]["profiles"]
    needed: dict[str, dict[str, str]] = SERVICES[name].get("depends_on", {})
    assert set(needed) <= PROFILES[profile] - {name}
    for other, how in needed.items():
        ends = other.startswith("models-")
        assert how["condition"] == ("service_completed_successfully" if ends else "service_healthy")


@every_service()
def test_its_image_is_pinned(name: str) -> None:
    image = SERVICES[name]["image"]
    if name in OURS:
        assert re.fullmatch(rf"momentseek:{re.escape(__version__)}-(cpu|cuda|cluster)", image)
        assert SERVICES[name]["build"]["context"] == "."
    else:
        assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?", image), image


@every_service()
def test_it_may_do_no_more_than_it_must(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    too_much = {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices", "userns_mode", "group_add"}
    assert not too_much & set(service)
    assert "docker.sock" not in str(service)
    limits = service["deploy"]["resources"]["limits"]
    assert re.fullmatch(r"\d+g", filled_in(limits["memory"])) and limits["pids"] <= 2000


@every_service()
def test_somebody_sees_whether_it_is_well(name: str) -> None:
    service = SERVICES[name]
    if name.startswith("models-"):  # it ends
        assert service["healthcheck"] == {"disable": True}
    elif service.get("command") == ["serve"]:
        assert "healthcheck" not in service  # the image's own
    else:
        assert {"test", "interval", "timeout", "retries"} <= set(service["healthcheck"])
        assert service["restart"] == "unless-stopped"


def test_the_page_is_at_one_address_and_nothing_else_is_published() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"server-cpu", "server-cuda", "api"}
    for [port] in published.values():
        assert filled_in(port) == "127.0.0.1:8765:8765"


def test_only_who_must_reaches_other_networks() -> None:
    assert COMPOSE["networks"] == {"outside": None, "inside": {"internal": True}}
    inside_alone = {name for name, service in SERVICES.items() if set(service["networks"]) == {"inside"}}
    assert inside_alone == {"qdrant-1", "qdrant-2", "qdrant-3", "postgres", "worker"}


# Volumes, secrets, variables


def test_every_volume_is_declared_and_used() -> None:
    used = {
        volume.partition(":")[0]
        for service in SERVICES.values() for volume in service.get("volumes", []) if isinstance(volume, str)
    }  # fmt: skip
    assert used == set(COMPOSE["volumes"])
    for name in ("qdrant-1", "qdrant-2", "qdrant-3"):  # a node's data are its own
        assert [name in str(service.get("volumes")) for service in SERVICES.values()].count(True) == 1


@pytest.mark.parametrize("name", sorted(OURS))
def test_media_cannot_be_written(name: str) -> None:
    for volume in SERVICES[name]["volumes"]:
        if not isinstance(volume, str):
            assert (volume["type"], volume["target"], volume["read_only"]) == ("bind", "/media", True)


def test_secrets_are_files_that_stay_out_of_image_and_repository() -> None:
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == set(COMPOSE["secrets"])
    for name, secret in COMPOSE["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
    assert {"/secrets/", "/.env"} <= set((ROOT / ".gitignore").read_text("utf-8").splitlines())
    assert "*" in ignored_by_docker()


@every_service()
def test_no_variable_holds_a_secret(name: str) -> None:
    mounted = {f"/run/secrets/{secret}" for secret in SERVICES[name].get("secrets", [])}
    for variable, value in SERVICES[name].get("environment", {}).items():
        if re.search(r"PASSWORD|KEY|TOKEN|SECRET", variable):
            assert variable.endswith("_FILE") and value in mounted
        assert not re.search(r"://[^/@]*:[^/@]*@", value)


@pytest.mark.parametrize("name", sorted(OURS))
def test_its_variables_are_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_in(name, monkeypatch)
    assert str(settings.data_dir) == "/data" and str(settings.model_dir) == "/models"
    assert (settings.server.host, settings.server.port) == ("0.0.0.0", 8765)
    [profile] = SERVICES[name]["profiles"]
    assert settings.profile == {"cpu": "offline", "cuda": "gpu", "cluster": "cluster"}[profile]
    if profile == "cluster" and not name.startswith("models-"):
        assert settings.catalogue.url is not None and settings.catalogue.password_file is not None
        assert settings.store.url == "http://qdrant:6333" and settings.store.api_key_file is not None
        assert settings.server.works is (name != "api")


def settings_in(name: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for variable in [one for one in os.environ if one.startswith("MOMENTSEEK_")]:
        monkeypatch.delenv(variable)
    for variable, value in {**image_variables(), **SERVICES[name].get("environment", {})}.items():
        if variable.startswith("MOMENTSEEK_"):
            monkeypatch.setenv(variable, filled_in(value))
    return load()


def test_api_and_workers_are_of_one_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """They may differ in how they compute, not in what."""
    one, other = settings_in("api", monkeypatch), settings_in("worker", monkeypatch)
    assert (one.catalogue, one.store, one.ingest) == (other.catalogue, other.store, other.ingest)
    how = {"engine": "auto", "device": "auto", "precision": "auto"}
    assert one.embedder == other.embedder.model_copy(update=how)
    assert (one.detector, one.faces) == (other.detector, other.faces)


def test_the_nodes_answer_to_the_name_that_is_asked() -> None:
    nodes = [SERVICES[f"qdrant-{number}"] for number in (1, 2, 3)]
    assert all(node["networks"] == {"inside": {"aliases": ["qdrant"]}} for node in nodes)
    addresses = [node["command"][node["command"].index("--uri") + 1] for node in nodes]
    assert addresses == [f"http://qdrant-{number}:6335" for number in (1, 2, 3)]
    assert all(node["command"][:2] == ["--bootstrap", addresses[0]] for node in nodes[1:])


def test_the_example_names_what_can_be_set() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    wanted = dict(_NAMED.findall(text))
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    shown = dict(re.fullmatch(r"#?([A-Z_]+)=(.*)", line).groups() for line in lines  # type: ignore[union-attr]
                 if re.match(r"#?[A-Z_]+=", line))
    assert shown.pop("COMPOSE_PROFILES") in PROFILES
    assert shown == wanted
    # A variable of ours would reach the containers only by being named there.
    assert not [name for name in wanted if name.startswith("MOMENTSEEK_")]


# The image


def image_variables() -> dict[str, str]:
    return dict(re.findall(r"(MOMENTSEEK_\w+)=(\S+)", DOCKERFILE))


def test_the_image_is_pinned_and_not_of_root() -> None:
    assert re.search(r"^ARG PYTHON=3\.\d+\.\d+-slim-\w+$", DOCKERFILE, re.M)
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.M)) == {"python:${PYTHON}"}
    [user] = re.findall(r"^USER (\S+)$", DOCKERFILE, re.M)
    assert {SERVICES[name]["user"] for name in OURS} == {user}
    assert f"--uid {user.partition(':')[0]} " in DOCKERFILE


def test_its_health_is_asked_where_nobody_needs_a_key() -> None:
    [path] = re.findall(r"http://127\.0\.0\.1:8765(/\S+?)'", DOCKERFILE)
    assert NEEDED[("GET", path)] == "nothing"
    assert "HEALTHCHECK" in DOCKERFILE


@pytest.mark.parametrize("name", sorted(OURS))
def test_its_commands_exist(name: str) -> None:
    assert 'ENTRYPOINT ["momentseek"]' in DOCKERFILE and 'CMD ["serve"]' in DOCKERFILE
    assert_is_a_command(SERVICES[name]["command"])
    asked = SERVICES[name].get("healthcheck", {}).get("test")
    if asked:
        assert asked[:2] == ["CMD", "momentseek"]
        assert_is_a_command(asked[2:])


def assert_is_a_command(words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    options = [word.partition("=")[0] for word in words if word.startswith("--")]
    for word in words[: len(words) - len(options)]:
        command = command.commands[word]
    assert not hasattr(command, "commands"), f"{words} is a group of commands"
    assert set(options) <= {option for parameter in command.params for option in parameter.opts}


@pytest.mark.parametrize("name", sorted(OURS))
def test_its_extras_exist(name: str) -> None:
    extras = filled_in(SERVICES[name]["build"]["args"]["EXTRAS"])
    known = PROJECT["project"]["optional-dependencies"]
    assert set(filter(None, extras.split(","))) <= set(known)
    if name in PROFILES["cluster"]:
        assert {"models", "qdrant", "postgres"} == set(extras.split(","))


def test_what_is_built_from_gets_there() -> None:
    let_in = {line.removeprefix("!") for line in ignored_by_docker() if line.startswith("!")}
    packages = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    files = {"pyproject.toml", "constraints.txt", PROJECT["project"]["readme"],
             *PROJECT["project"]["license-files"]}  # fmt: skip
    assert let_in == files | {package.removesuffix("*") for package in packages}
    assert all((ROOT / name).exists() for name in let_in)


def ignored_by_docker() -> list[str]:
    return (ROOT / ".dockerignore").read_text("utf-8").splitlines()


def test_the_image_installs_what_the_project_names(tmp_path: Path) -> None:
    """The program in the Dockerfile that reads pyproject.toml, run."""
    found = re.search(r'python -c "(import sys, tomllib.*?)" "\$EXTRAS"', DOCKERFILE, re.S)
    assert found is not None
    program = found[1].replace("\\\n", "")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for extras in ("", "qdrant,postgres"):
        told = subprocess.run(
            [sys.executable, "-c", program, extras], cwd=tmp_path, check=True, text=True, capture_output=True
        )
        named = PROJECT["project"]["optional-dependencies"]
        own = [line for name in extras.split(",") if name for line in named[name]]
        assert told.stdout.splitlines() == PROJECT["project"]["dependencies"] + own


# What runs inside of other people's images, run here


class _Ready(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def ready_port() -> Iterator[int]:
    server = http.server.HTTPServer(("127.0.0.1", 0), _Ready)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


bash = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")


@bash
@pytest.mark.parametrize(("status", "well"), [(200, True), (503, False)])
def test_a_node_is_well_when_it_is_ready(
    ready_port: int, status: int, well: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Ready, "status", status)
    command = SERVICES["qdrant-1"]["healthcheck"]["test"][1:]
    asked = [filled_in(part).replace("/6333", f"/{ready_port}") for part in command]
    assert (subprocess.run(asked, timeout=10).returncode == 0) is well


@bash
def test_a_node_that_does_not_run_is_not_well() -> None:
    command = SERVICES["qdrant-1"]["healthcheck"]["test"][1:]
    asked = [filled_in(part).replace("/6333", "/1") for part in command]
    assert subprocess.run(asked, timeout=10, stderr=subprocess.DEVNULL).returncode != 0


@bash
def test_a_node_gets_its_key_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "qdrant_key").write_text("a key with $HOME and 'quotes'\n", "utf-8")
    program = tmp_path / "qdrant"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$QDRANT__SERVICE__API_KEY" "$@"\n', "utf-8")
    program.chmod(0o700)
    node = SERVICES["qdrant-2"]
    entrypoint = [filled_in(part).replace("/run/secrets", str(tmp_path)) for part in node["entrypoint"]]
    told = subprocess.run(
        [*entrypoint, *node["command"]], cwd=tmp_path, check=True, text=True, capture_output=True
    )
    assert told.stdout.splitlines() == ["a key with $HOME and 'quotes'", *node["command"]]
    for spoil in (lambda path: path.write_text("\n"), Path.unlink):
        spoil(tmp_path / "qdrant_key")
        without = subprocess.run([*entrypoint, *node["command"]], cwd=tmp_path, capture_output=True)
        assert without.returncode != 0 and not without.stdout


# The tools themselves, where they are


def _compose() -> list[str] | None:
    beside = str(Path(sys.executable).with_name("docker-compose"))
    for command in (["docker", "compose"], ["docker-compose"], [beside]):
        if shutil.which(command[0]):
            told = subprocess.run([*command, "version", "--short"], text=True, capture_output=True)
            if told.returncode == 0 and told.stdout.strip().lstrip("v")[:2] >= "2.":
                return command
    return None


@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("variables", [{}, {"PORT": "9000", "ADDRESS": "0.0.0.0", "WORKERS": "3"}])
def test_docker_compose_reads_it(profile: str, variables: Mapping[str, str]) -> None:
    compose = _compose()
    if compose is None:
        pytest.skip("docker compose (2 or newer) is not here")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COMPOSE")}
    told = subprocess.run(
        [*compose, "--file", str(ROOT / "docker-compose.yml"), "--env-file", os.devnull, "--profile", profile,
         "config"],
        env={**environment, **variables}, text=True, capture_output=True,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert "warning" not in told.stderr.lower()
    made = yaml.safe_load(told.stdout)["services"]
    assert set(made) == PROFILES[profile]
    [port] = [port for service in made.values() for port in service.get("ports", [])]
    assert (port["host_ip"], port["published"]) == (
        variables.get("ADDRESS", "127.0.0.1"), variables.get("PORT", "8765")
    )
    if profile == "cluster":
        assert made["worker"]["deploy"]["replicas"] == int(variables.get("WORKERS", "1"))


def test_a_linter_has_nothing_to_say() -> None:
    hadolint = shutil.which("hadolint") or shutil.which(str(Path(sys.executable).with_name("hadolint")))
    if hadolint is None:
        pytest.skip("hadolint is not here")
    told = subprocess.run([hadolint, str(ROOT / "Dockerfile")], text=True, capture_output=True)
    assert (told.returncode, told.stdout) == (0, "")
