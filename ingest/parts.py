"""What an ingest works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.settings import IngestSettings
from index.catalogue import Catalogue
from index.store import VectorStore
from ingest.analyze import Analyzer
from ingest.decode import Decoder


@dataclass(frozen=True, slots=True)
class Parts:
    """The engine chooses them. ``storyboard_dir`` gives the folder of a media file's storyboard."""

    catalogue: Catalogue
    store: VectorStore
    analyzer: Analyzer
    decoder: Decoder
    generation: str
    settings: IngestSettings
    storyboard_dir: Callable[[str], Path]
