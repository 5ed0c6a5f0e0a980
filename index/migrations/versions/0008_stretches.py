"""Stretches of long videos: jobs with a range of time and with what came of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("start_seconds", sa.Double(), nullable=True))
    op.add_column("jobs", sa.Column("end_seconds", sa.Double(), nullable=True))
    op.add_column("jobs", sa.Column("result", sa.JSON(), nullable=True))


def downgrade() -> None:
    # Nobody would know what they are.
    op.execute("DELETE FROM jobs WHERE kind = 'stretch'")
    for name in ("result", "end_seconds", "start_seconds"):
        op.drop_column("jobs", name)
