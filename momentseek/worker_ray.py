"""``momentseek worker --ray``: Ray places workers on the machines of its cluster and starts those again that
die. What is to do, and who has it, stands in the catalogue as ever: an actor is a worker like any other.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from core.errors import SettingsError
from core.settings import Settings
from momentseek.worker_command import Working, signals

_LOOK_EVERY_SECONDS = 0.5
_START_SECONDS = 60.0
"""After which we say what is waited for."""
_END_SECONDS = 30.0
"""Beyond the time to drain: to close the store and to leave."""

_OBJECT_STORE_BYTES = 100 << 20
"""The least that Ray takes, near enough: nothing but settings goes through it."""

_KNOCK_SECONDS = 5.0
_LAST_WORDS_SECONDS = 1.0
"""What workers say comes by way of files, which Ray looks at now and then."""

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is told to anybody
    "RAY_DEDUP_LOGS": "0",  # two workers may say the same
    "RAY_COLOR_PREFIX": "0",
    # A worker without a GPU sees none, and that is said to be the default from now on.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
}


class RayWorker:
    """What runs in an actor: ``run`` in one of its threads, ``stop`` in another."""

    def __init__(self, settings: Settings) -> None:
        # Ray allows one thread a worker; the models are to use what the machine has.
        os.environ.pop("OMP_NUM_THREADS", None)
        self._settings, self._working = settings, Working()

    def pid(self) -> int:
        return os.getpid()

    def run(self, once: bool, drain_seconds: float) -> None:
        self._working.run(self._settings, once, drain_seconds)

    def stop(self) -> None:
        self._working.stop()


def run_ray_workers(
    settings: Settings, address: str, workers: int | None, gpus: float | None, once: bool,
    drain_seconds: float,
) -> None:
    """As ``run_worker``, with ``workers`` actors of ``gpus`` each (a share of one may be asked for); None:
    one for each GPU of the cluster, or each machine where there is none.

    ``address`` is that of a cluster, "auto" for the one this machine belongs to, "local" for one of its own
    that ends with us. Raises SettingsError when there is no Ray, or nobody at the address.
    """
    with _connected(address, workers) as ray:
        share = _gpus_each(ray, gpus)
        number = workers or _places(ray, share)
        print(f"{number} {'worker' if number == 1 else 'workers'} through Ray at {address}, "
              f"{share:g} GPU each. Stop with Ctrl-C.", flush=True)
        actor = ray.remote(RayWorker).options(
            num_cpus=1, num_gpus=share, max_restarts=-1, max_task_retries=-1, max_concurrency=3,
            scheduling_strategy="SPREAD",
        )  # fmt: skip
        actors = [actor.remote(settings) for _ in range(number)]
        asked = threading.Event()
        again = threading.Event()

        def stop() -> None:
            (again if asked.is_set() else asked).set()

        with signals(stop):
            runs = [one.run.remote(once, drain_seconds) for one in actors]
            _watch(ray, actors, runs, asked, again, drain_seconds)
            time.sleep(_LAST_WORDS_SECONDS)
        said = "stopped" if asked.is_set() else "nothing waits any more"
        print(f"The workers have ended: {said}.", flush=True)


def _watch(
    ray: Any, actors: Sequence[Any], runs: Sequence[Any], asked: threading.Event, again: threading.Event,
    drain_seconds: float,
) -> None:
    """Until all of them have ended, however that comes. Raises SettingsError with what an actor died of."""
    _say_if_there_is_no_room(ray, actors, asked)
    left, deadline, told = list(runs), float("inf"), 0
    while left and time.monotonic() < deadline:
        done, left = ray.wait(left, num_returns=len(left), timeout=_LOOK_EVERY_SECONDS)
        for one in done:
            try:
                ray.get(one)
            except Exception as error:
                raise SettingsError(f"A worker has ended: {_reason(error)}") from None
        wanted = asked.is_set() + again.is_set()
        if wanted > told:
            for one in actors:
                one.stop.remote()
            told = wanted
            deadline = time.monotonic() + (drain_seconds if told == 1 else 0.0) + _END_SECONDS


def _say_if_there_is_no_room(ray: Any, actors: Sequence[Any], asked: threading.Event) -> None:
    waiting = [one.pid.remote() for one in actors]
    deadline = time.monotonic() + _START_SECONDS
    while waiting and not asked.is_set():
        _, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=_LOOK_EVERY_SECONDS)
        if time.monotonic() > deadline:
            print(f"{len(waiting)} of {len(actors)} workers wait for room in the cluster: each takes a "
                  "CPU and its share of a GPU (--ray-gpus).", flush=True)
            return


@contextmanager
def _connected(address: str, workers: int | None) -> Iterator[Any]:
    os.environ.update(_QUIET)
    try:
        import ray
    except ModuleNotFoundError:
        raise SettingsError("--ray needs a package that is not here: pip install 'momentseek[ray]'") from None
    own: dict[str, Any] = {}
    if address not in ("auto", "local"):
        _knock(address)
    if address == "local":
        own = {
            "include_dashboard": False, "num_cpus": max(os.cpu_count() or 1, workers or 1),
            "object_store_memory": _OBJECT_STORE_BYTES,
        }  # fmt: skip
    try:
        ray.init(address=address, log_to_driver=True, logging_level="warning", **own)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise _nobody(address, _reason(error)) from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Ray itself tries for minutes. Raises SettingsError."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise _nobody(address, "That is no host:port.")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _KNOCK_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise _nobody(address, f"{getattr(error, 'strerror', None) or error}.") from None


def _nobody(address: str, reason: str) -> SettingsError:
    return SettingsError(
        f"There is no Ray at {address!r}: {reason} Give host:port of its head, auto on a machine of the "
        "cluster, or local."
    )


def _gpus_each(ray: Any, gpus: float | None) -> float:
    if gpus is not None:
        return gpus
    return 1.0 if ray.cluster_resources().get("GPU", 0) else 0.0


def _places(ray: Any, share: float) -> int:
    if share:
        return max(1, int(ray.cluster_resources().get("GPU", 0) / share))
    return max(1, sum(bool(node["Alive"]) for node in ray.nodes()))


def _reason(error: BaseException) -> str:
    cause = getattr(error, "cause", None) or error
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    said = lines[-1][:300] if lines else type(cause).__name__
    return said if said.endswith(".") else f"{said}."
