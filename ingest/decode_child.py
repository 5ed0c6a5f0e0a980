"""The child process that opens media files: everything hostile is decoded here, under limits.

It answers one request after the other on a pipe: a JSON header per message, bare pixels after it where
the header has a shape. Nothing is unpickled on either side.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import Any

import av
import cv2
from PIL import Image as Pillow

from core.errors import MediaBroken, MediaError, TimeOutOfRange
from core.settings import DecodeSettings, IngestSettings
from core.types import Image
from ingest.frames import Frame, Source, VideoSource, open_source
from ingest.media import DecodeSummary, Sample
from ingest.reading import LEAD_IN_SECONDS, frames_between, read_samples, read_stretch

QUEUED_MESSAGES = 6
"""Decoding runs ahead of the reader by this many samples, plus the one in the pipe."""
PROGRESS_EVERY_SECONDS = 0.5


def serve(pipe: Any, decode: DecodeSettings, ingest: IngestSettings) -> None:
    """Read media files for whoever is at the other end of the pipe."""
    attend(pipe, decode, lambda request, sender: _answer(request, sender, decode, ingest))


def attend(
    pipe: Any, decode: DecodeSettings, answer: Callable[[dict[str, Any], Sender], None]
) -> None:
    """``answer`` requests, under limits, until the parent closes its end or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides.
    threading.Thread(target=_die_with_parent, daemon=True).start()
    av.logging.set_level(None)
    cv2.setNumThreads(1)
    Pillow.MAX_IMAGE_PIXELS = None  # Our own cap is checked on the header.
    _limit_memory(decode.memory_mb)
    sender = Sender(pipe)
    while True:
        try:
            request = json.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            return
        _limit_cpu(decode.cpu_seconds_per_file)
        answer(request, sender)


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _limit_memory(memory_mb: int) -> None:
    """Address space beyond what the process has now; where the system cannot, decode.stall_seconds and
    the pixel cap remain."""
    if not sys.platform.startswith("linux"):
        return
    import resource

    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    _set_soft(resource.RLIMIT_AS, now + (memory_mb << 20))
    _set_soft(resource.RLIMIT_CORE, 0)


def _limit_cpu(seconds: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    _set_soft(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + 1 + seconds)


def _set_soft(limit: int, soft: int) -> None:
    import resource

    hard = resource.getrlimit(limit)[1]
    resource.setrlimit(limit, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


class Sender:
    """Writes messages from a bounded queue, so that decoding and the reader's work overlap."""

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe
        self._queue: queue.Queue[tuple[dict[str, Any], Image | None]] = queue.Queue(QUEUED_MESSAGES)
        self._next_progress = 0.0
        threading.Thread(target=self._write, daemon=True).start()

    def send(self, kind: str, pixels: Image | None = None, **fields: Any) -> None:
        if pixels is not None:
            fields["shape"] = pixels.shape
        self._queue.put(({"kind": kind, **fields}, pixels))

    def progress(self, share: float | None) -> None:
        """Say that decoding goes on, now and then; dropped when the reader is behind anyway."""
        now = time.monotonic()
        if now < self._next_progress:
            return
        self._next_progress = now + PROGRESS_EVERY_SECONDS
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(({"kind": "progress", "share": share}, None))

    def _write(self) -> None:
        while True:
            header, pixels = self._queue.get()
            try:
                self._pipe.send_bytes(json.dumps(header).encode())
                if pixels is not None:
                    left = memoryview(pixels.data).cast("B")
                    while left:
                        left = left[os.write(self._pipe.fileno(), left) :]
            except OSError:
                os._exit(1)  # The reader is gone.


def _answer(request: dict[str, Any], sender: Sender, decode: DecodeSettings, ingest: IngestSettings) -> None:
    path = Path(os.fsdecode(bytes.fromhex(request["path"])))
    try:
        source = open_source(path, decode)
        try:
            sender.send("facts", **asdict(source.facts))
            if request["what"] == "samples":
                frames = source.frames_for(ingest.samples_per_second, ingest.shots)
                _send_samples(read_samples(source, _beat(source, frames, sender), ingest), source, sender)
            elif request["what"] == "stretch":
                _send_samples(_stretch(source, sender, ingest, request), source, sender)
            elif request["what"] == "frames":
                _send_frames(source, sender, request)
        finally:
            source.close()
    except (MediaError, TimeOutOfRange) as error:
        sender.send("error", error=type(error).__name__, message=str(error))
    except Exception as error:  # The border: whatever a library raises here belongs to this one file.
        if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
            kind = "MediaRefused"
            message = f"{path.name} needs more memory than decode.memory_mb = {decode.memory_mb} allows."
        else:
            kind, what = "MediaBroken", " ".join(str(error).split()) or type(error).__name__
            message = f"{path.name} cannot be decoded: {what}."
        # What was allocated may not come back: the next file gets a fresh process.
        sender.send("error", error=kind, message=message, worn_out=True)
    else:
        sender.send("end")


def _stretch(
    source: Source, sender: Sender, ingest: IngestSettings, request: dict[str, Any]
) -> Iterator[Sample | DecodeSummary]:
    if not isinstance(source, VideoSource):
        raise MediaBroken("The file is no longer the video that it was.")
    start_seconds, end_seconds = request["start_seconds"], request["end_seconds"]
    lead_in = max(0.0, start_seconds - LEAD_IN_SECONDS)
    frames = source.frames_for(ingest.samples_per_second, ingest.shots, lead_in)
    end = math.inf if end_seconds is None else end_seconds
    return read_stretch(source, _beat(source, frames, sender), ingest, start_seconds, end)


def _send_samples(items: Iterator[Sample | DecodeSummary], source: Source, sender: Sender) -> None:
    for item in items:
        if isinstance(item, Sample):
            sender.send(
                "sample", item.image, time_seconds=item.time_seconds, shot=item.shot, is_cut=item.is_cut,
                share=source.share_read(),
            )  # fmt: skip
        elif isinstance(item, DecodeSummary):
            sender.send("summary", **asdict(item))


def _send_frames(source: Source, sender: Sender, request: dict[str, Any]) -> None:
    start_seconds, end_seconds = request["start_seconds"], request["end_seconds"]
    frames = _beat(source, source.frames(start_seconds), sender)
    for frame in frames_between(source, frames, start_seconds, end_seconds):
        pixels = frame.picture(request["max_side"])
        sender.send("sample", pixels, time_seconds=frame.time_seconds, shot=0, is_cut=False)


def _beat(source: Source, frames: Iterator[Frame], sender: Sender) -> Iterator[Frame]:
    for frame in frames:
        sender.progress(source.share_read())
        yield frame
