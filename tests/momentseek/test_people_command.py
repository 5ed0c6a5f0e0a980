"""People and duplicates as people type them."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from momentseek.cli import app
from tests.support.library import Library


def run(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, done.stderr


def test_grouped_named_listed(own_library: Library) -> None:
    where = ["--data-dir", own_library.data_dir]
    assert "momentseek people group" in run("people", "list", *where)[1]
    code, shown, said = run("people", "group", "--json", *where)
    assert code == 0, said
    (person,) = json.loads(shown)
    assert (person["name"], person["media"]) == (None, 1) and person["faces"] >= 1
    assert run("people", "name", person["id"], "Eileen", *where)[0] == 0
    assert json.loads(run("people", "list", "--json", *where)[1]) == [{**person, "name": "Eileen"}]
    assert "Eileen" in run("people", "group", "--again", *where)[1]
    assert run("people", "name", "eileen", *where)[0] == 0
    assert json.loads(run("people", "list", "--json", *where)[1]) == [person]
    code, _, said = run("people", "name", "eileen", "x", *where)
    assert code == 1 and "knows nobody as 'eileen'" in said


def test_no_duplicates(own_library: Library) -> None:
    where = ["--data-dir", own_library.data_dir]
    assert run("duplicates", *where)[1] == "Nothing is in the library more than once.\n"
    assert json.loads(run("duplicates", "--json", *where)[1]) == []


def test_without_a_library(tmp_path: Path) -> None:
    for command in (["people", "list"], ["people", "name", "x", "y"], ["people", "group"], ["duplicates"]):
        code, _, said = run(*command, "--data-dir", tmp_path / "none")
        assert code == 1 and "There is no library" in said
