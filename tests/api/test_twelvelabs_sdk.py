"""Programs of somebody else: the Twelve Labs SDK in three versions, each in a process of its own, against a
running server. What they have seen comes back as JSON and is judged here.

``make`` installs the SDKs into .venv/sdk; without them these tests skip, unless they are promised.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image as Pillow

from bench.tiny import CLIP_FOLDER, YOLO_WEIGHTS
from bench.tiny.library import Place, question, write_library
from core.settings import load
from momentseek.engine import Engine
from tests.support.library import REPOSITORY, Library, copies
from tests.support.media_factory import textured, write_video
from tests.support.server import Server, serving

VERSIONS = ("1.3.6", "1.1.0", "0.4.11")
SDKS = REPOSITORY / ".venv" / "sdk"
TINY = {
    "embedder": {"model": str(CLIP_FOLDER)}, "faces": {"model": "none"},
    # Reasons in tests/momentseek/test_tiny_profile.py.
    "detector": {
        "model": str(YOLO_WEIGHTS), "trust_local_pickle": True, "proposal_score": 0.05, "tiles": False,
    },
    "search": {"thresholds": (1.5, 2.2, 3.5), "words_thresholds": (1.5, 2.0, 3.0)},
}  # fmt: skip

pytestmark = [
    pytest.mark.long,
    pytest.mark.xdist_group("twelvelabs_sdk"),
    pytest.mark.skipif(
        not SDKS.is_dir() and not os.environ.get("REQUIRE_TWELVELABS"),
        reason="needs the SDKs: make .venv/.sdk-stamp",
    ),
]
Seen = dict[str, Any]


def run_sdk(version: str, url: str, *arguments: object) -> Seen:
    """What a program saw that was changed in nothing but the base URL."""
    folder = SDKS / f"twelvelabs-{version}"
    assert folder.is_dir(), f"{folder} is missing: make .venv/.sdk-stamp"
    script = "twelvelabs_sdk_0.py" if version.startswith("0.") else "twelvelabs_sdk_1.py"
    given = arguments if version.startswith("0.") else (f"{url}/v1.3", *arguments)
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    if version.startswith("0."):
        environment["TWELVELABS_BASE_URL"] = url
    ended = subprocess.run(
        [sys.executable, Path(__file__).with_name(script), *map(str, given)],
        env=environment, capture_output=True, text=True, timeout=300, cwd="/",
    )  # fmt: skip
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    seen: Seen = json.loads(ended.stdout.splitlines()[-1])
    return seen


@dataclass(frozen=True, slots=True)
class Setting:
    server: Server
    media: Path
    picture: Path
    kitchen: str
    cup: str


@pytest.fixture(scope="module")
def setting(
    library: Library, cup_picture: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Setting]:
    """A library with three files, two of which the programs send again, and two that are new."""
    folder = tmp_path_factory.mktemp("sdk")
    media = folder / "media"
    copies(library.media, media, ("kitchen.mp4", "cup.webp"))
    for seed, name in enumerate(("short.mp4", "other.mp4"), 70):
        write_video(media / name, [textured(seed)] * 10, fps=10)
    with serving(library.copy(folder / "data")) as server:
        yield Setting(server, media, cup_picture, library.ids["kitchen.mp4"], library.ids["cup.webp"])


@pytest.fixture(scope="module")
def run_once(setting: Setting) -> Any:
    return cache(lambda version: run_sdk(version, setting.server.url, setting.media, setting.picture))


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def seen(run_once: Any, version: str) -> Seen:
    found: Seen = run_once(version)
    return found


def is_old(version: str) -> bool:
    return version.startswith("0.")


def of(clips: list[Seen]) -> list[tuple[str, float, float]]:
    return [(one.get("video") or one["video_id"], one["start"], one["end"]) for one in clips]


def test_an_index(seen: Seen, version: str) -> None:
    name, models = ("name", "options") if is_old(version) else ("index_name", "model_options")
    assert seen["index"][name] == "kitchens" and seen["index"]["video_count"] == 0
    assert seen["index"]["models"][0][models] == ["visual", "audio"]
    assert seen["taken"]["status"] == 400 and seen["taken"]["bad_request"]
    assert seen["taken"]["code"] == "index_name_already_exists"
    assert seen["indexes"] == ["kitchens"], "the pager of SDK 1.x asks until a page is empty"


def test_uploads_become_videos(seen: Seen, version: str, setting: Setting) -> None:
    for name in ("kitchen.mp4", "cup.webp", "short.mp4"):
        task = seen[f"task {name}"]
        assert task["status"] == "ready" and task["system_metadata"]["filename"] == name
    assert seen["task kitchen.mp4"]["video_id"] == setting.kitchen
    assert seen["tasks"] == ["cup.webp", "kitchen.mp4", "short.mp4"]
    assert (seen["filled"]["video_count"], seen["filled"]["total_duration"]) == (3, 6.0)
    if is_old(version):
        assert seen["status"]["ready"] == 3 and seen["status"]["total_result"] == 3


def test_videos_are_listed_and_noted(seen: Seen, version: str, setting: Setting) -> None:
    facts = seen["video"]["system_metadata"]
    assert facts.pop("size") > 10_000
    assert facts == {"filename": "kitchen.mp4", "duration": 5.0, "fps": 25.0, "width": 320, "height": 240}
    assert len(seen["videos"]) == 3 and {setting.kitchen, setting.cup} < set(seen["videos"])
    assert seen["videos longer than 4 s"] == [setting.kitchen]
    assert seen["noted"]["take"] == 2 and seen["noted"]["good"] is True
    if not is_old(version):
        assert "name" not in seen["noted"], "null takes a key away"


def test_a_picture_finds_the_cup(seen: Seen, version: str, setting: Setting) -> None:
    expected = [(setting.cup, 0.0, 0.0), (setting.kitchen, 0.0, 3.0)]
    assert of(seen["by file"]) == of(seen["by bytes"]) == expected
    if not is_old(version):
        assert of(seen["two images"]) == expected
        assert [one["rank"] for one in seen["by file"]] == [1, 2]
    for clip in seen["by file"]:
        assert clip["confidence"] in ("high", "medium", "low") and 0 < clip["score"] <= 100


def test_pages_end(seen: Seen, version: str, setting: Setting) -> None:
    assert seen["pages of one"] == ([[setting.cup], [setting.kitchen]] if is_old(version) else [[1], [2]])
    if is_old(version):
        assert seen["page info"]["total_results"] == 2 and seen["pool"]["total_count"] == 3
    else:
        assert seen["raw"]["page_info"]["next_page_token"].replace("-", "").replace("_", "").isalnum()
        assert seen["retrieved"]["page_info"].get("next_page_token") is None
        assert seen["retrieved"]["data"][0]["rank"] == 2


def test_grouped_by_video(seen: Seen, setting: Setting) -> None:
    assert seen["by video"] == [{"id": one, "clips": [one]} for one in (setting.cup, setting.kitchen)]


def test_thresholds(seen: Seen, version: str) -> None:
    """SDK 1.3 does not send them any more."""
    least = 0 if version == "1.3.6" else 99.0
    assert all(one["score"] >= least and one["confidence"] == "high" for one in seen["sure"])
    assert len(seen["called"]) == 2


def test_filters(seen: Seen, version: str, setting: Setting) -> None:
    found = {name: [one for one, _, _ in of(clips)] for name, clips in seen["filtered"].items()}
    assert found.pop("long") == found.pop("noted") == [setting.kitchen]
    if not is_old(version):
        cup = [setting.cup]
        assert found == {"id": cup, "range": cup, "filename": cup, "too long": []}
        assert [noted["take"] for noted in seen["with metadata"]] == [1, 2], "also on later pages"


def test_assets_go_into_an_index(seen: Seen, version: str) -> None:
    if is_old(version):
        return
    asset, indexed = seen["asset"], seen["indexed asset"]
    assert asset["filename"] == "renamed.mp4" and asset["status"] == "ready" and asset["method"] == "direct"
    assert indexed["status"] == "ready" and indexed["asset_id"] == asset["_id"]
    assert indexed["system_metadata"]["duration"] == 1.0 and indexed["system_metadata"]["width"] == 128
    assert seen["indexed assets"] == [asset["_id"]] and seen["in it"] == [] and seen["after"] == []
    assert seen["asset in use"]["status"] == 409 and "others" in seen["asset in use"]["message"]
    assert seen["asset gone"]["status"] == 404


@pytest.mark.parametrize(("what", "status", "code"), [
    ("expired token", 400, "search_page_token_expired"), ("no picture", 400, "parameter_invalid"),
    ("path for a picture", 400, "parameter_invalid"), ("no such index", 404, "resource_not_exist"),
    ("sound", 400, "search_option_not_supported"), ("address", 400, "parameter_invalid"),
    ("bad filter", 400, "search_filter_invalid"), ("words", 400, "parameter_invalid"),
    ("no such task", 404, "resource_not_exist"), ("no such video", 404, "resource_not_exist"),
    ("no film", 400, "video_file_broken"), ("path for a film", 400, "parameter_invalid"),
    ("film by address", 400, "parameter_invalid"), ("entities", 501, "not_implemented"),
    ("index gone", 404, "resource_not_exist"),
])  # fmt: skip
def test_refusals(seen: Seen, version: str, what: str, status: int, code: str) -> None:
    if what not in seen:
        assert is_old(version), "the other SDK has it"
        return
    refused = seen[what]
    assert (refused["status"], refused["code"]) == (status, code), refused
    assert refused["bad_request"] == (status == 400) and refused["message"].endswith(".")
    said = {"path for a picture": "open(path", "address": "server.fetch_pictures", "words": "open_clip",
            "film by address": "server.fetch_media", "sound": "visual"}  # fmt: skip
    assert said.get(what, "") in refused["message"]


def test_no_answer_is_an_empty_page(seen: Seen) -> None:
    assert seen["nothing"] == []


def test_what_came_for_an_index_goes_with_it(seen: Seen, version: str, setting: Setting) -> None:
    """The cup and the kitchen were in the library before: they stay."""
    assert seen["renamed"] == "rooms" and setting.cup not in seen["left"] and len(seen["left"]) == 2
    if not is_old(version):
        assert seen["media left"] == ["cup.webp", "kitchen.mp4", "space.mp4"]
    listed = httpx.get(f"{setting.server.url}/v1/media", trust_env=False).json()["data"]
    assert sorted(one["name"] for one in listed) == ["cup.webp", "kitchen.mp4", "space.mp4"]


# Words, with the tiny models


@dataclass(frozen=True, slots=True)
class Shapes:
    server: Server
    place: Place
    picture: Path


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[Shapes]:
    if not all(find_spec(name) for name in ("torch", "ultralytics", "open_clip")):
        pytest.skip("needs the extra 'models'")
    folder = tmp_path_factory.mktemp("shapes")
    places = write_library(folder / "media")
    settings = load(overrides={"data_dir": folder / "data", "model_dir": model_dir, **TINY})
    with Engine(settings) as engine:
        assert all(outcome.ok for outcome in engine.ingest([folder / "media"]))
    place = next(one for one in places if one.end_seconds)
    image, _ = question(place.thing, np.random.default_rng(5))
    Pillow.fromarray(image).save(folder / "question.png")
    library = Library(folder / "media", folder / "data", model_dir, {})
    with serving(library, **{f"{name}__{key}": as_text(value) for name, section in TINY.items()
                             for key, value in section.items()}) as server:  # fmt: skip
        yield Shapes(server, place, folder / "question.png")


def as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@pytest.mark.long
@pytest.mark.xdist_group("words by SDK")
def test_words_and_a_picture_with_words(shapes: Shapes, version: str) -> None:
    colour, shape = shapes.place.thing
    url = shapes.server.url
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        if is_old(version):
            body = {"index_name": "all shapes", "models": [{"model_name": "marengo2.7"}]}
            index = client.post("/v1.3/indexes", json=body).json()["_id"]
            for asset in client.get("/v1.3/assets?page_limit=50").json()["data"]:
                client.post(f"/v1.3/indexes/{index}/indexed-assets", json={"asset_id": asset["_id"]})
        ids = {one["name"]: one["id"] for one in client.get("/v1/media").json()["data"]}
    seen = run_sdk(version, url, f"a {colour} {shape}", shapes.picture, "words")
    for name in ("words", "image and words"):
        video, start, end = of(seen[name])[0]
        assert video == ids[shapes.place.media], name
        assert start < shapes.place.end_seconds and end > shapes.place.start_seconds, name
