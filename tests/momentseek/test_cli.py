"""The commands as people type them: answers, exit codes, and one line for everything that goes wrong."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from core.errors import StoreLost
from index.catalogue import Catalogue
from index.store import Where
from index.stores.edge import EdgeStore
from momentseek import searching
from momentseek.cli import app
from momentseek.engine import Engine
from momentseek.show import print_groups
from tests.support.library import (
    CUT_SECONDS,
    Library,
    copies,
    environment,
    run_command,
    until,
    write_bad_files,
)
from tests.support.media_factory import write_sound
from tests.support.server import serving

HEAVY = {"numpy", "openvino", "av", "cv2", "sqlalchemy", "fastapi", "pydantic_settings", "httpx", "dlib",
         "PIL"}  # fmt: skip
SEGMENT = {"media_id", "media", "media_type", "start_seconds", "end_seconds", "score", "confidence",
           "best_seconds", "box_xyxy", "evidence", "label"}  # fmt: skip


def run(*arguments: object) -> tuple[int, str, str]:
    """Exit code, what was printed, what was complained about."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, done.stderr


def refused(*arguments: object) -> str:
    """The one line that the command ends with, exit code 1."""
    code, _, said = run(*arguments)
    assert code == 1, said
    assert said.startswith("momentseek: ") and said.count("\n") == 1, said
    return said


def as_json(*arguments: object) -> Any:
    code, printed, said = run(*arguments, "--json")
    assert code == 0, said
    return json.loads(printed)


# Help


def test_help_is_quick_and_complete() -> None:
    code = f"""
import sys
from typer.testing import CliRunner
from momentseek.cli import app
for words in ([], ["search"], ["ingest"], ["media", "list"], ["serve"], ["doctor"], ["demo"]):
    done = CliRunner().invoke(app, [*words, "--help"])
    assert done.exit_code == 0 and "Usage" in done.stdout, words
print(sorted({HEAVY!r} & {{name.partition(".")[0] for name in sys.modules}}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(Path("/nowhere")), capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_every_option_has_a_help_text() -> None:
    for words in (["ingest"], ["search"], ["serve"], ["media", "list"], ["media", "remove"], ["doctor"]):
        _, printed, _ = run(*words, "--help")
        for line in printed.splitlines():
            if line.startswith("  --"):
                assert len(line.split()) > 1, line
    assert run("--version")[1].startswith("momentseek ")


# Search


def test_search_prints_a_table(own_library: Library, cup_picture: Path) -> None:
    code, printed, _ = run("search", "--image", cup_picture, "--data-dir", own_library.data_dir)
    assert code == 0
    lines = printed.splitlines()
    assert lines[0].split()[:3] == ["score", "sure", "media"]
    assert lines[-1] == "1 moment in 1 video and 1 still"
    assert any("kitchen.mp4" in line and "0:03.00" in line for line in lines)


def test_search_answers_in_the_agreed_shape(own_library: Library, cup_picture: Path) -> None:
    where = ["--data-dir", own_library.data_dir]
    answer = as_json("search", "--image", cup_picture, "--box", "0.2,0.1,0.8,0.8", *where)
    assert {"query_id", "message", "segments", "next_page_token"} <= answer.keys()
    assert all(segment.keys() >= SEGMENT for segment in answer["segments"])
    [video] = [segment for segment in answer["segments"] if segment["media_type"] == "video"]
    assert video["media"] == "kitchen.mp4" and video["media_id"] == own_library.ids["kitchen.mp4"]
    assert (video["start_seconds"], video["end_seconds"]) == (0.0, pytest.approx(CUT_SECONDS["kitchen.mp4"]))
    assert video["start_seconds"] <= video["best_seconds"] < video["end_seconds"]
    [still] = [segment for segment in answer["segments"] if segment["media_type"] == "image"]
    assert (still["media"], still["start_seconds"], still["end_seconds"]) == ("cup.webp", 0, 0)
    assert 0 < video["score"] <= 100 and video["confidence"] in ("low", "medium", "high")


def test_search_says_that_there_is_more(own_library: Library, cup_picture: Path) -> None:
    words = ["search", "--image", cup_picture, "--limit", 1, "--data-dir", own_library.data_dir]
    _, printed, _ = run(*words)
    # No token without a server: whoever could open the next page has forgotten the query.
    assert printed.splitlines()[-1] == "1 more; a larger --limit shows it."
    answer = as_json(*words)
    assert (len(answer["segments"]), answer["remaining"], answer["next_page_token"]) == (1, 1, None)


FILTERS: list[tuple[list[object], dict[str, tuple[float, float]]]] = [
    (["--from", 1.2, "--to", 2.1], {"kitchen.mp4": (1.2, 2.1)}),
    (["--name", "KITCH"], {"kitchen.mp4": (0.0, 3.0)}),
    (["--min-duration", 4, "--max-duration", 6, "--min-size", 1, "--max-size", 10**9],
     {"kitchen.mp4": (0.0, 3.0)}),
    (["--min-width", 321, "--min-height", 200], {"cup.webp": (0.0, 0.0)}),
    (["--tag", "home"], {"kitchen.mp4": (0.0, 3.0)}),
    (["--tag", "home", "--tag", "night"], {}),
    (["--metadata", '{"take": {"gte": 2}}'], {"kitchen.mp4": (0.0, 3.0)}),
    (["--min-score", 100], {}),
]  # fmt: skip


@pytest.mark.long
def test_search_filters(own_library: Library, cup_picture: Path) -> None:
    """The same with an engine of its own and through a server."""
    with Catalogue.open(own_library.data_dir / "catalogue.sqlite") as catalogue:
        catalogue.set_tags(own_library.ids["kitchen.mp4"], ["home"])
        catalogue.set_metadata(own_library.ids["kitchen.mp4"], {"take": 3})
    words = ["search", "--image", cup_picture, "--data-dir", own_library.data_dir]

    def check() -> None:
        for options, expected in FILTERS:
            segments = as_json(*words, *options)["segments"]
            found = {one["media"]: (one["start_seconds"], one["end_seconds"]) for one in segments}
            assert found == expected, options

    check()
    with serving(own_library):
        check()


def test_search_grouped_and_sorted(own_library: Library, cup_picture: Path) -> None:
    words = ["search", "--image", cup_picture, "--data-dir", own_library.data_dir]
    answer = as_json(*words, "--group", "--sort", "time")
    assert [group["media"] for group in answer["groups"]] == ["cup.webp", "kitchen.mp4"]
    assert [segment["media"] for segment in answer["segments"]] == ["cup.webp", "kitchen.mp4"]
    refined = as_json(*words, "--sort", "time", "--refine")["segments"]
    assert [segment["media"] for segment in refined] == ["cup.webp", "kitchen.mp4"]
    _, printed, _ = run(*words, "--group", "--limit", 1)
    lines = printed.splitlines()
    assert lines[0].split()[:3] == ["media", "score", "sure"]
    assert lines[-1] == "1 more media file; a larger --limit shows it."
    _, nothing, _ = run(*words, "--group", "--label", "zeppelin")
    assert nothing == "Nothing in the library matches.\n"


def test_a_group_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    segment = {
        "media": "reel.mp4", "media_type": "video", "start_seconds": 8.0, "end_seconds": 12.0,
        "best_seconds": 9.5, "score": 91.2, "confidence": "high", "evidence": "region", "label": "cup",
        "box_xyxy": [0.1, 0.2, 0.3, 0.4], "path": [], "refined": True,
    }  # fmt: skip
    still = {**segment, "media": "still.png", "media_type": "image", "evidence": "frame", "label": None,
             "start_seconds": 0.0, "end_seconds": 0.0, "box_xyxy": None, "refined": False}  # fmt: skip
    groups = [{"media": "reel.mp4", "segment_count": 2}, {"media": "still.png", "segment_count": 1}]
    print_groups(groups, [segment, {**segment, "score": 40.0, "confidence": "low"}, still])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:] if line.strip()]
    times = ["0:08.00", "0:12.00", "0:09.50", "region", "(cup),", "refined", "0.10,0.20,0.30,0.40"]
    assert rows == [
        ["reel.mp4", "91.2", "high", *times], ["40.0", "low", *times],
        ["still.png", "91.2", "high", "still", "frame"],
    ]  # fmt: skip


def test_search_by_a_face_and_by_a_moment(own_library: Library, face_picture: Path) -> None:
    where = ["--data-dir", own_library.data_dir]
    by_face = as_json("search", "--image", face_picture, "--face", "--only", "video", *where)
    assert [segment["media"] for segment in by_face["segments"]] == ["space.mp4"]
    assert by_face["segments"][0]["evidence"] == "face"
    # An id may be shortened, in --in too. What was clicked is no evidence; the still elsewhere is.
    kitchen, cup = own_library.ids["kitchen.mp4"], own_library.ids["cup.webp"]
    by_moment = as_json("search", "--media", kitchen[:6], "--at", 1.0, "--in", cup[:6], *where)
    assert [segment["media"] for segment in by_moment["segments"]] == ["cup.webp"]
    late = refused("search", "--media", kitchen[:6], "--at", 60, *where)
    assert "1:00.00 is past the end" in late


@pytest.mark.parametrize(("options", "said"), [
    (["--box", "0.5,0.5,0.5,0.9"], "no area"),
    (["--box", "0.6,0.1,0.2,0.9"], "no area"),
    (["--box=-0.1,0,0.5,0.5"], "outside the picture"),
    (["--box", "10,20,300,400"], "outside the picture"),
    (["--box", "0.1,0.2,0.3"], "four numbers"),
    (["--box", "a,b,c,d"], "four numbers"),
    (["--box", ""], "four numbers"),
    (["--box", "nan,0,1,1"], "not a number"),
    (["--at", "3"], "--media"),
    (["--media", "abcd"], "either"),
    (["--only", "films"], "video or image"),
    (["--min-confidence", "sure"], "low, medium or high"),
    (["--sort", "size"], "score or time"),
    (["--from", "3", "--to", "3"], "a stretch ends after its start"),
    (["--from", "3", "--only", "image"], "Stills have no times"),
    (["--min-size", "3", "--max-size", "2"], "above the greatest"),
    (["--metadata", "camera=left"], "no JSON object"),
])  # fmt: skip
def test_search_refuses_what_makes_no_sense(
    options: list[str], said: str, library: Library, cup_picture: Path
) -> None:
    assert said in refused("search", "--image", cup_picture, *options, "--data-dir", library.data_dir)


def test_search_refuses_pictures_that_are_none(library: Library, tmp_path: Path) -> None:
    where = ["--data-dir", library.data_dir]
    (tmp_path / "text.jpg").write_text("not a picture")
    (tmp_path / "empty.jpg").touch()
    assert "not a picture that can be read" in refused("search", "--image", tmp_path / "text.jpg", *where)
    assert "not a picture" in refused("search", "--image", tmp_path / "empty.jpg", *where)
    assert "There is no picture" in refused("search", "--image", tmp_path / "gone.jpg", *where)
    assert "There is no picture" in refused("search", "--image", tmp_path, *where)
    assert "Give --image" in refused("search", *where)
    for at in ("-1", "nan", "inf"):
        assert "--at" in refused("search", "--media", library.ids["cup.webp"], f"--at={at}", *where)


def test_a_library_that_is_not_there_is_not_made(tmp_path: Path, cup_picture: Path) -> None:
    where = ["--data-dir", tmp_path / "typo"]
    for words in (["search", "--image", cup_picture], ["media", "list"], ["media", "show", "abcd"]):
        assert "There is no library" in refused(*words, *where)
    assert not (tmp_path / "typo").exists()
    (tmp_path / "file").touch()
    assert "cannot be used" in refused("ingest", cup_picture, "--data-dir", tmp_path / "file")


# Media


def test_media_by_id_or_its_beginning(own_library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    where = ["--data-dir", own_library.data_dir]
    listed = as_json("media", "list", *where)
    assert {row["name"]: row["id"] for row in listed} == own_library.ids
    assert [row["name"] for row in as_json("media", "list", "--only", "image", *where)] == ["cup.webp"]
    assert as_json("media", "list", "--status", "failed", *where) == []
    assert "statu" in refused("media", "list", "--status", "lost", *where)
    assert "video or image" in refused("media", "list", "--only", "films", *where)
    cup = own_library.ids["cup.webp"]
    assert as_json("media", "show", cup, *where) == as_json("media", "show", cup[:4], *where)
    assert as_json("media", "show", cup, *where)["paths"] == [str(own_library.media / "cup.webp")]
    _, printed, _ = run("media", "list", *where)
    assert all(name in printed for name in own_library.ids)
    assert "at least its first 4" in refused("media", "show", cup[:3], *where)
    assert "no media 'zzzz'" in refused("media", "show", "zzzz", *where)
    assert "no media '%%%%'" in refused("media", "show", "%%%%", *where)


def test_ambiguous_ids_are_refused(own_library: Library) -> None:
    with Engine(own_library.settings()) as engine:
        for tail in "12":
            engine.catalogue.record_file(f"/nowhere/{tail}.mp4", 1, 1, "abcdef" + tail * 26)
    where = ["--data-dir", own_library.data_dir]
    assert "More than one" in refused("media", "show", "abcd", *where)
    assert as_json("media", "show", "abcdef1", *where)["status"] == "pending"


def test_media_remove(own_library: Library) -> None:
    where = ["--data-dir", own_library.data_dir]
    kitchen = own_library.ids["kitchen.mp4"]
    declined = CliRunner().invoke(app, ["media", "remove", kitchen, *map(str, where)], input="n\n")
    assert declined.exit_code == 1 and "kitchen.mp4" in declined.output
    code, printed, _ = run("media", "remove", kitchen[:5], kitchen, "--yes", *where)
    assert (code, printed) == (0, "Removed 1.\n")
    assert {row["name"] for row in as_json("media", "list", *where)} == {"cup.webp", "space.mp4"}
    assert (own_library.media / "kitchen.mp4").exists()
    with Engine(own_library.settings()) as engine:
        assert engine.store.count(Where(media_ids=(kitchen,))) == 0
        assert engine.media_with_wrong_counts() == []
    assert "no media" in refused("media", "remove", kitchen, "--yes", *where)


# Ingest


def test_ingest_tells_what_became_of_every_file(library: Library, tmp_path: Path) -> None:
    folder, where = tmp_path / "mixed", ["--data-dir", tmp_path / "data"]
    expected = write_bad_files(folder, library.media / "kitchen.mp4")
    copies(library.media, folder, ["cup.webp"])
    write_sound(folder / "song.mp4")
    code, printed, _ = run("ingest", folder, *where)
    assert code == 2
    rows = {line.split()[0]: line.split()[1] for line in printed.splitlines()[2:-1] if line[:1].strip()}
    assert rows == {**expected, "cup.webp": "indexed", "song.mp4": "skipped"}
    said, _, _ = printed.splitlines()[-1].partition(" in ")
    assert sorted(re.split(": |, ", said)) == ["1 indexed", "1 skipped", "4 failed", "6 files"]
    for name in expected:
        (folder / name).unlink()
    # What was skipped has not failed.
    code, printed, _ = run("ingest", folder, *where, "--json")
    assert code == 0
    assert {Path(row["path"]).name: row["status"] for row in json.loads(printed)} == {
        "cup.webp": "known", "song.mp4": "skipped",
    }  # fmt: skip


def test_ingest_of_nothing(tmp_path: Path) -> None:
    where = ["--data-dir", tmp_path / "data"]
    (tmp_path / "empty").mkdir()
    assert run("ingest", tmp_path / "empty", *where)[:2] == (0, "There are no videos or stills here.\n")
    code, printed, _ = run("ingest", tmp_path / "gone", *where)
    assert code == 2 and "does not exist" in printed


# Settings


@pytest.mark.parametrize(("config", "said"), [
    ("ingest: {samples: 2}", "ingest.samples"),
    ("ingest: {samples_per_second: fast}", "samples_per_second"),
    ("ingest: {samples_per_second: 0}", "samples_per_second"),
    ("profile: fastest", "no profile 'fastest'"),
    ("embedder: {model: nonsense}", "nonsense"),
    ("detector: {model: nonsense}", "nonsense"),
    ("faces: {model: nonsense}", "nonsense"),
    ("[1, 2]", "keys and values"),
    ("a: [", "not valid YAML"),
])  # fmt: skip
def test_wrong_settings_are_one_line(
    config: str, said: str, library: Library, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text(config)
    options = ["--config", tmp_path / "config.yaml", "--data-dir", tmp_path / "data"]
    assert said in refused("ingest", library.media / "cup.webp", *options)


def test_wrong_environment_and_missing_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Cannot read the configuration" in refused("media", "list", "--config", tmp_path / "gone.yaml")
    monkeypatch.setenv("MOMENTSEEK_INGEST__SAMPELS", "2")
    assert "MOMENTSEEK_INGEST__SAMPELS" in refused("media", "list")


def test_an_index_of_other_settings_is_refused(
    own_library: Library, cup_picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOMENTSEEK_INGEST__SAMPLES_PER_SECOND", "5")
    where = ["--data-dir", own_library.data_dir]
    searching_for = ["search", "--image", cup_picture]
    for words in (searching_for, ["ingest", own_library.media], ["serve", "--port", "0"]):
        said = refused(*words, *where)
        assert "made with sampling.samples_per_second 2" in said
        assert "ask for sampling.samples_per_second 5" in said


# What nobody foresaw


def test_the_unforeseen_is_one_line_too(
    library: Library, cup_picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("something\nbroke")

    monkeypatch.setattr(searching, "ask", fail)
    words = ["search", "--image", cup_picture, "--data-dir", library.data_dir]
    said = refused(*words)
    assert "RuntimeError: something broke" in said and "--debug" in said
    code, _, said = run("--debug", *words)
    assert code == 1 and "Traceback" in said and said.splitlines()[-1].startswith("momentseek: RuntimeError")


def test_a_catalogue_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "catalogue.sqlite").write_bytes(b"this is no database " * 500)
    assert "cannot be opened" in refused("media", "list", "--data-dir", tmp_path)


def test_trouble_while_closing_does_not_hide_the_first_error(own_library: Library) -> None:
    engine = Engine(own_library.settings())

    def fail() -> None:
        raise StoreLost("while closing")

    engine._opened.callback(fail)
    with pytest.raises(KeyError), engine:
        raise KeyError
    with pytest.raises(StoreLost), Engine(own_library.settings()) as engine:
        engine._opened.callback(fail)


# Doctor


@pytest.mark.long
def test_doctor_finds_and_mends_missing_points(own_library: Library, cup_picture: Path) -> None:
    where = ["--data-dir", own_library.data_dir]
    assert run("doctor", *where)[0] == 0
    with Engine(own_library.settings()) as engine:
        engine.store.delete(Where(media_ids=(own_library.ids["space.mp4"],)))
    for words in (["search", "--image", cup_picture], ["ingest", own_library.media]):
        assert "doctor" in refused(*words, *where)
    code, printed, said = run("doctor", *where)
    assert (code, said) == (1, "") and "space.mp4" in printed and "--repair" in printed
    code, printed, said = run("doctor", "--repair", *where)
    assert code == 0, printed + said
    assert run("search", "--image", cup_picture, *where)[0] == 0
    with Engine(own_library.settings()) as engine:
        assert engine.media_with_wrong_counts() == []


@pytest.mark.long
def test_doctor_when_originals_are_needed_and_away(library: Library, tmp_path: Path) -> None:
    where = ["--data-dir", tmp_path / "data"]
    [cup] = copies(library.media, tmp_path / "folder", ["cup.webp"])
    assert run("ingest", cup, *where)[0] == 0
    settings = Library(tmp_path, tmp_path / "data", library.model_dir, {}).settings()
    with Engine(settings) as engine:
        engine.store.delete(Where(kinds=("tile",)))
    cup.unlink()
    code, printed, _ = run("doctor", "--repair", *where)
    assert code == 1 and "away (cup.webp)" in printed
    assert run("media", "remove", library.ids["cup.webp"][:12], "--yes", *where)[0] == 0
    assert run("doctor", *where)[0] == 0


@pytest.mark.long
def test_doctor_makes_an_unreadable_index_anew(own_library: Library, cup_picture: Path) -> None:
    where = ["--data-dir", own_library.data_dir]
    [index] = (own_library.data_dir / "index").glob("*/about.json")
    index.write_text("")
    assert "doctor" in refused("search", "--image", cup_picture, *where)
    assert run("doctor", *where)[0] == 1
    code, printed, said = run("doctor", "--repair", *where)
    assert code == 0, printed + said
    assert len(as_json("search", "--image", cup_picture, *where)["segments"]) == 2


# Beside a server


@pytest.mark.long
def test_commands_beside_a_server(own_library: Library, cup_picture: Path, tmp_path: Path) -> None:
    where = ["--data-dir", own_library.data_dir]
    with serving(own_library) as server:
        # With these settings this process could not search: it is the server that does.
        broken = {"embedder__model": "nonsense", "server__max_upload_mb": 1}
        words = ["search", "--image", cup_picture, "--json", *where]
        through = run_command(own_library.model_dir, *words, **broken)
        assert through.returncode == 0, through.stderr
        segments = json.loads(through.stdout)["segments"]
        assert {segment["media"] for segment in segments} == {"kitchen.mp4", "cup.webp"}
        assert "no area" in refused("search", "--image", cup_picture, "--box", "0,0,0,1", *where)
        assert "no media 'zzzz'" in refused("search", "--media", "zzzz", *where)
        (tmp_path / "text.jpg").write_text("no picture")
        assert "not a picture" in refused("search", "--image", tmp_path / "text.jpg", *where)
        limited = ["search", "--image", cup_picture, "--limit", 1, *where]
        page = run(*limited, "--group")[1].splitlines()[-1].rpartition(" ")[2]
        assert page.startswith("/v1/search/pages/")
        [group] = httpx.get(server.url + page, trust_env=False).json()["groups"]
        assert group["media"] != as_json(*limited)["segments"][0]["media"]
        assert f"served already, at {server.url}" in refused("serve", "--port", 0, *where)
        assert "server  " in run("doctor", *where)[1]
        # What a command adds, the server finds; what it removes, the server forgets.
        [twin] = copies(own_library.media, tmp_path / "new", ["cup.webp"])
        shutil.copy(cup_picture, twin.with_name("query.jpg"))
        assert run("ingest", twin.parent, *where)[0] == 0
        found = as_json("search", "--image", cup_picture, *where)
        assert found["segments"][0]["media"] == "query.jpg"
        assert run("media", "remove", found["segments"][0]["media_id"], "--yes", *where)[0] == 0
        listed = httpx.get(f"{server.url}/v1/media", trust_env=False).json()
        assert {row["name"] for row in listed["data"]} == {"kitchen.mp4", "cup.webp", "space.mp4"}
        found = as_json("search", "--image", cup_picture, *where)
        assert {segment["media"] for segment in found["segments"]} == {"kitchen.mp4", "cup.webp"}
        code, _ = server.stop()
        assert code == 0
    assert not (own_library.data_dir / "server.json").exists()
    until(lambda: EdgeStore.owner(own_library.data_dir) is None, what="the store process to end")


def test_serve_refuses_what_is_unsafe_or_taken(own_library: Library) -> None:
    where = ["--data-dir", own_library.data_dir]
    assert "--insecure" in refused("serve", "--host", "0.0.0.0", *where)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = refused("serve", "--port", taken.getsockname()[1], *where)
    assert "Cannot listen" in said and "--port" in said


@pytest.mark.long
def test_a_server_that_died_is_not_asked(own_library: Library, cup_picture: Path) -> None:
    with serving(own_library) as server:
        server.process.kill()
        server.process.wait()
    assert (own_library.data_dir / "server.json").exists()
    assert as_json("search", "--image", cup_picture, "--data-dir", own_library.data_dir)["segments"]
