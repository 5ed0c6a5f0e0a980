"""``python -m bench.scale.plan HOURS``: what that many hours of video need, by the figures of docs/scale.md.

Measured figures are those of the embedded store, which is of the same make as the server. The others have
the name of their source beside them.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass

PAYLOAD_DISK_BYTES = 450
"""Measured: of a point on disk beside its vector."""
OWN_BYTES = 450
"""Measured: of a point in memory for ids and the indexes of five payload fields, whatever its dimension."""
LINK_BYTES = 4
"""Of a graph; it has 2 m of them for a point (Qdrant, "Large-Scale Search in Qdrant")."""
HEADROOM = 1.5
"""For what is written anew beside the old while segments are optimised (Qdrant, "Capacity Planning")."""
INDEXED_PER_SECOND = 4_000
"""Points that a node of 8 cores puts into its graph (Qdrant, "Large-Scale Search in Qdrant")."""
NODE_POINTS = 100_000_000
"""What a node should hold at most (Qdrant's "horizontal scaling" skill: about 100 million)."""
USED_SHARE = 0.75
"""Of a node's memory; the rest is for the system and for pages of what is on disk."""


@dataclass(frozen=True, slots=True)
class Needs:
    """Of one library. Bytes are of all nodes and all copies together; ``nodes`` of ``node_memory_gb`` each,
    three at least. ``graph_hours``: to build the graphs once, on all nodes at a time."""

    points: int
    memory_bytes: int
    disk_bytes: int
    nodes: int
    graph_hours: float


def embedded(points: int, dimension: int) -> tuple[int, int]:
    """Bytes of memory, pages that a question reads included, and of disk."""
    disk = points * (2 * dimension + PAYLOAD_DISK_BYTES)
    return points * OWN_BYTES + disk, disk


def cluster(
    points: int, dimension: int, copies: int = 2, bits: float = 8, m: int = 16, node_memory_gb: float = 128
) -> Needs:
    """``bits`` a number takes in the copy in memory: 8 for scalar, or turbo_bits; float16 vectors on disk.

    >>> cluster(1_000_000, 768).memory_bytes
    2692000000
    """
    small = math.ceil(dimension * bits / 8)
    graph = 2 * m * LINK_BYTES
    memory = points * copies * (small + graph + OWN_BYTES)
    disk = math.ceil(points * copies * (2 * dimension + PAYLOAD_DISK_BYTES + small + graph) * HEADROOM)
    nodes = max(
        3, math.ceil(memory / (node_memory_gb * 1e9 * USED_SHARE)), math.ceil(points * copies / NODE_POINTS)
    )
    return Needs(points, memory, disk, nodes, points * copies / nodes / INDEXED_PER_SECOND / 3600)


def workers(hours: float, within_days: float, speed: float) -> int:
    """How many, each of which indexes ``speed`` seconds of video in a second, day and night."""
    return math.ceil(hours / (within_days * 24 * speed))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scale.plan", description=__doc__)
    parser.add_argument("hours", type=float)
    parser.add_argument("--points-per-hour", type=int, default=200_000, metavar="N")
    parser.add_argument("--dimension", type=int, default=768, help="256 offline, 512 default, 768 cluster")
    parser.add_argument("--copies", type=int, default=2)
    parser.add_argument("--bits", type=float, default=8, help="8 for scalar, or turbo_bits")
    parser.add_argument("--node-memory-gb", type=float, default=128)
    given = parser.parse_args(arguments)
    points = round(given.hours * given.points_per_hour)
    memory, disk = embedded(points, given.dimension)
    print(f"{points:,} points")
    print(f"embedded: {memory / 1e9:,.1f} GB of memory, {disk / 1e9:,.1f} GB of disk")
    needs = cluster(points, given.dimension, given.copies, given.bits, node_memory_gb=given.node_memory_gb)
    print(
        f"cluster, {given.copies} copies: {needs.memory_bytes / 1e9:,.0f} GB of memory, "
        f"{needs.disk_bytes / 1e9:,.0f} GB of disk, {needs.nodes:,} nodes of {given.node_memory_gb:g} GB, "
        f"graphs in {needs.graph_hours:,.1f} hours"
    )


if __name__ == "__main__":
    main()
