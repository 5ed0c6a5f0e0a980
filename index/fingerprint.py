"""With what an index was made: vectors of other models or other preprocessing must never meet in one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from core.errors import FingerprintMismatch


@dataclass(frozen=True)
class Fingerprint:
    """Parts by group: ``{"embedder": {"name": ..., "weights": ...}, "faces": {...}, "sampling": {...}}``.

    Any change to any part makes another index; leave out what does not change the vectors or their times.
    """

    groups: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, **groups: Mapping[str, str] | None) -> Self:
        """Groups that are None (no detector, no faces) are left out; values become text."""
        return cls({
            name: {key: str(value) for key, value in sorted(parts.items())}
            for name, parts in sorted(groups.items()) if parts is not None
        })

    @property
    def name(self) -> str:
        """16 hex digits, the same for the same parts in any order: the name of the generation."""
        text = json.dumps({group: dict(parts) for group, parts in self.groups.items()}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, dict[str, str]]:
        return {group: dict(parts) for group, parts in self.groups.items()}


def differences(active: Fingerprint, wanted: Fingerprint) -> list[tuple[str, str | None, str | None]]:
    """(part, value in the index, value in the settings) for what differs; None where a side has no such part.

    >>> differences(Fingerprint.of(embedder={"name": "a"}), Fingerprint.of(embedder={"name": "b"}))
    [('embedder.name', 'a', 'b')]
    """
    ours, theirs = _flat(active), _flat(wanted)
    names = sorted(ours.keys() | theirs.keys())
    return [(name, ours.get(name), theirs.get(name)) for name in names if ours.get(name) != theirs.get(name)]


def check(active: Fingerprint, wanted: Fingerprint, way_out: str) -> None:
    """Raises FingerprintMismatch that names both sides and ends with ``way_out``, a sentence."""
    found = _without_details(differences(active, wanted))
    if found:
        made_with = ", ".join(f"{name} {ours or 'none'}" for name, ours, _ in found)
        asks_for = ", ".join(f"{name} {theirs or 'none'}" for name, _, theirs in found)
        raise FingerprintMismatch(
            f"The index was made with {made_with}, but the settings ask for {asks_for}. {way_out}"
        )


def _without_details(
    found: list[tuple[str, str | None, str | None]],
) -> list[tuple[str, str | None, str | None]]:
    """Where another model is asked for, its name says it: nobody reads the rest of its group."""
    renamed = {part.removesuffix("name") for part, *_ in found if part.endswith(".name")}
    return [
        entry for entry in found
        if entry[0].endswith(".name") or not any(entry[0].startswith(group) for group in renamed)
    ]


def _flat(fingerprint: Fingerprint) -> dict[str, str]:
    groups = fingerprint.groups.items()
    return {f"{group}.{key}": value for group, parts in groups for key, value in parts.items()}
