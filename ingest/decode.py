"""Decoding from the outside: a child process does it, and whatever happens to it is one plain error here."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterator
from multiprocessing import resource_tracker
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from core.errors import (
    DecoderCrashed,
    MediaBroken,
    MediaError,
    MediaRefused,
    MediaSkipped,
    MomentseekError,
    TimeOutOfRange,
)
from core.settings import DecodeSettings, IngestSettings
from core.types import Image
from ingest.media import DecodeSummary, MediaFacts, Sample

Item = MediaFacts | Sample | DecodeSummary

_ERRORS: dict[str, type[MomentseekError]] = {
    kind.__name__: kind for kind in (MediaBroken, MediaSkipped, MediaRefused, TimeOutOfRange)
}
_HEADER_BYTES = 64 << 20  # shot starts of a day of fast cuts
_JOIN_SECONDS = 5.0


class Decoder:
    """Reads media files in a spawned child, one at a time; the child serves many files and is replaced
    after a crash, a stall or an abandoned reading. Not for several threads at once.

    A reading holds at most ``decode_child.QUEUED_MESSAGES`` + 2 frames at ``max_side_px``, three full decoded
    ones, ``disposable.PACKETS_AHEAD`` packets and, without shots, ``GROUP_PACKETS`` more. ``progress`` is the
    share [0, 1] of the current file that has been read: by time where the container states a duration, by
    bytes where not; None before the first word.
    """

    def __init__(self, decode: DecodeSettings | None = None, ingest: IngestSettings | None = None) -> None:
        self._decode = decode or DecodeSettings()
        self._ingest = ingest or IngestSettings()
        self._process: Any = None
        self._pipe: Any = None
        self._busy = False
        self._stalled = False
        self.progress: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Process id of the child, None while there is none."""
        return self._process.pid if self._process else None

    def read(self, path: Path | str) -> Generator[Item, None, None]:
        """The facts, then samples in time order, then the summary.

        Raises MediaBroken, MediaSkipped or MediaRefused with one sentence. Leaving the iterator early ends
        the child; the next reading starts another.
        """
        return self._converse(Path(path), {"what": "samples"})

    def read_stretch(
        self, path: Path | str, start_seconds: float, end_seconds: float | None
    ) -> Generator[Item, None, None]:
        """As ``read``, of a video's half-open [start_seconds, end_seconds), no end: to the end of the file.
        The same samples at the same times as of the whole file; shots count from 0; the summary's duration
        is the time of the sample behind the last. ``progress`` is of the whole file."""
        request = {"what": "stretch", "start_seconds": float(start_seconds), "end_seconds": end_seconds}
        return self._converse(Path(path), request)

    def probe(self, path: Path | str) -> MediaFacts:
        """What ``read`` yields first. Raises as ``read``."""
        for item in self._converse(Path(path), {"what": "facts"}):
            if isinstance(item, MediaFacts):
                facts = item
        return facts

    def read_interval(
        self, path: Path | str, start_seconds: float, end_seconds: float, max_side: int | None = None
    ) -> Iterator[Sample]:
        """Every frame shown within the half-open [start_seconds, end_seconds), beginning with the one on
        screen at the start (its time may be a little before it); decoding starts at the keyframe before.
        ``shot`` is 0 throughout. Full resolution unless ``max_side`` is given.

        Raises as ``read``, and TimeOutOfRange when ``start_seconds`` is past the end.
        """
        request = {
            "what": "frames", "start_seconds": float(start_seconds), "end_seconds": float(end_seconds),
            "max_side": max_side,
        }  # fmt: skip
        return (item for item in self._converse(Path(path), request) if isinstance(item, Sample))

    def frame_at(self, path: Path | str, time_seconds: float, max_side: int | None = None) -> Image:
        """The picture on screen at this time: of the last frame whose time is not after it. Raises as
        ``read_interval``."""
        pictures = [sample.image for sample in self.read_interval(path, time_seconds, time_seconds, max_side)]
        if not pictures:
            raise MediaBroken(f"{Path(path).name} has no frame at {time_seconds:g} s.")
        return pictures[0]

    def close(self) -> None:
        """End the child and wait for it."""
        process, pipe, self._process, self._pipe = self._process, self._pipe, None, None
        if process is None:
            return
        pipe.close()
        if self._busy:
            process.kill()
        process.join(_JOIN_SECONDS)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()

    def _child(self, context: Any, pipe: Any) -> Any:
        """The process to start, with its end of the pipe."""
        arguments = pipe, self._decode, self._ingest
        return context.Process(target=_serve, args=arguments, name="momentseek-decode", daemon=True)

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=True)
        process = self._child(context, theirs)
        try:
            with _without_interrupts():
                process.start()
                # Ours only once it runs: Ctrl-C a moment earlier would have us end what never started.
                self._process, self._pipe = process, ours
        finally:
            theirs.close()

    def _converse(self, path: Path, request: dict[str, Any]) -> Generator[Item, None, None]:
        if self._busy:
            raise RuntimeError("this Decoder is reading another file; finish or close that reading first")
        self._busy, self.progress = True, None
        finished = False
        try:
            self._ask(path, request)
            while (message := self._receive(path)) is not None:
                if not isinstance(message, float):
                    yield message
            finished = True
        except (MediaError, TimeOutOfRange) as error:
            finished = getattr(error, "child_is_well", False)
            raise
        finally:
            if not finished:
                self.close()
            self._busy = False

    def _ask(self, path: Path, request: dict[str, Any]) -> None:
        # Between files the child says nothing: what can be read then is the end of its pipe.
        if self._process is None or not self._process.is_alive() or self._pipe.poll():
            self.close()
            self._start()
        self._stalled = False
        # Hex of the file system's own bytes: names that are not UTF-8 survive.
        message = {**request, "path": os.fsencode(path.absolute()).hex()}
        try:
            self._pipe.send_bytes(json.dumps(message).encode())
        except OSError:
            raise self._what_happened(path) from None

    def _receive(self, path: Path) -> Item | float | None:
        """The next item, the share read so far, or None at the end; raises what the child reports."""
        watchdog = threading.Timer(self._decode.stall_seconds, self._give_up, [self._process])
        watchdog.daemon = True
        watchdog.start()
        try:
            header = json.loads(self._pipe.recv_bytes(_HEADER_BYTES))
            pixels = self._receive_pixels(header["shape"]) if "shape" in header else None
            item = self._understand(header, pixels)
        except (EOFError, OSError, ValueError, KeyError, TypeError):
            raise self._what_happened(path) from None
        finally:
            watchdog.cancel()
        if isinstance(item, MomentseekError):
            raise item
        return item

    def _give_up(self, process: Any) -> None:
        # A child that is stopped or hangs in the middle of a message is ended from this thread: the
        # reader then sees the end of the pipe.
        self._stalled = True
        process.kill()

    def _receive_pixels(self, shape: list[int]) -> Image:
        height, width, channels = shape
        if height * width > max(self._decode.max_pixels, self._ingest.max_side_px**2) or channels != 3:
            raise ValueError(f"the decoder announced a picture of shape {shape}")
        image = np.empty((height, width, channels), np.uint8)
        # Straight into its place: the pipe's own way to receive copies a picture three times.
        left = memoryview(image.data).cast("B")
        while left:
            count = os.readv(self._pipe.fileno(), [left])
            if not count:
                raise EOFError
            left = left[count:]
        return image

    def _understand(
        self, header: dict[str, Any], image: Image | None
    ) -> Item | MomentseekError | float | None:
        kind = header.pop("kind")
        if header.get("share") is not None:
            self.progress = header["share"]
        if kind == "sample" and image is not None:
            return Sample(header["time_seconds"], header["shot"], image, header["is_cut"])
        if kind == "facts":
            return MediaFacts(**header)
        if kind == "summary":
            self.progress = 1.0
            return DecodeSummary(**{**header, "shot_starts_seconds": tuple(header["shot_starts_seconds"])})
        if kind == "error":
            error = _ERRORS[header["error"]](header["message"])
            error.child_is_well = not header.get("worn_out")  # type: ignore[attr-defined]
            return error
        return None if kind == "end" else self.progress or 0.0

    def _what_happened(self, path: Path) -> MediaError:
        """Why the child stopped answering; it is gone afterwards."""
        process, stalled = self._process, self._stalled
        if not stalled:
            process.join(_JOIN_SECONDS)
        if process.is_alive():
            process.kill()
        process.join()
        if stalled:
            seconds = self._decode.stall_seconds
            return DecoderCrashed(f"{path.name} gave no frame for {seconds:g} s and was given up.")
        code = process.exitcode
        if code is not None and -code == getattr(signal, "SIGXCPU", None):
            return MediaRefused(
                f"{path.name} took more than {self._decode.cpu_seconds_per_file} s of processor time "
                "(decode.cpu_seconds_per_file)."
            )
        return DecoderCrashed(f"The decoder crashed on {path.name} ({_exit_reason(code)}).")


def decode_frame_at(
    path: Path | str, time_seconds: float, decode: DecodeSettings | None = None, max_side: int | None = None
) -> Image:
    """One picture with a child of its own; keep a ``Decoder`` for more. Raises as ``Decoder.frame_at``."""
    with Decoder(decode) as decoder:
        return decoder.frame_at(path, time_seconds, max_side)


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Hold Ctrl-C back until the block ends: a child that starts in here never sees it (the mask is
    inherited), and this process does not lose sight of a child it has half started."""
    # It starts with the first child and unblocks SIGINT when it has: it must be there already.
    resource_tracker.ensure_running()
    held: list[int] = []
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, lambda number, _: held.append(number)) if in_main else None
    # Not enough by itself: another thread may take the signal, and the main one would raise it.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if in_main:
            signal.signal(signal.SIGINT, handler or signal.SIG_DFL)
        if held:
            signal.raise_signal(signal.SIGINT)


def _serve(pipe: Any, decode: DecodeSettings, ingest: IngestSettings) -> None:
    # Imported in the child only: the parent needs none of the libraries that read media.
    from ingest.decode_child import serve

    serve(pipe, decode, ingest)


def _exit_reason(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code}, {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
