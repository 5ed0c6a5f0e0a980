"""Every example of docs/api.md is run, in its order, against a real server."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.library import REPOSITORY, Library, environment, until
from tests.support.media_factory import textured, write_video
from tests.support.server import Server, serving

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("api_examples")]

DOCUMENT = REPOSITORY / "docs" / "api.md"
WRITTEN = "http://127.0.0.1:8765"


def blocks(kind: str) -> str:
    """All examples of one kind as one program: they build on one another."""
    found = re.findall(rf"^```{kind}\n(.*?)^```$", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(found) > 8, f"{DOCUMENT.name} has {len(found)} examples of {kind}"
    return "\n".join(found)


@pytest.fixture(scope="module")
def served(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all: whatever an example does can be done again."""
    folder = tmp_path_factory.mktemp("examples")
    films = folder / "films"
    films.mkdir()
    shutil.copy(library.media / "cup.webp", films)
    with serving(
        library.copy(folder / "data"), server__media_roots=f'["{films}"]',
        server__webhook_private_addresses=True,
    ) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, cup_picture: Path, face_picture: Path) -> Path:
    """Where the examples run, with the files they name."""
    made = tmp_path / "here"
    made.mkdir()
    write_video(made / "holiday.mp4", [textured(5)] * 20, fps=10)
    write_video(made / "garden.mp4", [textured(6, (320, 240))] * 20, fps=10)
    shutil.copy(cup_picture, made / "cup.jpg")
    shutil.copy(face_picture, made / "aunt.jpg")
    return made


def run(words: list[str], program: str, served: Server, folder: Path, **more: str) -> str:
    """What it prints. It must end well."""
    films = served.library.data_dir.parent / "films"
    program = program.replace(WRITTEN, served.url).replace("/films/", f"{films}/")
    settings = environment(served.library.model_dir, data_dir=served.library.data_dir)
    # momentseek and python3 are those of this test.
    path = f"{Path(sys.executable).parent}:{settings['PATH']}"
    done = subprocess.run(
        words, input=program, env={**settings, **more, "PATH": path}, cwd=folder, capture_output=True,
        text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_curl(served: Server, folder: Path) -> None:
    said = run(["bash", "-euo", "pipefail", "-s"], blocks("bash"), served, folder)
    assert '"scope":"admin"' in said
    assert re.search(r"1 moment in 1 video$", said, re.MULTILINE), "the cup on the box is in one video"
    assert said.count('"code":"parameter_invalid"') == 1 and '"code":"resource_not_exist"' in said
    assert (folder / "frame.jpg").read_bytes().startswith(b"\xff\xd8")
    assert (folder / "start.bin").stat().st_size == 100
    assert "TITLE:" in (folder / "cup.edl").read_text()
    assert all(b"ftyp" in (folder / name).read_bytes()[:12] for name in ("cup.mp4", "clip.mp4"))


@pytest.mark.parametrize("kind", ["httpx", "client"])
def test_python(kind: str, served: Server, folder: Path) -> None:
    key = served.library.add_key(kind, "admin")
    # A server that has keys knows a new one after a second.
    headers = {"Authorization": f"Bearer {key}"}
    until(lambda: httpx.get(f"{served.url}/v1/jobs", headers=headers, trust_env=False).status_code == 200)
    said = run([sys.executable, "-"], blocks(f"python {kind}"), served, folder, MOMENTSEEK_KEY=key)
    assert "kitchen.mp4 0.0 3.0" in said and "2 segments" in said
    assert "400" in said and "parameter_invalid" in said and "profile default" in said
    if kind == "client":
        assert "TITLE:" in (folder / "cup.edl").read_text()
        assert (folder / "original.mp4").read_bytes() == (folder / "holiday.mp4").read_bytes()
        assert b"ftyp" in (folder / "cup.mp4").read_bytes()[:12]
    else:
        assert (folder / "cup.zip").read_bytes().startswith(b"PK")
