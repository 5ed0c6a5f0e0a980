"""Generations of the index: one per set of models and preprocessing, one of them active."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from core.errors import NotFound
from index.database import Database
from index.rows import GenerationRow
from index.tables import Generation


class Generations(Database):
    """The table of generations."""

    def add_generation(
        self, name: str, fingerprint: Mapping[str, Mapping[str, str]], active: bool = True
    ) -> GenerationRow:
        """Record with what models an index is made; known names stay as they are."""
        with self._write() as session:
            generation = session.get(Generation, name)
            if generation is None:
                plain = {group: dict(values) for group, values in fingerprint.items()}
                generation = Generation(name=name, fingerprint=plain, active=False)
                session.add(generation)
                session.flush()
            if active:
                _activate(session, name)
                session.refresh(generation)
            return _generation_row(generation)

    def active_generation(self) -> GenerationRow | None:
        with self._read() as session:
            generation = session.scalars(select(Generation).where(Generation.active)).first()
            return None if generation is None else _generation_row(generation)

    def list_generations(self) -> list[GenerationRow]:
        with self._read() as session:
            rows = session.scalars(select(Generation).order_by(Generation.name))
            return [_generation_row(row) for row in rows]

    def forget_generation(self, name: str) -> None:
        """Drop what is known of an inactive generation; its data is the store's to remove."""
        with self._write() as session:
            session.execute(delete(Generation).where(Generation.name == name, ~Generation.active))

    def activate_generation(self, name: str) -> None:
        """Searches use this one from now on. Raises NotFound."""
        with self._write() as session:
            if session.get(Generation, name) is None:
                raise NotFound(f"There is no generation {name}.")
            _activate(session, name)


def _activate(session: Session, name: str) -> None:
    session.execute(update(Generation).values(active=Generation.name == name))


def _generation_row(generation: Generation) -> GenerationRow:
    return GenerationRow(generation.name, generation.fingerprint, generation.active, generation.created_at)
