"""Runs: the samples of one unbroken stretch of a stream, and why it ended."""

from enum import StrEnum


class RunEnd(StrEnum):
    """Why a run (and so footage) ended; the ledger's reasons for the gap that follows."""

    CAMERA_OFFLINE = "camera_offline"
    CAMERA_HOLE = "camera_hole"  # pictures stopped within the connection, or its clock jumped
    NODE_STOPPED = "node_stopped"
    NODE_CRASHED = "node_crashed"  # found by recovery at the next start
    CLOCK_CHANGED = "clock_changed"  # the node's own clock
    STOPPED_BY_USER = "stopped_by_user"
    PAUSED = "paused"  # privacy
    HANDED_OVER = "handed_over"  # another node records the camera
    SCHEDULE_OVER = "schedule_over"
    EVENT_OVER = "event_over"
    DISK_TOO_SLOW = "disk_too_slow"
    DISK_FULL = "disk_full"
    DISK_ERROR = "disk_error"
