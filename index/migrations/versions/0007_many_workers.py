"""Workers that were lost over a job; an index to find the job that waits longest."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("take_overs", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_jobs_state_created_at_id", "jobs", ["state", "created_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_jobs_state_created_at_id", "jobs")
    op.drop_column("jobs", "take_overs")
