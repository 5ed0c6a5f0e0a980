"""``python -m bench.workers``: workers that are killed while they index, and people who search meanwhile.

Two servers that do not work themselves and three workers share a catalogue on PostgreSQL and one embedded
store, each in a process of its own. Workers are killed with SIGKILL at random and replaced, until so many
were and all is indexed. Then the catalogue is compared with the store, and every take-over is shown.

With ``--ray`` nobody is killed: workers that Ray has started index the same videos as plain ones, into
libraries of their own, and what came of them is compared.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx

from bench.camera import Reel, Shot, View, look, write_reel
from bench.postgresql import PostgreSql, running
from index.catalogue import Catalogue
from index.counts import check_counts
from index.stores.edge import EdgeStore

_PHOTOGRAPHS = ("coffee", "chelsea", "rocket", "china", "flower", "astronaut")
_SIZE_WH = (320, 240)
_START_SECONDS = 180.0
_DIMENSIONS: Any = {"visual": 256, "face": 128}
"""Of the packaged models."""


@dataclass(slots=True)
class Seen:
    """What came of it; ``statuses`` of all searches, 0 for no answer at all."""

    kills: int = 0
    kills_at_work: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    search_seconds: list[float] = field(default_factory=list)
    first_error: str | None = None
    take_overs: list[str] = field(default_factory=list)


class Process:
    """One of our commands. ``pid`` is its own; what it says is kept, line by line."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        command = [sys.executable, "-m", "momentseek.cli", *arguments]
        self._process = subprocess.Popen(
            command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.pid = self._process.pid
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip())

    def said(self, pattern: str) -> str | None:
        """The first group of the first line that has it."""
        return next((found[1] for line in list(self.lines) if (found := re.search(pattern, line))), None)

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait(60)

    def wait(self, seconds: float = 3600) -> int:
        """Until it ends by itself; its exit code."""
        code = self._process.wait(seconds)
        self._reader.join(5)
        return code


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.workers", description=__doc__)
    parser.add_argument("--kills", type=int, default=30, help="workers to kill (30)")
    parser.add_argument("--videos", type=int, default=60, help="short videos to index (60)")
    parser.add_argument("--workers", type=int, default=3, help="workers at a time (3)")
    parser.add_argument("--servers", type=int, default=2, help="servers (2)")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each video (4)")
    parser.add_argument("--pause", type=float, default=4.0, help="seconds between kills, at most (4)")
    parser.add_argument("--ray", action="store_true", help="compare plain workers with those of Ray")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures here")
    given = parser.parse_args(arguments)
    # So that nothing of this outlives it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with ExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="momentseek-workers-")))
        database = closing.enter_context(running())
        _say(f"making {given.videos} videos")
        media = make_videos(folder / "media", given.videos, given.seconds)
        if given.ray:
            result = compare_with_ray(folder, database, media, given.workers)
        else:
            result = measure(folder, database.new_database(), media, given)
    for line in result.pop("take_overs", []):
        print(line)
    print(json.dumps(result, indent=1))
    if given.json:
        given.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    return 0 if result["good"] else 1


def make_videos(folder: Path, number: int, seconds: float) -> list[Path]:
    """Every one differs from every other."""
    folder.mkdir(parents=True)
    paths = []
    for index, photograph in zip(range(number), itertools.cycle(_PHOTOGRAPHS), strict=False):
        place = 0.3 + 0.4 * index / number
        shot = Shot(photograph, seconds, View(place, 0.5, 1.2), View(1 - place, 0.5, 1.6))
        paths.append(folder / f"video{index:03}.mp4")
        write_reel(Reel(paths[-1].name, Fraction(24), _SIZE_WH, (shot,)), paths[-1])
    return paths


def compare_with_ray(
    folder: Path, database: PostgreSql, media: Sequence[Path], workers: int
) -> dict[str, Any]:
    """The same videos by so many plain workers, then by so many of a Ray that is started for it."""
    plain = ("plain", [("worker", "--once")] * workers)
    ray = ("ray", [("worker", "--once", "--ray", "local", "--ray-workers", str(workers))])
    result: dict[str, Any] = {"videos": len(media), "workers": workers}
    counts = []
    for name, commands in (plain, ray):
        _say(name)
        url, data_dir = database.new_database(), folder / name
        environment = _environment(data_dir, url, folder)
        with ExitStack() as closing:
            catalogue = closing.enter_context(Catalogue.open(url))
            server = _start(closing, environment, "serve", "--port", "0")
            _register([_wait_for(server, r"at (http://[^ ]+)")], media)
            started = time.monotonic()
            processes = [_start(closing, environment, *command) for command in commands]
            codes = [process.wait() for process in processes]
            seconds = time.monotonic() - started
            server.stop()
            rows = catalogue.list_media(limit=10 * len(media))
            wrong = _wrong_counts(catalogue, data_dir)
        counts.append({row.name: (row.status, row.point_counts) for row in rows})
        said = "\n".join(line for process in processes for line in process.lines)
        result[name] = {
            "seconds": round(seconds, 1), "exit_codes": codes,
            "started": len(set(re.findall(r"(\S+:\d+) works on", said))),
            "files": len(re.findall(r"\bindexed video\d+\.mp4", said)),
            "statuses": dict(Counter(row.status for row in rows)),
            "points": sum(sum(row.point_counts.values()) for row in rows),
            "media_with_wrong_counts": len(wrong), "tracebacks": said.count("Traceback"),
        }  # fmt: skip
    result["equal_counts"] = counts[0] == counts[1]
    result["good"] = result["equal_counts"] and all(
        result[name]["statuses"] == {"indexed": len(media)} and not result[name]["media_with_wrong_counts"]
        for name in ("plain", "ray")
    )
    result["load"] = [round(one, 1) for one in os.getloadavg()]
    return result


def measure(folder: Path, url: str, media: Sequence[Path], given: argparse.Namespace) -> dict[str, Any]:
    data_dir, seen, chance = folder / "data", Seen(), random.Random(given.seed)
    environment = _environment(data_dir, url, folder)
    with ExitStack() as closing:
        catalogue = closing.enter_context(Catalogue.open(url))
        servers = [_start(closing, environment, "serve", "--port", "0") for _ in range(given.servers)]
        workers = [_start(closing, environment, "worker") for _ in range(given.workers)]
        addresses = [_wait_for(server, r"at (http://[^ ]+)") for server in servers]
        _say(f"servers at {', '.join(addresses)}")
        started = time.monotonic()
        _register(addresses, media)
        ended = threading.Event()
        with _searching(addresses, seen, ended):
            everyone = list(workers)
            while seen.kills < given.kills or _left(catalogue):
                if time.monotonic() - started > 3600:
                    break
                time.sleep(chance.uniform(0.3, 1.0) * given.pause)
                if seen.kills >= given.kills:
                    continue
                if not _left(catalogue):
                    break
                victim = _kill_one(workers, seen, catalogue, chance)
                if victim is not None:
                    workers[workers.index(victim)] = replaced = _start(closing, environment, "worker")
                    everyone.append(replaced)
            seconds = time.monotonic() - started
            found = [_finds(address, len(media)) for address in addresses]
        codes = [process.stop() for process in [*workers, *servers] if process.is_alive]
        seen.take_overs = sorted(
            line for process in everyone for line in process.lines if "took over" in line
        )
        said = [line for process in [*everyone, *servers] for line in process.lines if "Traceback" in line]
        return _judge(catalogue, data_dir, media, seen, seconds, codes, found, len(said))


def _environment(data_dir: Path, url: str, folder: Path) -> dict[str, str]:
    """Of servers that leave the work to others, and of workers."""
    return {
        **os.environ, "MOMENTSEEK_DATA_DIR": str(data_dir), "MOMENTSEEK_CATALOGUE__URL": url,
        "MOMENTSEEK_SERVER__WORKS": "false", "MOMENTSEEK_SERVER__MEDIA_ROOTS": json.dumps([str(folder)]),
    }  # fmt: skip


def _register(addresses: Sequence[str], media: Sequence[Path]) -> None:
    for address, path in zip(itertools.cycle(addresses), media, strict=False):
        body = {"path": str(path)}
        httpx.post(f"{address}/v1/media/register", json=body, timeout=60).raise_for_status()


def _start(closing: ExitStack, environment: dict[str, str], *arguments: str) -> Process:
    process = Process(environment, *arguments)
    closing.callback(lambda: process.kill() if process.is_alive else None)
    return process


def _wait_for(process: Process, pattern: str) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while (found := process.said(pattern)) is None:
        if not process.is_alive or time.monotonic() > deadline:
            raise SystemExit("A process did not start: " + "\n".join(process.lines))
        time.sleep(0.05)
    return found


def _left(catalogue: Catalogue) -> int:
    return sum(catalogue.count_jobs().get(state, 0) for state in ("queued", "running"))


def _kill_one(
    workers: Sequence[Process], seen: Seen, catalogue: Catalogue, chance: random.Random
) -> Process | None:
    """One of those that have started, whatever it does at the moment."""
    ready = [worker for worker in workers if worker.said("(works on)")]
    if not ready:
        return None
    victim = chance.choice(ready)
    owners = [job.lease_owner or "" for job in catalogue.running_jobs("ingest")]
    victim.kill()
    seen.kills += 1
    seen.kills_at_work += any(owner.split(":")[1] == str(victim.pid) for owner in owners)
    return victim


@contextmanager
def _searching(addresses: Sequence[str], seen: Seen, ended: threading.Event) -> Iterator[None]:
    """Somebody asks every server, one question after the other."""
    pictures = [_picture(name) for name in _PHOTOGRAPHS[:3]]

    def ask(address: str) -> None:
        with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
            for picture in itertools.cycle(pictures):
                if ended.is_set():
                    return
                began = time.monotonic()
                status, error = _asked(lambda sent=picture: client.post(  # type: ignore[misc]
                    "/v1/search", files={"image": sent}
                ))
                seen.search_seconds.append(time.monotonic() - began)
                seen.statuses[status] += 1
                seen.first_error = seen.first_error or error
                ended.wait(0.3)

    threads = [threading.Thread(target=ask, args=(address,)) for address in addresses]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def _asked(ask: Callable[[], httpx.Response]) -> tuple[int, str | None]:
    try:
        reply = ask()
    except httpx.HTTPError as error:
        return 0, f"{type(error).__name__}: {error}"
    return reply.status_code, None if reply.status_code == 200 else reply.text[:300]


def _picture(photograph: str) -> bytes:
    with tempfile.TemporaryFile() as file:
        look(photograph, View(0.5, 0.45, 1.2), (360, 300)).save(file, "JPEG")
        file.seek(0)
        return file.read()


def _finds(address: str, videos: int) -> int:
    """In how many videos the first picture is found, which is in every sixth of them."""
    reply = httpx.post(
        f"{address}/v1/search", files={"image": _picture(_PHOTOGRAPHS[0])}, data={"limit": str(videos)},
        timeout=60,
    )  # fmt: skip
    return len({segment["media_id"] for segment in reply.json()["segments"]})


def _judge(
    catalogue: Catalogue, data_dir: Path, media: Sequence[Path], seen: Seen, seconds: float,
    codes: Sequence[int], found: Sequence[int], tracebacks: int,
) -> dict[str, Any]:
    rows = catalogue.list_media(limit=10 * len(media))
    wrong = _wrong_counts(catalogue, data_dir)
    jobs = catalogue.list_jobs(limit=10 * len(media))
    statuses = Counter(row.status for row in rows)
    failed = sum(number for status, number in seen.statuses.items() if status != 200)
    times = sorted(seen.search_seconds)
    return {
        "take_overs": seen.take_overs,
        "good": statuses == {"indexed": len(media)} and not wrong and not failed and not tracebacks,
        "seconds": round(seconds, 1), "videos": len(media), "statuses": dict(statuses),
        "jobs": dict(Counter(job.state for job in jobs)), "attempts": sum(job.attempts for job in jobs),
        "kills": seen.kills, "kills_at_work": seen.kills_at_work, "taken_over": len(seen.take_overs),
        "points": sum(sum(row.point_counts.values()) for row in rows), "media_with_wrong_counts": len(wrong),
        "searches": sum(seen.statuses.values()), "failed_searches": failed, "first_error": seen.first_error,
        "search_seconds_median": round(times[len(times) // 2], 3), "search_seconds_most": round(times[-1], 3),
        "found_in_videos": list(found), "exit_codes": list(codes), "tracebacks": tracebacks,
        "load": [round(one, 1) for one in os.getloadavg()],
    }  # fmt: skip


def _wrong_counts(catalogue: Catalogue, data_dir: Path) -> list[str]:
    """Media of which the store holds not what the catalogue says."""
    generation = catalogue.active_generation()
    assert generation is not None
    with EdgeStore(data_dir, generation.name, _DIMENSIONS, create=False) as store:
        return check_counts(store, catalogue, generation.name, detailed=True)


def _say(what: str) -> None:
    print(f"{what} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
