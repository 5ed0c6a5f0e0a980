"""What the folder of a generation says of itself: ``about.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, get_args

from core.errors import StoreDamaged, StoreError
from index.stores.upgrades import FIRST, require_known

Method = Literal["exact", "quantised"]
"""How the store answers who asks of all it has: it looks at every vector as it is, or at a small copy of
all of them and then at the best as they are."""

_FILE = "about.json"
_FIRST_SCHEMA, SCHEMA = 1, 2
"""Of the folder. The first one had one folder for the shard, and exact search."""
FIRST_SHARD = "shard"


@dataclass(frozen=True, slots=True)
class About:
    """``dimensions`` by vector name; ``shard`` is the folder that holds the points, ``record`` their version
    (index/stores/upgrades.py)."""

    dimensions: dict[str, int]
    shard: str = FIRST_SHARD
    method: Method = "exact"
    record: int = FIRST

    @classmethod
    def read(cls, generation: Path) -> Self:
        """Raises StoreDamaged, and StoreError for a folder of another version."""
        try:
            said = json.loads((generation / _FILE).read_text("utf-8"))
            schema = int(said["schema"])
            about = cls(
                {str(name): int(size) for name, size in said["dimensions"].items()},
                str(said.get("shard", FIRST_SHARD)), said.get("method", "exact"),
                int(said.get("record", FIRST)),
            )  # fmt: skip
            if about.method not in get_args(Method) or Path(about.shard).name != about.shard:
                raise ValueError(f"shard {about.shard!r}, method {about.method!r}")
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise damaged(generation, error) from None
        if schema not in (_FIRST_SCHEMA, SCHEMA):
            raise StoreError(
                f"The index {generation} was written by a newer momentseek (schema {schema}, this one knows "
                f"up to {SCHEMA}). Update momentseek, or use another --data-dir."
            )
        require_known(about.record, f"The index {generation}")
        return about

    def write(self, generation: Path) -> None:
        """All of it or nothing: whoever is killed here leaves the old one."""
        said: dict[str, object] = {"schema": _FIRST_SCHEMA, "dimensions": self.dimensions}
        if (self.shard, self.method) != (FIRST_SHARD, "exact"):
            said |= {"schema": SCHEMA, "shard": self.shard, "method": self.method}
        if self.record != FIRST:
            said["record"] = self.record
        fresh = generation / f"{_FILE}.new"
        fresh.write_text(json.dumps(said), "utf-8")
        fresh.replace(generation / _FILE)


def damaged(path: Path, error: BaseException) -> StoreDamaged:
    reason = " ".join(str(error).split())[:300]
    return StoreDamaged(
        f"The index {path} cannot be read ({reason}). Run `momentseek doctor`, or move that folder away and "
        "ingest again."
    )
