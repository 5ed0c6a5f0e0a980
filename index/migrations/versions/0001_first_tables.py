"""Media, their files, jobs and generations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _media()
    _media_files()
    _jobs()
    op.create_table(
        "generations",
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("fingerprint", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_generations"),
    )


def downgrade() -> None:
    for table in ("generations", "jobs", "media_files", "media"):
        op.drop_table(table)


def _media() -> None:
    op.create_table(
        "media",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("media_type", sa.String(16)),
        sa.Column("container", sa.String(64)),
        sa.Column("codec", sa.String(64)),
        sa.Column("width", sa.Integer()),
        sa.Column("height", sa.Integer()),
        sa.Column("duration_seconds", sa.Double()),
        sa.Column("duration_from_header_seconds", sa.Double()),
        sa.Column("fps", sa.Double()),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reason", sa.String()),
        sa.Column("point_counts", sa.JSON(), nullable=False),
        sa.Column("sample_count", sa.Integer(), nullable=False),
        sa.Column("shot_starts", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("crashes", sa.Integer(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("generation", sa.String(100)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("indexed_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_media"),
    )
    op.create_index("ix_media_status", "media", ["status"])
    op.create_index("ix_media_created_at_id", "media", ["created_at", "id"])


def _media_files() -> None:
    op.create_table(
        "media_files",
        sa.Column("path", sa.String(4096), nullable=False),
        sa.Column("media_id", sa.String(64)),
        sa.Column("name_folded", sa.String(255), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reason", sa.String()),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("path", name="pk_media_files"),
        sa.ForeignKeyConstraint(
            ["media_id"], ["media.id"], name="fk_media_files_media_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_media_files_media_id", "media_files", ["media_id"])


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("media_id", sa.String(64)),
        sa.Column("path", sa.String(4096)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("lease_owner", sa.String(200)),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("message", sa.String()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name="fk_jobs_media_id", ondelete="CASCADE"),
    )
    op.create_index("ix_jobs_state", "jobs", ["state"])
    op.create_index("ix_jobs_media_id", "jobs", ["media_id"])
