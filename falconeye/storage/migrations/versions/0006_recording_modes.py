"""Recording modes: schedules, events with pre-roll and post-roll, privacy; what happened."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_COLUMNS = (
    "schedule", "pre_roll_s", "post_roll_s", "paused_by", "paused_until_us", "privacy_schedule",
    "privacy_lifted_until_us",
)  # fmt: skip
_REASONS = {
    "paused": "camera_stopped",
    "outside_schedule": "recording_off",
    "outside_events": "recording_off",
}


# Exports and copies in H.264 of this release in a form that the release before takes: it knows
# exports alone, and no result with anything else in it. What is not known there stays in the
# request until an upgrade brings it back, unless the export was made anew meanwhile.
_SET_JOBS_ASIDE = (
    (
        "UPDATE jobs SET request = json_set(request, '$.newer', "
        "json_object('kind', kind, 'result', json(result))) "
        "WHERE kind <> 'export' OR json(result) <> "
        "json_remove(result, '$.sheet_name', '$.sheet_bytes', '$.files', '$.freed_bytes')"
    ),
    (
        "UPDATE jobs SET state = 'cancelled', "
        "ended_us = max(created_us, strftime('%s', 'now') * 1000000) "
        "WHERE kind <> 'export' AND state IN ('pending', 'processing')"
    ),
    (
        "UPDATE jobs SET kind = 'export', result = "
        "json_remove(result, '$.sheet_name', '$.sheet_bytes', '$.files', '$.freed_bytes') "
        "WHERE json_type(request, '$.newer') IS NOT NULL"
    ),
)
_BRING_JOBS_BACK = (
    (
        "UPDATE jobs SET request = "
        "json_remove(request, '$.newer', '$.copy_of', '$.copy_of_sha256') "
        "WHERE json_type(request, '$.newer') IS NOT NULL AND "
        "json_extract(request, '$.newer.result.sha256') IS NOT json_extract(result, '$.sha256')"
    ),
    (
        "UPDATE jobs SET kind = json_extract(request, '$.newer.kind'), "
        "result = json_extract(request, '$.newer.result'), "
        "request = json_remove(request, '$.newer') "
        "WHERE json_type(request, '$.newer') IS NOT NULL"
    ),
)
# Its causes are unknown there, and so is when it ends.
_END_NOTICES_OF_VOLUMES = (
    "UPDATE notices SET until_us = max(since_us, strftime('%s', 'now') * 1000000) "
    "WHERE until_us IS NULL AND camera_id LIKE 'volume:%'"
)


def upgrade() -> None:
    for column in (
        sa.Column("schedule", sa.JSON()),
        sa.Column("pre_roll_s", sa.Integer(), nullable=False, server_default=sa.text("10")),
        sa.Column("post_roll_s", sa.Integer(), nullable=False, server_default=sa.text("10")),
        sa.Column("paused_by", sa.String()),
        sa.Column("paused_until_us", sa.BigInteger()),
        sa.Column("privacy_schedule", sa.JSON()),
        sa.Column("privacy_lifted_until_us", sa.BigInteger()),
    ):
        op.add_column("cameras", column)
    op.create_table(
        "events",
        sa.Column("camera_id", sa.Text(), primary_key=True, nullable=False),
        sa.Column("at_us", sa.BigInteger(), primary_key=True, nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    for change in _BRING_JOBS_BACK:
        op.execute(change)


def downgrade() -> None:
    """The release before knows neither the modes nor the reasons.

    A camera that somebody paused, or that is not to be seen at some hours, is stopped there:
    another release is no reason to show it.
    """
    op.execute(
        "UPDATE cameras SET started = 0, stopped_by = coalesce(paused_by, stopped_by) "
        "WHERE paused_by IS NOT NULL AND paused_until_us IS NULL "
        "OR paused_until_us > strftime('%s', 'now') * 1000000 OR privacy_schedule IS NOT NULL"
    )
    op.execute("UPDATE cameras SET record = 'continuous' WHERE record = 'event'")
    op.execute("UPDATE recordings SET kind = 'manual' WHERE kind = 'event'")
    for reason, known in _REASONS.items():
        statement = sa.text("UPDATE coverage_steps SET reason = :known WHERE reason = :reason")
        op.execute(statement.bindparams(known=known, reason=reason))
    op.execute(
        "UPDATE runs SET end_reason = 'stopped_by_user' "
        "WHERE end_reason IN ('paused', 'schedule_over', 'event_over')"
    )
    op.execute("UPDATE deletions SET reason = 'deleted_by_person' WHERE reason = 'disk_removed'")
    for change in (_END_NOTICES_OF_VOLUMES, *_SET_JOBS_ASIDE):
        op.execute(change)
    op.drop_table("events")
    for column in reversed(_COLUMNS):
        op.drop_column("cameras", column)
