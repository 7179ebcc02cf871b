"""The demo, registered in the background when it is first opened."""

from __future__ import annotations

import logging
from contextlib import suppress

from components.config import ServerConfig, server_config
from components.jobs import job_registry
from fibsem_dash.compute.executor import usable_cores
from fibsem_dash.errors import FibsemDashError, RunError
from fibsem_dash.jobs import JobRecord
from fibsem_dash.registration.run_store import RunStore

log = logging.getLogger(__name__)


def open_demo_run(config: ServerConfig) -> str:
    """Return the run folder of the demo; its registration is started if there never was one.

    Parameters
    ----------
    config : ServerConfig
        Of the tab that opens the demo.

    Returns
    -------
    str
        Empty where no run can be made.
    """
    if config.run_root != server_config().run_root:
        # Jobs belong to the server's own run root.
        return ""
    folder = str(config.demo_run)
    registry = job_registry()
    known = any(record.folder == folder for record in registry.jobs())
    if known or RunStore(folder).exists:
        return folder
    arguments = [str(config.demo_folder), "--out", folder, "--workers", str(usable_cores())]
    try:
        # Another tab may open the demo at the same moment.
        with suppress(RunError):
            registry.submit(
                "register",
                [*arguments, "--set", "quality.metrics=NSAD,NCC,NMI,FSC"],
                "Demo",
                folder,
            )
    except FibsemDashError as error:
        log.warning("the demo cannot be registered: %s", error)
        return ""
    return folder


def visible_jobs(config: ServerConfig, records: list[JobRecord]) -> list[JobRecord]:
    """Return the jobs that a tab may show: strangers see that of the demo only."""
    if not config.demo_only:
        return records
    return [record for record in records if record.folder == str(config.demo_run)]
