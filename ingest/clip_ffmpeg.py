"""Single clips through the ffmpeg program, where the extra ``ffmpeg`` is installed (ffmpeg-python writes its
list of arguments, imageio-ffmpeg brings the program).

Not the one that is used: for 10 s of 1080p ``Cutter`` took 7.9 s of processor time, this 9.1 s, because the
program cannot tell which frame is on screen and our own child must decode the stretch first (alone: 6.8 s).
It is 165 MB more, and shows a frame that was to be cut in its middle from its beginning on.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from core.errors import InvalidRequest, MediaBroken, MediaRefused
from core.settings import DecodeSettings
from ingest.clips import ClipLimits, Cut, Cutter, How, Part, check_disk, check_going_on, removed_on_failure
from ingest.probe import CONTAINERS

_LOOK_EVERY_SECONDS = 0.2
_BEFORE_SECONDS = 0.0006
"""The program leaves out frames before the start: rounding must not cost the first."""


class FfmpegCutter:
    """See ``ingest.clips.Cuts``; exact cuts of one part, everything else is refused."""

    def __init__(self, decode: DecodeSettings | None = None, limits: ClipLimits | None = None) -> None:
        self._decode, self._limits = decode or DecodeSettings(), limits or ClipLimits()
        self._looker = Cutter(decode, limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._looker.close()

    def cut(
        self, parts: Sequence[Part], target: Path, how: How = "exact", stop: threading.Event | None = None
    ) -> Cut:
        """See ``Cuts.cut``."""
        if len(parts) != 1 or how != "exact":
            raise InvalidRequest(
                f"A {how} cut of {len(parts)} parts was asked for; the ffmpeg program cuts one, exactly."
            )
        check_disk(target.parent, self._limits)
        until = time.monotonic() + self._limits.wall_seconds
        plan, zero = self._looker.look(parts[0])
        with removed_on_failure(target):
            self._run(_arguments(parts[0], plan, zero, target), parts[0], target, stop, until)
        return plan

    def _run(
        self, arguments: list[str], part: Part, target: Path, stop: threading.Event | None, until: float
    ) -> None:
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, close_fds=True
            )
            try:
                _limit(process.pid, self._decode)
                while process.poll() is None:
                    check_going_on(stop, until, self._limits)
                    if target.exists() and target.stat().st_size > self._limits.megabytes << 20:
                        raise MediaRefused(
                            f"The clip is larger than {self._limits.megabytes} MB; ask for a shorter one."
                        )
                    time.sleep(_LOOK_EVERY_SECONDS)
            finally:
                process.kill()
                process.wait()
            if process.returncode:
                said.seek(0)
                last = said.read()[-2000:].decode("utf-8", "replace").strip().rpartition("\n")[2]
                raise MediaBroken(f"{part.path.name} cannot be cut: {last or process.returncode}.")


def _arguments(part: Part, plan: Cut, zero: float, target: Path) -> list[str]:
    """A list, never a line for a shell; numbers of ours and one file: address are all that varies."""
    import ffmpeg
    import imageio_ffmpeg

    [piece] = plan.pieces
    begin = piece.start_seconds - _BEFORE_SECONDS
    source = ffmpeg.input(
        f"file:{part.path.absolute()}", ss=f"{zero + begin:.6f}", seek_timestamp=1,
        protocol_whitelist="file,pipe", format_whitelist=",".join(CONTAINERS),
    )  # fmt: skip
    options: dict[str, Any] = {
        "f": "mp4", "movflags": "+faststart", "map_metadata": -1, "sn": None, "dn": None,
        "t": f"{piece.end_seconds - begin:.6f}", "vcodec": "libx264", "preset": "veryfast", "crf": 18,
        "bf": 0, "pix_fmt": "yuv420p", "acodec": "aac", "fps_mode": "vfr", "frames:v": piece.frames,
        "video_track_timescale": 120_000,
    }  # fmt: skip
    output = ffmpeg.output(source, f"file:{target.absolute()}", **options)
    program = imageio_ffmpeg.get_ffmpeg_exe()
    quiet = output.global_args("-nostdin", "-hide_banner", "-loglevel", "error")
    arguments: list[str] = quiet.compile(cmd=program, overwrite_output=True)
    return arguments


def _limit(pid: int, decode: DecodeSettings) -> None:
    if not sys.platform.startswith("linux"):
        return
    import resource

    seconds, memory = decode.cpu_seconds_per_file, decode.memory_mb << 20
    try:
        resource.prlimit(pid, resource.RLIMIT_CPU, (seconds, seconds))
        resource.prlimit(pid, resource.RLIMIT_AS, (memory, memory))
    except ProcessLookupError:
        return  # It is done already.
