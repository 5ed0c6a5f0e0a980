"""Arrows point down only: who may import whom, read from the source without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "configs": set(),
    "timeline_ui": set(),
    "detect": {"core"},
    "embed": {"core"},
    "index": {"core"},
    "ingest": {"index", "embed", "detect", "core"},
    "search": {"index", "embed", "detect", "core"},
    "api": {"search", "ingest", "index", "embed", "detect", "core", "timeline_ui"},
    "momentseek": {"api", "search", "ingest", "index", "embed", "detect", "core", "bench"},
    "bench": {"api", "search", "ingest", "index", "embed", "detect", "core"},
}
"""``core.settings`` reads the profiles in ``configs`` as files, not as a module."""

HEAVY = {"av", "cv2", "dlib", "open_clip", "openvino", "qdrant_client", "qdrant_edge", "scenedetect", "torch",
         "torchvision", "ultralytics"}
STARTS_FAST = ("momentseek/__init__.py", "momentseek/__main__.py", "momentseek/cli*.py",
               "core/settings.py", "core/errors.py", "core/answer.py")
"""`momentseek --help` must not wait for a model runtime: these load nothing heavy at import time."""


def imported(tree: ast.AST) -> Iterator[str]:
    """Top-level names of the packages that ``tree`` imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]


def at_import_time(tree: ast.AST) -> Iterator[ast.AST]:
    """The statements that run when the module is imported: not those in functions or for type checkers."""
    for node in ast.iter_child_nodes(tree):
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if typing_only or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield node
        yield from at_import_time(node)


def wrong_arrows(room: str, source: str) -> set[str]:
    return (set(imported(ast.parse(source))) & MAY_IMPORT.keys()) - MAY_IMPORT[room] - {room}


def heavy_at_import_time(source: str) -> set[str]:
    nodes = at_import_time(ast.parse(source))
    statements = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    return {name for node in statements for name in imported(node)} & HEAVY


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_arrows_point_down(room: str) -> None:
    files = sorted((REPOSITORY / room).rglob("*.py"))
    assert files, f"{room}/ has no Python file: is the room still there?"
    wrong = {str(file.relative_to(REPOSITORY)): found
             for file in files if (found := wrong_arrows(room, file.read_text("utf-8")))}
    assert not wrong


def test_every_package_is_a_known_room() -> None:
    packages = {file.parent.name for file in REPOSITORY.glob("*/__init__.py")}
    assert packages == MAY_IMPORT.keys()


@pytest.mark.parametrize("pattern", STARTS_FAST)
def test_commands_start_without_models(pattern: str) -> None:
    slow = {str(file.relative_to(REPOSITORY)): found
            for file in REPOSITORY.glob(pattern) if (found := heavy_at_import_time(file.read_text("utf-8")))}
    assert not slow


def test_the_rules_bite() -> None:
    assert wrong_arrows("core", "from index import store") == {"index"}
    assert wrong_arrows("search", "def late():\n    import ingest.pipeline") == {"ingest"}
    assert wrong_arrows("index", "import core.types, numpy") == set()
    assert heavy_at_import_time("try:\n    import torch.nn\nexcept ImportError:\n    pass") == {"torch"}
    assert heavy_at_import_time("def run():\n    import av") == set()
    assert heavy_at_import_time("if TYPE_CHECKING:\n    import av") == set()
