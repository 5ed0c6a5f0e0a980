"""One piece of work at a time on a thread of its own, which can be interrupted."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from core.errors import MomentseekError

_log = logging.getLogger(__name__)


class Interrupted(Exception):
    """Raised by ``Task.check`` when the work is to end."""


@dataclass(frozen=True, slots=True)
class Doing:
    """``progress`` in [0, 1]; ``message`` says what went wrong in the last run, None when nothing did."""

    running: bool = False
    progress: float = 0.0
    message: str | None = None
    ended_at: datetime | None = None


class Task:
    """What the work is given: where it says how far it is, and learns that it is to end."""

    def __init__(self, stop: threading.Event, report: Callable[[float], None]) -> None:
        self._stop, self._report = stop, report

    def check(self, progress: float) -> None:
        """Call this often. Raises Interrupted."""
        if self._stop.is_set():
            raise Interrupted
        self._report(min(max(progress, 0.0), 1.0))


class Background:
    """Thread-safe. At most one run at a time; ``close`` interrupts it and waits for its end."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._doing = Doing()
        self._thread: threading.Thread | None = None

    @property
    def doing(self) -> Doing:
        return self._doing

    def start(self, work: Callable[[Task], None]) -> bool:
        """Begin, unless a run is under way already: whether this one began."""
        with self._lock:
            if self._doing.running or self._stop.is_set():
                return False
            self._doing = replace(self._doing, running=True, progress=0.0)
            self._thread = threading.Thread(target=self._run, args=(work,), name=self._name, daemon=True)
            self._thread.start()
            return True

    def wait(self, timeout_seconds: float | None = None) -> None:
        """Until the run under way has ended."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout_seconds)

    def close(self) -> None:
        with self._lock:
            self._stop.set()
        self.wait()

    def _run(self, work: Callable[[Task], None]) -> None:
        message = None
        try:
            work(Task(self._stop, self._say))
        except Interrupted:
            message = "Interrupted."
        except MomentseekError as error:
            message = str(error)
        except Exception:
            _log.exception("%s failed in a way that nobody has foreseen", self._name)
            message = "Something went wrong; the server's log says what."
        finally:
            progress = 1.0 if message is None else self._doing.progress
            self._doing = Doing(False, progress, message, datetime.now(UTC))

    def _say(self, progress: float) -> None:
        self._doing = replace(self._doing, progress=progress)
