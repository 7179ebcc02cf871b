"""The process that worker processes are copied from."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from multiprocessing import resource_tracker

WARM_MODULES = (
    "cv2",
    "threadpoolctl",
    "fibsem_dash.registration.block_pairs",
    "fibsem_dash.registration.data_range",
    "fibsem_dash.registration.keypoints",
    "fibsem_dash.registration.stack",
)
"""What the first work of a worker would have to import."""

FORKED = sys.platform == "linux"
"""Whether workers are copies of one process that has imported everything. Elsewhere each imports
for itself: Windows cannot copy processes, and libraries of macOS do not survive it."""

KEEP_MEMORY = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "4000000000",
    "MALLOC_TRIM_THRESHOLD_": "4000000000",
}
"""Has glibc keep freed memory for the next frame. Without it each buffer of SIFT goes back to the
system and its pages are cleared again, which takes a third of SIFT's time."""

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Each worker has one core; threads of its own would not survive the copying either."""


def start_template(modules: Sequence[str] = ()) -> None:
    """Start the process that workers are copied from; it imports while the caller goes on.

    The environment is the one that Dask gives a new worker, which the C library and the linear
    algebra read when a process starts: one thread, memory that is kept.

    Parameters
    ----------
    modules : sequence of str
        What it imports beside `WARM_MODULES`.
    """
    from multiprocessing import forkserver

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*modules, "fibsem_dash.cli.entry", *WARM_MODULES])
    added = {**ONE_THREAD, **KEEP_MEMORY}
    before = {name: os.environ.get(name) for name in added}
    # A terminal sends Ctrl-C to all processes. The workers inherit this thread's mask and stay
    # deaf to it; the main thread hears it and stops them. The tracker lifts the mask when it
    # starts, so it must run already.
    resource_tracker.ensure_running()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ.update(added)
    try:
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
