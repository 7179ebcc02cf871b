"""A registration before it starts: what stops it, its files, its command, its job."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.command_line import quoted_command
from components.config import ServerConfig
from components.pages.sift_settings import settings_yaml
from fibsem_dash.errors import FibsemDashError, ParameterError, RunError
from fibsem_dash.io.atomic import write_bytes
from fibsem_dash.jobs import JobRecord, JobRegistry, jobs_folder
from fibsem_dash.registration.forecast import Forecast
from fibsem_dash.registration.frames import FrameInfo, find_frames, leave_out
from fibsem_dash.registration.run_store import RunStore, refuse_raw_folder
from fibsem_dash.registration.stack_checks import check_name, check_output
from fibsem_dash.settings import RunSettings, to_dict, update
from fibsem_dash.transforms import get_model
from fibsem_dash.units import format_bytes

NAME = re.compile(r"[^\W_][\w. +-]{0,99}")
"""Names of run folders: those that every file system takes, and that no shell misreads."""

SCHEDULER = re.compile(r"(?:tcp|tls|ucx|ws|wss)://\S+:\d{1,5}")
"""Addresses of a Dask scheduler."""

SETTINGS_FOLDER = "settings"
"""Folder beside the jobs that holds the settings they were started with."""


@dataclass(frozen=True)
class RunPlan:
    """All that a registration is started with.

    Attributes
    ----------
    folder, pattern : str
        Folder of the raw frames and pattern of their names.
    frames : tuple of FrameInfo
        Frames as they were read.
    config : ServerConfig
        Says where run folders are made, and which files may be read.
    name : str
        Name of the run folder.
    settings : RunSettings
        All settings.
    workers : int
        Processes on this machine; unused with a scheduler.
    scheduler : str
        Address of a Dask scheduler; empty for this machine.
    """

    folder: str
    pattern: str
    frames: tuple[FrameInfo, ...]
    config: ServerConfig
    name: str
    settings: RunSettings
    workers: int = 1
    scheduler: str = ""

    @property
    def run_root(self) -> Path:
        """Folder below which run folders are made."""
        return self.config.run_root

    @property
    def run_folder(self) -> Path:
        """The run folder."""
        return self.run_root / self.name

    @property
    def resumes(self) -> bool:
        """Whether the run folder holds a run, which goes on."""
        return bool(NAME.fullmatch(self.name)) and RunStore(self.run_folder).exists

    @property
    def used(self) -> list[FrameInfo]:
        """Frames that take part: readable and not excluded."""
        return [f for f in leave_out(list(self.frames), self.settings.input.exclude) if f.usable]


def suggest_name(run_root: Path, folder: str, taken: Iterable[str] = ()) -> str:
    """Return the name of a new run folder, ``<folder>_<n>``.

    Parameters
    ----------
    run_root : pathlib.Path
        Where run folders are made.
    folder : str
        Folder of the raw frames.
    taken : iterable of str
        Folders that jobs will make.
    """
    stem = re.sub(r"[^\w.+-]+", "_", Path(folder).name).strip("_. +-")[:80] or "run"
    busy = {Path(name) for name in taken}
    number = 1
    while (run_root / f"{stem}_{number}") in busy or (run_root / f"{stem}_{number}").exists():
        number += 1
    return f"{stem}_{number}"


def check_plan(plan: RunPlan) -> None:
    """Refuse what cannot run; touches the disk a little.

    Raises
    ------
    FibsemDashError
        Says what is in the way and what to do.
    """
    if plan.config.demo_only:
        raise RunError(
            "no run can be started here: strangers can reach this server",
            remedy="Start it for this machine alone, or with a login.",
        )
    if not plan.frames:
        raise RunError("no stack is open", remedy="Open a folder of frames on the Data page.")
    if not NAME.fullmatch(plan.name) or plan.name.endswith((" ", ".")):
        raise ParameterError(
            "name of the run",
            expected="letters, digits, and . _ + - or blanks between them",
            found=plan.name or "nothing",
        )
    if not (plan.run_root.resolve() == plan.run_folder.resolve().parent):
        raise RunError(
            "the run folder is a link to another place",
            path=plan.run_folder,
            remedy="Choose another name.",
        )
    if len(plan.used) < 2:
        raise RunError(
            "a registration needs two frames that can be read",
            found=f"{len(plan.used)} of {len(plan.frames)}",
            remedy="Take back exclusions on the Data page, or open another folder.",
        )
    if plan.scheduler and not SCHEDULER.fullmatch(plan.scheduler):
        raise ParameterError(
            "address of the scheduler", expected="tcp://host:port", found=plan.scheduler
        )
    _check_places(plan)
    refuse_raw_folder(plan.run_folder, [f.path for f in plan.frames])
    check_name(plan.settings.output)
    get_model(plan.settings.solver)
    first = plan.used[0]
    check_output(plan.settings, first.shape, first.dtype)
    _refuse_foreign(plan.run_folder)


def _check_places(plan: RunPlan) -> None:
    output = plan.settings.output
    for path in filter(None, (output.flatten_file, output.brightness_file)):
        plan.config.confine(path)


def _refuse_foreign(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise RunError("there is a file of this name", path=folder, remedy="Choose another name.")
    if folder.is_dir() and not RunStore(folder).exists and any(folder.iterdir()):
        known = {"cache", "run.lock"}
        foreign = [p.name for p in folder.iterdir() if p.name not in known and p.name[:1] != "."]
        if foreign:
            raise RunError(
                "the folder is neither empty nor a run folder",
                path=folder,
                found=", ".join(sorted(foreign)[:3]),
                remedy="Choose another name.",
            )


def check_space(told: Forecast) -> None:
    """Refuse what the disk cannot hold.

    Raises
    ------
    RunError
        When less is free than needed.
    """
    if not told.fits:
        raise RunError(
            "not enough space on the disk of the run folder",
            expected=f"about {format_bytes(told.stack_bytes + told.cache_bytes)}",
            found=f"{format_bytes(told.free_bytes or 0)} free",
            remedy="Free some space, or write fewer formats.",
        )


def order_note(plan: RunPlan) -> str:
    """Say where the frames that a run takes differ from those on screen; empty when they do not."""
    try:
        paths = [str(p.resolve()) for p in find_frames(plan.folder, plan.pattern)]
    except FibsemDashError:
        return ""
    shown = [str(Path(f.path).resolve()) for f in plan.frames]
    if paths == shown:
        return ""
    return (
        f"The run takes all {len(paths)} frames of the folder by the numbers in their names; the "
        f"{len(shown)} frames on screen were chosen or ordered otherwise."
    )


def pixel_size_note(frames: Sequence[FrameInfo], given_nm: float | None = None) -> str:
    """Say that the size of a pixel is assumed, since the files do not tell it; else empty.

    Parameters
    ----------
    frames : sequence of FrameInfo
        The files.
    given_nm : float, optional
        What the settings say in place of them.
    """
    assumed = [frame.pixel_size_nm for frame in frames if frame.pixel_size_assumed]
    if given_nm or not assumed:
        return ""
    return (
        f"The files do not say how large a pixel is: {assumed[0]:g} nm is assumed. The settings of "
        "the input on the Registration page take the right one."
    )


def write_settings(settings: RunSettings, jobs: Path) -> Path:
    """Write the settings for a job, and return the file; equal settings share one file.

    Parameters
    ----------
    settings : RunSettings
        What is written.
    jobs : pathlib.Path
        Folder of the jobs.

    Raises
    ------
    AccessError
        When it cannot be written.
    """
    content = settings_yaml(settings).encode("utf-8")
    name = f"{hashlib.sha256(content).hexdigest()[:16]}.yaml"
    path = jobs / SETTINGS_FOLDER / name
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content)
    return path


def _options(plan: RunPlan) -> list[str]:
    options = ["--pattern", plan.pattern] if plan.pattern else []
    if plan.scheduler:
        return [*options, "--scheduler", plan.scheduler]
    return [*options, "--workers", str(plan.workers)]


def job_arguments(plan: RunPlan, settings: Path) -> list[str]:
    """Return what follows ``register`` on the command line of the job."""
    where = [plan.folder, "--out", str(plan.run_folder), "--config", str(settings)]
    return [*where, *_options(plan)]


def start_run(plan: RunPlan, registry: JobRegistry) -> str:
    """Check a plan and put it at the end of the queue; return the id of the job.

    Raises
    ------
    FibsemDashError
        When it cannot run.
    """
    check_plan(plan)
    arguments = job_arguments(plan, write_settings(plan.settings, registry.folder))
    return registry.submit("register", arguments, title=plan.name, folder=str(plan.run_folder))


def newest_job(records: Iterable[JobRecord], folder: str | os.PathLike[str]) -> JobRecord | None:
    """Return the newest registration of a run folder; `records` come newest first."""
    wanted = os.path.realpath(folder)
    return next(
        (r for r in records if r.kind == "register" and os.path.realpath(r.folder) == wanted), None
    )


def changed_settings(settings: RunSettings) -> dict[str, object]:
    """Return the settings that differ from their defaults, by ``group.setting``, as plain data."""
    plain, default = to_dict(settings), to_dict(RunSettings())
    return {
        f"{group}.{key}": value
        for group, values in plain.items()
        for key, value in values.items()
        if value != default[group][key]
    }


def _as_text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def command_line(plan: RunPlan) -> str:
    """Return the command line that does the same as the job."""
    changes = {key: _as_text(value) for key, value in changed_settings(plan.settings).items()}
    try:
        same = update(RunSettings(), changes) == plan.settings
    except ParameterError:
        same = False
    parts = ["fibsem-dash", "register", plan.folder, "--out", str(plan.run_folder)]
    if same:
        parts += [part for key, text in changes.items() for part in ("--set", f"{key}={text}")]
    else:
        # Names with commas, matrices: what a command line cannot say, a file can.
        parts += ["--config", str(write_settings(plan.settings, jobs_folder(plan.run_root)))]
    return quoted_command([*parts, *_options(plan)])


def python_code(plan: RunPlan) -> str:
    """Return the Python lines that do the same as the job."""
    pattern = f", pattern={plan.pattern!r}" if plan.pattern else ""
    where = f"scheduler={plan.scheduler!r}" if plan.scheduler else f"workers={plan.workers}"
    return (
        "from fibsem_dash.compute.cluster import open_executor\n"
        "from fibsem_dash.dataset import FIBSEMDataset\n"
        "from fibsem_dash.settings import RunSettings, update\n\n"
        "if __name__ == '__main__':\n"
        f"    settings = update(RunSettings(), {changed_settings(plan.settings)!r})\n"
        f"    with open_executor({where}) as executor:\n"
        "        dataset = FIBSEMDataset.from_folder(\n"
        f"            {plan.folder!r},\n"
        f"            {str(plan.run_folder)!r}{pattern},\n"
        "            settings=settings, executor=executor,\n"
        "        )\n"
        "        print(dataset.register())"
    )
