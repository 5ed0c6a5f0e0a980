"""Points as bytes, for a file that lies anywhere and is read by any version: numpy's own ``npz``.

Vectors are kept as float16, as stores keep them: written back, they are the same to the bit.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from core.errors import StoreDamaged
from core.record import Points
from core.types import Vectors
from index.stores.schema import unit

_WORDS = ("media_id", "media_type", "kind", "label")
_NUMBERS: dict[str, type] = {
    "time_seconds": np.float64, "span_seconds": np.float64, "box_xyxy": np.float32,
    "label_score": np.float32, "track": np.int64, "shot": np.int64,
}  # fmt: skip
_NONE = -1


def pack(points: Points) -> bytes:
    """Points with their vectors; the score of a query is left out."""
    columns: dict[str, Any] = {
        "vector_name": np.array(points.vector_name),
        "id": np.frombuffer(b"".join(UUID(one).bytes for one in points.id), np.uint8).reshape(-1, 16),
        "vectors": points.vectors.astype(np.float16),
    }
    for name in _WORDS:
        columns[f"{name}.words"], columns[f"{name}.rows"] = _numbered(getattr(points, name))
    columns |= {name: getattr(points, name) for name in _NUMBERS}
    file = io.BytesIO()
    np.savez(file, **columns)
    return file.getvalue()


def unpack(data: bytes) -> Points:
    """What ``pack`` was given, vectors at length 1. Raises StoreDamaged."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as columns:
            vectors: Vectors = unit(columns["vectors"].astype(np.float32))
            words: dict[str, Any] = {name: _words(columns, name) for name in _WORDS}
            numbers: dict[str, Any] = {
                name: columns[name].astype(kind) for name, kind in _NUMBERS.items()
            }
            ids = [str(UUID(bytes=row.tobytes())) for row in columns["id"]]
            return Points(
                str(columns["vector_name"]), id=ids, vectors=vectors, **words, **numbers  # type: ignore[arg-type]
            )
    except (ValueError, LookupError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise StoreDamaged(f"These points cannot be read: {' '.join(str(error).split())[:200]}.") from None


def _numbered(words: Sequence[str | None]) -> tuple[NDArray[np.str_], NDArray[np.int32]]:
    """Every word once, and for each row which one it is."""
    known = sorted({word for word in words if word is not None})
    number_of: dict[str | None, int] = {word: number for number, word in enumerate(known)}
    rows = [number_of.get(word, _NONE) for word in words]
    return np.array(known, np.str_), np.array(rows, np.int32)


def _words(columns: Mapping[str, NDArray[Any]], name: str) -> list[str | None]:
    words = columns[f"{name}.words"].tolist()
    return [None if row == _NONE else words[row] for row in columns[f"{name}.rows"].tolist()]
