"""OpenVINO without its telemetry, and without its converter until somebody converts.

Importing it counts the import in ``~/intel`` and reports it to a web service, unless its reporting package
cannot be imported: then it falls back to a stub of its own. The converter takes a third of the time of the
import and is needed once for each model.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

_CONVERTER = "openvino.tools.ovc"


def load_openvino(converting: bool = False) -> Any:
    """The module ``openvino``, ``converting`` with its ``convert_model``. Every import of it in this project
    goes through here."""
    if "openvino" not in sys.modules:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        # It does without, as it does in a package that was built without.
        sys.modules.setdefault(_CONVERTER, None)  # type: ignore[arg-type]
    import openvino

    if sys.modules.get(_CONVERTER, openvino) is None:
        sys.modules.pop(_CONVERTER, None)
    if converting and not hasattr(openvino, "convert_model"):
        openvino.convert_model = importlib.import_module(_CONVERTER).convert_model
    return openvino
