"""Named sets of media: what the Twelve Labs dialect calls indexes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "media_sets",
        sa.Column("id", sa.String(24), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_media_sets"),
        sa.UniqueConstraint("name", name="uq_media_sets_name"),
    )
    op.create_table(
        "media_set_members",
        sa.Column("set_id", sa.String(24), nullable=False),
        sa.Column("media_id", sa.String(64), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("set_id", "media_id", name="pk_media_set_members"),
        sa.ForeignKeyConstraint(
            ["set_id"], ["media_sets.id"], name="fk_media_set_members_set_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["media_id"], ["media.id"], name="fk_media_set_members_media_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_media_set_members_media_id", "media_set_members", ["media_id"])
    op.create_table(
        "media_set_uploads",
        sa.Column("media_id", sa.String(64), nullable=False),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.Column("from_url", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("media_id", name="pk_media_set_uploads"),
        sa.ForeignKeyConstraint(
            ["media_id"], ["media.id"], name="fk_media_set_uploads_media_id", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    for table in ("media_set_uploads", "media_set_members", "media_sets"):
        op.drop_table(table)
