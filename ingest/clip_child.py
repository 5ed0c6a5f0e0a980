"""The child process that cuts: it opens hostile files, under the same limits as the one that decodes."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.errors import DiskFull, InvalidRequest, MediaError, TimeOutOfRange
from core.settings import DecodeSettings
from ingest.clip_copy import copy_packets
from ingest.clip_encode import encode, look
from ingest.clips import Part
from ingest.decode_child import Sender, attend


def serve(pipe: Any, decode: DecodeSettings) -> None:
    """Cut clips for whoever is at the other end of the pipe."""
    attend(pipe, decode, lambda request, sender: _answer(request, sender, decode))


def _answer(request: dict[str, Any], sender: Sender, decode: DecodeSettings) -> None:
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
