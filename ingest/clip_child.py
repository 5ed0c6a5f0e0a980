"""The child process that cuts: it opens hostile files, under the same limits as the one that decodes."""

from __future__ import annotations

import errno
import json
import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av
import cv2
from PIL import Image as Pillow

from core.errors import DiskFull, InvalidRequest, MediaError, TimeOutOfRange
from core.settings import DecodeSettings
from ingest.clip_copy import copy_packets
from ingest.clip_encode import encode, look
from ingest.clips import Part
from ingest.decode_child import _die_with_parent, _limit_cpu, _limit_memory, _Sender


def serve(pipe: Any, decode: DecodeSettings) -> None:
    """Answer requests until the parent closes its end or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    av.logging.set_level(None)
    cv2.setNumThreads(1)
    Pillow.MAX_IMAGE_PIXELS = None
    _limit_memory(decode.memory_mb)
    sender = _Sender(pipe)
    while True:
        try:
            request = json.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            return
        _limit_cpu(decode.cpu_seconds_per_file)
        _answer(request, sender, decode)


def _answer(request: dict[str, Any], sender: _Sender, decode: DecodeSettings) -> None:
    parts = [Part(_path(name), start, end) for name, start, end in request["parts"]]
    try:
        if request["what"] == "look":
            cut, zero_seconds = look(parts[0], decode, sender.progress)
            sender.send("cut", **asdict(cut), zero_seconds=zero_seconds)
            sender.send("end")
            return
        make = {"exact": encode, "copy": copy_packets}[request["what"]]
        cut = make(parts, _path(request["target"]), decode, request["most_bytes"], sender.progress)
    except (MediaError, TimeOutOfRange, InvalidRequest) as error:
        sender.send("error", error=type(error).__name__, message=str(error), worn_out=True)
    except Exception as error:  # The border: whatever a library raises here belongs to these files.
        kind, message = _explain(error, parts, decode)
        sender.send("error", error=kind, message=message, worn_out=True)
    else:
        sender.send("cut", **asdict(cut))
        sender.send("end")


def _explain(error: Exception, parts: Sequence[Part], decode: DecodeSettings) -> tuple[str, str]:
    names = ", ".join(dict.fromkeys(one.path.name for one in parts[:3]))
    number = getattr(error, "errno", None)
    if isinstance(error, MemoryError) or number == errno.ENOMEM:
        return "MediaRefused", f"{names} needs more memory than decode.memory_mb = {decode.memory_mb} allows."
    if number == errno.ENOSPC:
        return DiskFull.__name__, "The disk is full where clips are made; make room and ask again."
    what = " ".join(str(error).split()) or type(error).__name__
    return "MediaBroken", f"{names} cannot be cut: {what}."


def _path(text: str) -> Path:
    return Path(os.fsdecode(bytes.fromhex(text)))
