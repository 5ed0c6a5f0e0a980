"""People: whose face is whose."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(100)),
        sa.Column("name_folded", sa.String(255)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
        sa.UniqueConstraint("name_folded", name="uq_people_name_folded"),
    )
    op.create_table(
        "person_faces",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("person_id", sa.String(32)),
        sa.Column("media_id", sa.String(64), nullable=False),
        sa.Column("unit", sa.String(100), nullable=False),
        sa.Column("generation", sa.String(100), nullable=False),
        sa.Column("decided", sa.Boolean(), nullable=False),
        sa.Column("start_seconds", sa.Double(), nullable=False),
        sa.Column("end_seconds", sa.Double(), nullable=False),
        sa.Column("box_xyxy", sa.JSON(), nullable=False),
        sa.Column("quality", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_person_faces"),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name="fk_person_faces_person_id", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["media_id"], ["media.id"], name="fk_person_faces_media_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_person_faces_person_id", "person_faces", ["person_id", "quality"])
    op.create_index("ix_person_faces_media_id", "person_faces", ["media_id"])
    op.create_index("ix_person_faces_unit", "person_faces", ["unit"])
    op.create_table(
        "person_refusals",
        sa.Column("person_id", sa.String(32), nullable=False),
        sa.Column("face_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "face_id", name="pk_person_refusals"),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name="fk_person_refusals_person_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["face_id"], ["person_faces.id"], name="fk_person_refusals_face_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_person_refusals_face_id", "person_refusals", ["face_id"])


def downgrade() -> None:
    for table in ("person_refusals", "person_faces", "people"):
        op.drop_table(table)
