"""The registered stack that a quality table belongs to."""

from __future__ import annotations

import os
from pathlib import Path

from fibsem_dash.errors import FibsemDashError
from fibsem_dash.registration.run_store import RunStore

STACK_SUFFIXES = (".mrc", ".zarr", ".tif", ".tiff", ".h5")
"""Ends of the names of stacks, those that are read fastest slice by slice first."""


def find_run_stack(run_folder: str | os.PathLike[str]) -> Path | None:
    """Return the registered stack of a run folder.

    Parameters
    ----------
    run_folder : path-like
        Its run.json lists the outputs.

    Returns
    -------
    Path or None
        The output that is read fastest slice by slice; None when no listed output is there, or the
        record cannot be read.
    """
    store = RunStore(run_folder)
    try:
        outputs = store.read().get("outputs")
    except FibsemDashError:
        return None
    names = [Path(str(name)).name for name in outputs] if isinstance(outputs, list) else []
    for suffix in STACK_SUFFIXES:
        for name in names:
            if name.lower().endswith(suffix) and store.file(name).exists():
                return store.file(name)
    return None
