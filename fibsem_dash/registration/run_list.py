"""The run folders below a folder, with what their records say."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from fibsem_dash.errors import FibsemDashError
from fibsem_dash.registration.run_store import RunStore

DEPTH = 3
"""How many levels below the run root are searched."""


@dataclass(frozen=True)
class RunInfo:
    """One run folder.

    Attributes
    ----------
    folder : str
        The folder.
    state : str
        "done", "running", "failed", ... as recorded; "interrupted" when it says "running" and no
        process works there; "unreadable" when the record cannot be read.
    created, finished : str
        ISO 8601 in UTC; empty when it did not happen.
    n_frames : int
        Files of the input list.
    """

    folder: str
    state: str
    created: str = ""
    finished: str = ""
    n_frames: int = 0


def list_runs(root: str | os.PathLike[str]) -> list[RunInfo]:
    """List the run folders below a folder, the newest first; links are not followed."""
    base = Path(root)
    runs = []
    for folder, subfolders, files in os.walk(base):
        depth = len(Path(folder).relative_to(base).parts)
        subfolders[:] = sorted(s for s in subfolders if s != "cache" and depth < DEPTH)
        if "run.json" in files:
            subfolders.clear()
            runs.append(_info(folder))
    return sorted(runs, key=lambda run: (run.created, run.folder), reverse=True)


def _info(folder: str) -> RunInfo:
    store = RunStore(folder)
    try:
        record = store.read()
        interrupted = record.get("state") == "running" and not store.is_held
        if interrupted:
            # It may have ended between the two looks; then it says so now.
            record = store.read()
    except FibsemDashError:
        return RunInfo(folder, "unreadable")
    state = str(record.get("state", ""))
    if interrupted and state == "running":
        state = "interrupted"
    inputs = record.get("input")
    return RunInfo(
        folder=folder,
        state=state,
        created=str(record.get("created") or ""),
        finished=str(record.get("finished") or ""),
        n_frames=len(inputs) if isinstance(inputs, list) else 0,
    )
