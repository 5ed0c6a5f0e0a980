"""What exports need of the library; momentseek/engine.py provides it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from core.answer import Segment
from index.catalogue import MediaRow
from ingest.clips import Cuts


class ExportsLibrary(Protocol):
    """Calls may block: the routes run them on worker threads."""

    def everything(self, query_id: str) -> tuple[Segment, ...]:
        """All segments of an earlier answer, in its order. Raises QueryForgotten."""

    def get_media(self, media_id: str) -> MediaRow:
        """Raises NotFound."""

    def media_path(self, media_id: str) -> Path:
        """Where the original lies. Raises NotFound when the id or the file is gone."""

    def cutter(self) -> AbstractContextManager[Cuts]:
        """What cuts clips, for one request: its process ends with the block."""

    def export_dir(self) -> Path:
        """A folder of the library's own for files on their way out; it need not exist."""
