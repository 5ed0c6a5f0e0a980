"""Questions that are asked again of what is new, and whom to tell."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "jobs", sa.Column("followed_up", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("jobs", sa.Column("first_done_at", sa.DateTime(timezone=True)))
    op.create_index("ix_jobs_followed_up", "jobs", ["followed_up"])
    # What ended before anybody could ask for it is no news.
    jobs = sa.table(
        "jobs", sa.column("state", sa.String), sa.column("followed_up", sa.Boolean),
        sa.column("first_done_at", sa.DateTime), sa.column("ended_at", sa.DateTime),
        sa.column("updated_at", sa.DateTime),
    )  # fmt: skip
    op.execute(jobs.update().where(jobs.c.state.in_(("done", "failed"))).values(followed_up=sa.true()))
    op.execute(
        jobs.update().where(jobs.c.state == "done")
        .values(first_done_at=sa.func.coalesce(jobs.c.ended_at, jobs.c.updated_at))
    )  # fmt: skip
    _webhooks()
    _saved_queries()


def downgrade() -> None:
    for table in (
        "saved_query_matches", "saved_query_runs", "saved_query_pictures", "saved_queries",
        "webhook_deliveries", "webhooks",
    ):  # fmt: skip
        op.drop_table(table)
    op.drop_index("ix_jobs_followed_up", "jobs")
    op.drop_column("jobs", "first_done_at")
    op.drop_column("jobs", "followed_up")


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("url", sa.String(4096), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("secret", sa.String(100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("webhook_id", sa.String(16), nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True)),
        sa.Column("status", sa.Integer()),
        sa.Column("message", sa.String()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_deliveries"),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name="fk_webhook_deliveries_webhook_id", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "ix_webhook_deliveries_waiting", "webhook_deliveries", ["webhook_id", "state", "next_at"]
    )


def _saved_queries() -> None:
    op.create_table(
        "saved_queries",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("question", sa.JSON(), nullable=False),
        sa.Column("webhook_id", sa.String(16)),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_run_at", sa.DateTime(timezone=True)),
        sa.Column("last_error", sa.String()),
        sa.PrimaryKeyConstraint("id", name="pk_saved_queries"),
        sa.UniqueConstraint("name", name="uq_saved_queries_name"),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name="fk_saved_queries_webhook_id", ondelete="SET NULL"
        ),
    )
    op.create_table(
        "saved_query_pictures",
        sa.Column("saved_query_id", sa.String(16), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("jpeg", sa.LargeBinary(), nullable=False),
        sa.Column("box", sa.JSON()),
        sa.Column("unlike", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("saved_query_id", "position", name="pk_saved_query_pictures"),
        _of_saved_query("saved_query_pictures"),
    )
    op.create_table(
        "saved_query_runs",
        sa.Column("saved_query_id", sa.String(16), nullable=False),
        sa.Column("media_id", sa.String(64), nullable=False),
        sa.Column("ran_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("saved_query_id", "media_id", name="pk_saved_query_runs"),
        _of_saved_query("saved_query_runs"),
        _of_media("saved_query_runs"),
    )
    op.create_index("ix_saved_query_runs_media_id", "saved_query_runs", ["media_id"])
    op.create_table(
        "saved_query_matches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("saved_query_id", sa.String(16), nullable=False),
        sa.Column("media_id", sa.String(64), nullable=False),
        sa.Column("segment", sa.JSON(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_saved_query_matches"),
        _of_saved_query("saved_query_matches"),
        _of_media("saved_query_matches"),
    )
    op.create_index(
        "ix_saved_query_matches_saved_query_id_id", "saved_query_matches", ["saved_query_id", "id"]
    )
    op.create_index("ix_saved_query_matches_media_id", "saved_query_matches", ["media_id"])


def _of_saved_query(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["saved_query_id"], ["saved_queries.id"], name=f"fk_{table}_saved_query_id", ondelete="CASCADE"
    )


def _of_media(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["media_id"], ["media.id"], name=f"fk_{table}_media_id", ondelete="CASCADE"
    )
