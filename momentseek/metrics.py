"""What a running server counts, for Prometheus: docs/metrics.md lists it.

Counters are of this process. What is asked of catalogue and store when somebody looks costs a count each;
where the store does not answer, its figures are left out.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from core.errors import MomentseekError
from index.rows import JobState
from index.store import VectorStore, Where
from ingest.progress import STAGES, Outcome

_SEARCH_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_STATES: tuple[JobState, ...] = ("queued", "running", "done", "failed", "cancelled")


class Metrics(Collector):
    """A collector without a registry: whoever shows it has one. ``about`` gives what stays the same."""

    def __init__(
        self, count_jobs: Callable[[], Mapping[JobState, int]], store: Callable[[], VectorStore],
        data_dir: Path, about: Callable[[], Mapping[str, str]],
    ) -> None:
        self._count_jobs, self._store, self._data_dir, self._about = count_jobs, store, data_dir, about
        self._own = CollectorRegistry()
        self._stage_seconds = Counter(
            "momentseek_ingest_seconds", "Seconds that indexing took, by stage", ["stage"],
            registry=self._own,
        )  # fmt: skip
        self._frames = Counter(
            "momentseek_ingest_frames", "Frames that were sampled and indexed", registry=self._own
        )
        self._media = Counter(
            "momentseek_ingest_media", "Media files that were looked at, by what became of them", ["status"],
            registry=self._own,
        )  # fmt: skip
        self._video_seconds = Counter(
            "momentseek_ingest_video_seconds", "Seconds of video that were indexed", registry=self._own
        )
        self._search_seconds = Histogram(
            "momentseek_search_seconds", "Seconds that searches took, by stage", ["stage"],
            buckets=_SEARCH_BUCKETS_SECONDS, registry=self._own,
        )  # fmt: skip
        for stage in STAGES:
            self._stage_seconds.labels(stage)

    def note_ingest(self, outcomes: Sequence[Outcome]) -> None:
        for one in outcomes:
            self._media.labels(one.status).inc()
            self._frames.inc(one.frames)
            self._video_seconds.inc(one.media_seconds)
            for stage, seconds in one.stage_seconds.items():
                self._stage_seconds.labels(stage).inc(seconds)

    def note_search(self, timings_ms: Mapping[str, float]) -> None:
        for stage, milliseconds in timings_ms.items():
            self._search_seconds.labels(stage).observe(milliseconds / 1000)
        self._search_seconds.labels("all").observe(sum(timings_ms.values()) / 1000)

    def collect(self) -> Iterable[Metric]:
        yield from self._own.collect()
        jobs = GaugeMetricFamily("momentseek_jobs", "Jobs by state", labels=["state"])
        counts = self._count_jobs()
        for state in _STATES:
            jobs.add_metric([state], counts.get(state, 0))
        yield jobs
        yield from self._of_the_store()
        yield GaugeMetricFamily(
            "momentseek_disk_free_bytes", "Free bytes on the disk of the library",
            shutil.disk_usage(self._data_dir).free,
        )  # fmt: skip
        yield InfoMetricFamily("momentseek_build", "What runs here", value=dict(self._about()))

    def _of_the_store(self) -> Iterator[Metric]:
        try:
            points, size_bytes = self._store().count(Where()), self._store().size_bytes()
        except MomentseekError:
            return
        yield GaugeMetricFamily("momentseek_index_points", "Vectors in the index", points)
        yield GaugeMetricFamily("momentseek_index_bytes", "Bytes of the index on disk", size_bytes)
