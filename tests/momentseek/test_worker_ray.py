"""``momentseek worker --ray``: workers that Ray starts and keeps alive."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from core.settings import Settings, load
from momentseek.engine import Engine
from tests.momentseek.test_workers import queue_videos
from tests.support.library import command, environment, run_command, until

has_ray = pytest.mark.skipif(find_spec("ray") is None, reason="the extra 'ray' is not installed")
_START_SECONDS = 120.0


@pytest.fixture
def settings(data_dir: Path, model_dir: Path) -> Settings:
    return load(None, {"data_dir": data_dir, "model_dir": model_dir})


class Command:
    """One that runs; ``said`` is what it has written so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process, self.said = process, ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.said += line

    def pids(self) -> list[int]:
        """Of the workers that have started, in their order."""
        return [int(pid) for pid in re.findall(r"\S+:(\d+) works on", self.said)]

    def wait(self) -> int:
        code = self.process.wait(_START_SECONDS)
        self._reader.join(5)
        return code

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.wait()


@contextmanager
def running(settings: Settings, *arguments: object) -> Iterator[Command]:
    process = subprocess.Popen(
        command("worker", "--data-dir", settings.data_dir, "--ray", "local", *arguments),
        env=environment(settings.model_dir), cwd="/", text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    started = Command(process)
    try:
        yield started
    finally:
        started.end()


def test_options_of_ray_without_ray(settings: Settings) -> None:
    done = run_command(settings.model_dir, "worker", "--ray-workers", 2, "--data-dir", settings.data_dir)
    assert done.returncode != 0
    assert "--ray-workers and --ray-gpus are about --ray ADDRESS" in done.stderr


@pytest.mark.skipif(find_spec("ray") is not None, reason="Ray is installed")
def test_ray_that_is_not_installed(settings: Settings) -> None:
    done = run_command(settings.model_dir, "worker", "--ray", "local", "--data-dir", settings.data_dir)
    assert done.returncode != 0
    assert "pip install 'momentseek[ray]'" in done.stderr


@has_ray
@pytest.mark.long
def test_nobody_at_the_address(settings: Settings) -> None:
    done = run_command(
        settings.model_dir, "worker", "--ray", "127.0.0.1:1", "--data-dir", settings.data_dir
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "There is no Ray at '127.0.0.1:1'" in last and last.endswith("or local.")


@has_ray
@pytest.mark.long
def test_ray_starts_a_killed_worker_again(settings: Settings, tmp_path: Path) -> None:
    jobs = queue_videos(settings, tmp_path, 6, 40)
    with running(settings, "--ray-workers", 2, "--once") as ray:
        until(lambda: len(ray.pids()) == 2 and "indexed " in ray.said, _START_SECONDS, "both to work")
        os.kill(ray.pids()[0], signal.SIGKILL)
        assert ray.wait() == 0, ray.said
    assert "The workers have ended: nothing waits any more." in ray.said
    assert len(set(ray.pids())) == 3
    with Engine(settings) as engine:
        assert [engine.get_job(job.id).state for job in jobs] == ["done"] * 6
        assert engine.media_with_wrong_counts() == []


@has_ray
@pytest.mark.long
def test_sigterm_drains_the_workers_of_ray(settings: Settings, tmp_path: Path) -> None:
    queue_videos(settings, tmp_path, 1, 10)
    with running(settings, "--ray-workers", 1) as ray:
        until(lambda: "indexed 0.mp4" in ray.said, _START_SECONDS, "it to work")
        ray.process.send_signal(signal.SIGTERM)
        assert ray.wait() == 0, ray.said
    assert "The workers have ended: stopped." in ray.said
    with Engine(settings) as engine:
        assert [job.state for job in engine.list_jobs()] == ["done"]
