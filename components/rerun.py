"""Running a run folder once more, with other settings or edits: what is asked, and the job."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from components.run_plan import newest_job, write_settings
from fibsem_dash.errors import FibsemDashError, RunError
from fibsem_dash.jobs import JobRegistry
from fibsem_dash.registration.canvas import fit_canvas
from fibsem_dash.registration.edits import RunEdits, write_edits
from fibsem_dash.registration.frames import find_frames
from fibsem_dash.registration.recompute import RecomputePlan, recompute_count
from fibsem_dash.registration.stored_run import StoredRun
from fibsem_dash.settings import RunSettings
from fibsem_dash.transforms.matrices import Array
from fibsem_dash.units import format_bytes

OPTIONS = ("--pattern", "--workers", "--scheduler")
"""Options of an earlier job that hold for the next one too."""


@dataclass(frozen=True)
class Rerun:
    """What the next run of a folder would do.

    Attributes
    ----------
    run : StoredRun
        The folder.
    settings : RunSettings
        Settings of the next run.
    edits : RunEdits
        Its edits.
    plan : RecomputePlan
        What it computes; everything else is found on disk.
    stack_bytes : int
        Size of the voxels that it writes.
    free_bytes : int
        Free space of the disk.
    """

    run: StoredRun
    settings: RunSettings
    edits: RunEdits
    plan: RecomputePlan
    stack_bytes: int
    free_bytes: int

    def describe(self) -> str:
        """Return what will be computed, the size and the free space, in words."""
        if not self.plan:
            return "Nothing has to be computed: everything is on disk as it would be."
        about = "" if self.plan.exact else "up to "
        size = f"Stack about {format_bytes(self.stack_bytes)}, {format_bytes(self.free_bytes)} free"
        warning = "" if self.stack_bytes <= self.free_bytes else ": not enough space"
        return f"To be computed: {about}{self.plan}. {size}{warning}."


def plan_rerun(
    run: StoredRun, settings: RunSettings, edits: RunEdits, matrices: Array | None = None
) -> Rerun:
    """Find out what a run with other settings or edits would compute.

    Takes seconds for 10 000 frames: not for the event loop.

    Parameters
    ----------
    run : StoredRun
        The folder.
    settings, edits : RunSettings, RunEdits
        Of the next run.
    matrices : (n, 3, 3) array, optional
        Places of the frames, for the size of the canvas.
    """
    plan = recompute_count(run, edits, settings)
    shape = next((f.shape for f in run.frames if f.shape[0]), (0, 0))
    if matrices is not None and settings.output.pad and len(matrices):
        shape = fit_canvas(matrices, shape, settings.output.pad_mode).shape
    wide = {"uint8": 1, "float32": 4}.get(settings.output.dtype, 2)
    n_bytes = plan.slices * shape[0] * shape[1] * wide * len(settings.output.formats)
    free = shutil.disk_usage(run.store.folder).free
    return Rerun(run, settings, edits, plan, n_bytes, free)


def source_of(run: StoredRun, registry: JobRegistry) -> list[str]:
    """Return the folder of the frames and the options that the run was started with.

    Raises
    ------
    RunError
        When no folder holds just the frames of the run any more.
    """
    job = newest_job(registry.jobs(), run.store.folder)
    if job is not None and job.arguments:
        arguments = list(job.arguments)
        options = [
            part
            for name in OPTIONS
            if name in arguments[:-1]
            for part in (name, arguments[arguments.index(name) + 1])
        ]
        if not arguments[0].startswith("-"):
            return [arguments[0], *options]
    listed = [os.path.realpath(path) for path in run.paths]
    folder = os.path.commonpath([os.path.dirname(path) for path in listed])
    suffix = Path(listed[0]).suffix
    for pattern in ("", f"*{suffix}"):
        try:
            found = [os.path.realpath(path) for path in find_frames(folder, pattern)]
        except FibsemDashError:
            continue
        if found == listed:
            return [folder, *(["--pattern", pattern] if pattern else [])]
    raise RunError(
        "the frames of this run are not all frames of a folder",
        path=folder,
        expected=f"the {len(listed)} files that run.json lists",
        remedy="Start the run again from the command line, with the same files.",
    )


def start_rerun(wanted: Rerun, registry: JobRegistry) -> str:
    """Write the edits, and put the run at the end of the queue; return the id of the job.

    Raises
    ------
    FibsemDashError
        When it cannot run, for example since another job works for the folder.
    """
    run = wanted.run
    folder = str(run.store.folder)
    source = source_of(run, registry)
    active = newest_job(registry.jobs(), folder)
    if active is not None and active.active:
        raise RunError(
            "a job works for this folder already",
            path=folder,
            found=active.title,
            remedy="Wait for it or cancel it.",
        )
    path = write_settings(wanted.settings, registry.folder)
    write_edits(run.store.folder, wanted.edits)
    where = [source[0], "--out", folder, "--config", str(path), *source[1:]]
    return registry.submit("register", where, title=Path(folder).name, folder=folder)
