"""Jobs: commands that run by themselves, outlive the server, and are found again."""

from fibsem_dash.jobs.monitor import JobMonitor
from fibsem_dash.jobs.reading import JOB_KINDS
from fibsem_dash.jobs.records import (
    ACTIVE_STATES,
    RESUMABLE_STATES,
    JobRecord,
    JobState,
    LogLine,
    StageProgress,
)
from fibsem_dash.jobs.registry import JobRegistry, jobs_folder

__all__ = [
    "ACTIVE_STATES",
    "JOB_KINDS",
    "RESUMABLE_STATES",
    "JobMonitor",
    "JobRecord",
    "JobRegistry",
    "JobState",
    "LogLine",
    "StageProgress",
    "jobs_folder",
]
