"""What is known about a job, as frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from fibsem_dash.compute.progress import STAGE_TITLES

JobState = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
"""State of a job; interrupted: its process is gone and told no end."""

JOB_STATES: tuple[JobState, ...] = get_args(JobState)

ACTIVE_STATES: tuple[JobState, ...] = ("queued", "running")
"""States that a job leaves by itself."""

RESUMABLE_STATES: tuple[JobState, ...] = ("cancelled", "interrupted", "failed")
"""States from which the same command may be started again."""


@dataclass(frozen=True)
class StageProgress:
    """How far one stage of a job is.

    Attributes
    ----------
    name : str
        Its key, such as ``"keypoints"``; `title` is for people.
    state : str
        ``"running"``, ``"done"``, or the state in which the job ended meanwhile.
    total, done : int
        Items, such as frames or pairs.
    reused, failed : int
        Of the items that are done: taken from an earlier run; without a result.
    seconds : float
        Time that the stage has taken so far.
    rate : float
        Items per second; 0 while nothing is done.
    left_s : float or None
        Expected seconds to the end of the stage; None while nothing is known.
    """

    name: str
    state: str
    total: int
    done: int
    reused: int = 0
    failed: int = 0
    seconds: float = 0.0
    rate: float = 0.0
    left_s: float | None = None

    @property
    def title(self) -> str:
        """What the stage is called on screen."""
        return STAGE_TITLES.get(self.name, self.name)

    @property
    def percent(self) -> float:
        """Share of the items that are done, 0 to 100."""
        return min(100.0 * self.done / self.total, 100.0) if self.total > 0 else 0.0


@dataclass(frozen=True)
class JobRecord:
    """Everything about a job at one moment.

    Attributes
    ----------
    id : str
        Names the job's folder.
    kind : str
        The command, such as ``"register"``.
    title : str
        What a user calls it.
    folder : str
        Where its results go: a run folder, or the folder of an output; may be empty.
    command : tuple of str
        Program and arguments of its process.
    arguments : tuple of str
        What followed the kind when the job was submitted.
    state : JobState
        Where it stands.
    queue_place : int
        1 for the next job to start; 0 unless it is queued.
    stages : tuple of StageProgress
        Stages that were begun, in order; the last one may be running.
    messages, problems : int
        Lines of the log that deserve a look; frames and pairs that failed.
    error : str
        Why it failed, in one line; empty otherwise.
    created, started, finished : float or None
        Seconds since 1970; start and finish of the latest attempt.
    pid, create_time : int, float or None
        The process and when the system started it.
    dashboard, scheduler : str
        Addresses of its Dask cluster, ``http://...`` and ``tcp://...``; empty where there is none.
    exit_status : int or None
        That of the command: 3 means finished, with failed frames or pairs.
    cancelling : bool
        Whether it was asked to stop and still runs.
    attempt : int
        1, and one more for each time that it was resumed.
    """

    id: str
    kind: str
    title: str
    folder: str
    command: tuple[str, ...]
    arguments: tuple[str, ...]
    state: JobState
    queue_place: int = 0
    stages: tuple[StageProgress, ...] = ()
    messages: int = 0
    problems: int = 0
    error: str = ""
    created: float = 0.0
    started: float | None = None
    finished: float | None = None
    pid: int | None = None
    create_time: float | None = None
    dashboard: str = ""
    scheduler: str = ""
    exit_status: int | None = None
    cancelling: bool = False
    attempt: int = 1

    @property
    def active(self) -> bool:
        """Whether it runs or waits to."""
        return self.state in ACTIVE_STATES

    @property
    def resumable(self) -> bool:
        """Whether the same command may be started again."""
        return self.state in RESUMABLE_STATES

    @property
    def stage(self) -> StageProgress | None:
        """The stage that was begun last."""
        return self.stages[-1] if self.stages else None


@dataclass(frozen=True)
class LogLine:
    """One line of a job's log.

    Attributes
    ----------
    number : int
        Counts from 1; `JobRegistry.log` takes it as `after`.
    time : float
        Seconds since 1970.
    level : str
        ``"info"``, ``"warning"`` or ``"error"``.
    text : str
        The line.
    """

    number: int
    time: float
    level: str
    text: str


LOG_LEVELS = ("info", "warning", "error")
"""Levels of a log line, the least severe first."""
