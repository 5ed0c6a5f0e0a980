"""ultralytics as a library: no network, no notes in the home folder, no change to how this process works."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

from core.errors import ModelUnavailable

_lock = threading.Lock()


def load_ultralytics(model_dir: Path) -> None:
    """Import ultralytics so that it fetches, installs and reports nothing; its settings go to ``model_dir``.

    Raises ModelUnavailable when it is not installed. A second call costs nothing.
    """
    with _lock:
        _import(model_dir)


def _import(model_dir: Path) -> None:
    # Read once, while it is imported: a process that imported it before keeps what it had.
    os.environ.update(YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false", YOLO_VERBOSE="false")
    os.environ.setdefault("YOLO_CONFIG_DIR", str(model_dir))
    model_dir.mkdir(parents=True, exist_ok=True)
    import cv2

    # It sets both for its trainer: OpenCV on one thread, and one thread for every child of this process.
    opencv_threads, threads_for_children = cv2.getNumThreads(), os.environ.get("OMP_NUM_THREADS")
    try:
        import PIL.Image
        import ultralytics
        from ultralytics.utils import patches
        from ultralytics.utils.events import events
    except ImportError as error:
        raise ModelUnavailable(
            f"YOLO detectors need packages that are not installed ({error.name or error}): "
            "pip install 'momentseek[models]', or choose detector.model salient."
        ) from None
    finally:
        cv2.setNumThreads(opencv_threads)
        if threads_for_children is None:
            os.environ.pop("OMP_NUM_THREADS", None)
    # It replaces Pillow's open by one that wants another HEIF package; ours must read what it always read.
    PIL.Image.open = patches._image_open
    events.enabled = False
    if ultralytics.SETTINGS["sync"]:
        ultralytics.SETTINGS.update(sync=False)
    logging.getLogger("ultralytics").setLevel(logging.WARNING)
