"""Putting a copy of the points in order: ``python -m index.stores.edge_compact SHARD_DIR METHOD``.

In a process of its own: Qdrant Edge holds Python's lock as long as it works on this, and the store process
has questions to answer meanwhile.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import qdrant_edge as edge

from index.stores.edge_about import About, Method

_LEAST_KB = 100
"""A segment that is smaller stays open for writing. Others are put in order."""
_SEGMENTS = 2
"""Searches look at segments beside each other."""
_LOOKED_AT_KB = 10_000
"""Where a filter leaves less than this every vector is looked at."""
_NO_GRAPH = edge.HnswIndexConfig(m=0, ef_construct=4, full_scan_threshold=_LOOKED_AT_KB)
"""One of m 16 and ef 100 finds 0.92 to 0.96 of the best 50 of real questions (docs/speed.md)."""
_SMALL = edge.TurboQuantQuantizationConfig(bits=edge.TurboQuantBitSize.Bits4, memory=edge.Memory.Pinned)
"""Half the time of every float16 vector and half the memory of bytes, and nothing is lost where twice as many
are scored again (docs/speed.md); 2 bits lose, and so do bits that are signs."""


def config_of(dimensions: Mapping[str, int], method: Method) -> edge.EdgeConfig:
    """Vectors are kept as float16; for a quantised search a small copy of them is in memory beside that."""
    return edge.EdgeConfig(
        vectors={
            name: edge.EdgeVectorParams(
                size, edge.Distance.Cosine, datatype=edge.VectorStorageDatatype.Float16,
                quantization_config=_SMALL if method == "quantised" else None, hnsw_config=_NO_GRAPH,
            )
            for name, size in dimensions.items()
        },
        optimizers=edge.EdgeOptimizersConfig(
            indexing_threshold=_LEAST_KB, default_segment_number=_SEGMENTS
        ),
    )  # fmt: skip


def compact(shard_dir: Path, dimensions: Mapping[str, int], method: Method) -> None:
    shard = edge.EdgeShard.load(str(shard_dir), config_of(dimensions, method))
    shard.optimize()
    shard.flush()
    shard.close()


def main() -> int:
    shard_dir, method = Path(sys.argv[1]), sys.argv[2]
    if method not in get_args(Method):
        raise SystemExit(f"There is no method {method!r}; there are {', '.join(get_args(Method))}.")
    os.nice(10)
    compact(shard_dir, About.read(shard_dir.parent).dimensions, method)  # type: ignore[arg-type]
    return 0


if __name__ == "__main__":
    sys.exit(main())
