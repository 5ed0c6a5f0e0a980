"""Files that come inside installed packages, found without importing the package."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from core.errors import ModelUnavailable


def packaged_file(package: str, relative: str) -> Path:
    """Path of a file inside an installed package. Raises ModelUnavailable with the way to get it."""
    spec = find_spec(package)
    roots = list(spec.submodule_search_locations or []) if spec else []
    for root in roots:
        path = Path(root) / relative
        if path.is_file():
            return path
    name = package.replace("_", "-")
    state = "is installed without it" if roots else "is not installed"
    raise ModelUnavailable(
        f"{relative} comes inside the package {name}, which {state}: pip install --force-reinstall {name}"
    )
