"""The jobs of this server: one registry for all tabs."""

from __future__ import annotations

from functools import lru_cache

from components.config import server_config
from fibsem_dash.jobs import JobRecord, JobRegistry, jobs_folder
from fibsem_dash.units import format_duration


@lru_cache(maxsize=1)
def job_registry() -> JobRegistry:
    """Return the jobs below the server's run root; their thread starts with the first call."""
    return JobRegistry(jobs_folder(server_config().run_root))


def job_labels(registry: JobRegistry) -> list[str]:
    """Return a line for each running job: stage, percent, time left."""
    running = [record for record in registry.jobs() if record.state == "running"]
    return [job_label(record) for record in reversed(running)]


def job_label(record: JobRecord) -> str:
    """Return what a running job does, such as ``"run 7: Key points 40 %, 2 min left"``."""
    if record.cancelling:
        return f"{record.title}: stopping"
    stage = record.stage
    if stage is None:
        return f"{record.title}: starting"
    left = ""
    if stage.left_s:
        # Tenths of a second would only flicker.
        seconds = stage.left_s
        left = f", {seconds:.0f} s left" if seconds < 59.5 else f", {format_duration(seconds)} left"
    return f"{record.title}: {stage.title} {stage.percent:.0f} %{left}"
