"""OpenVINO without its telemetry.

Importing it counts the import in ``~/intel`` and reports it to a web service, unless its reporting package
cannot be imported: then it falls back to a stub of its own.
"""

from __future__ import annotations

import sys
from typing import Any


def load_openvino() -> Any:
    """The module ``openvino``. Every import of it in this project goes through here."""
    if "openvino" not in sys.modules:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino
