"""What people note down about a media file; when work began and ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Plain ALTER TABLE, no copy of the table: SQLite would drop what refers to it.
    op.add_column("media", sa.Column("user_metadata", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("jobs", sa.Column("started_at", sa.DateTime(timezone=True)))
    op.add_column("jobs", sa.Column("ended_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    for table, column in (("jobs", "ended_at"), ("jobs", "started_at"), ("media", "user_metadata")):
        op.drop_column(table, column)
