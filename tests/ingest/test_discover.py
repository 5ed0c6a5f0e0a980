from __future__ import annotations

from pathlib import Path

import pytest

from ingest.discover import discover


@pytest.fixture
def library(tmp_path: Path) -> Path:
    root = tmp_path / "library"
    for name in ("b.MP4", "a.mkv", "deep/er/c.jpg", "deep/d.HEIC", "notes.txt", "deep/e.pdf", ".hidden.mp4",
                 ".trash/f.mp4"):  # fmt: skip
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def names(found: tuple[Path, ...], root: Path) -> list[str]:
    return [str(path.relative_to(root)) for path in found]


def test_nothing_named_is_nothing_found() -> None:
    assert discover([]).files == ()


def test_folders_give_media_sorted_and_say_what_they_passed_over(library: Path) -> None:
    found = discover([library])
    assert names(found.files, library) == ["a.mkv", "b.MP4", "deep/d.HEIC", "deep/er/c.jpg"]
    assert found.passed_over == 2
    assert found.unreadable == ()


def test_a_named_file_is_a_candidate_whatever_its_suffix(library: Path) -> None:
    assert names(discover([library / "notes.txt"]).files, library) == ["notes.txt"]
    assert names(discover([library / ".hidden.mp4"]).files, library) == [".hidden.mp4"]


def test_a_file_named_twice_is_found_once(library: Path) -> None:
    found = discover([library / "a.mkv", library, library / "deep"])
    assert names(found.files, library).count("a.mkv") == 1
    assert len(found.files) == 4


def test_relative_paths_become_absolute(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(library)
    assert discover(["a.mkv"]).files == (library / "a.mkv",)


def test_a_loop_of_links_ends(library: Path) -> None:
    (library / "deep" / "up").symlink_to(library)
    (library / "broken").symlink_to(library / "nowhere")
    assert len(discover([library]).files) == 4


def test_a_linked_folder_is_searched(library: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "far.webm").write_bytes(b"x")
    (library / "link").symlink_to(outside)
    assert library / "link" / "far.webm" in discover([library]).files


def test_what_does_not_exist_is_reported(library: Path) -> None:
    gone = library / "gone"
    found = discover([gone, library / "a.mkv"])
    assert found.unreadable == (gone,)
    assert len(found.files) == 1
