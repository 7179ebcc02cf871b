"""What a run will take, told before it is started."""

from __future__ import annotations

import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from components.run_plan import RunPlan, check_plan, order_note, pixel_size_note
from fibsem_dash.registration.forecast import (
    Forecast,
    PairTiming,
    forecast,
    sample_pair,
    time_pair,
)

VALID_S = 600.0
"""How long a timing is used: later the machine may be busier, or free again."""

N_KEPT = 32

_timings: OrderedDict[tuple[object, ...], tuple[float, PairTiming]] = OrderedDict()
"""When a pair was timed, and what came of it, for all visitors of the server."""

TIMING = ThreadPoolExecutor(1, thread_name_prefix="timing")
"""One pair is timed at a time: two at once would make each other slower than the run is. Threads of
the pages do not wait for it."""


@dataclass(frozen=True)
class Estimate:
    """What a run will take, and remarks.

    Attributes
    ----------
    told : Forecast
        Time, memory and disk.
    note : str
        What else a user should know; empty for nothing.
    """

    told: Forecast
    note: str = ""


def estimate(plan: RunPlan) -> Estimate:
    """Check a plan, time a pair, and tell what the run will take; for the thread of `TIMING`.

    Raises
    ------
    FibsemDashError
        When it cannot run.
    """
    check_plan(plan)
    told = forecast(plan.used, plan.settings, plan.workers, plan.run_folder, pair_timing(plan))
    notes = order_note(plan), pixel_size_note(plan.used, plan.settings.input.pixel_size_nm)
    return Estimate(told, " ".join(note for note in notes if note))


def pair_timing(plan: RunPlan) -> PairTiming:
    """Time a pair of a plan, unless that was done a short while ago.

    Raises
    ------
    FibsemDashError
        When a frame cannot be read.
    """
    sample = sample_pair(plan.used)
    files = tuple((str(frame.path), frame.identity) for frame in sample)
    key = (files, plan.settings, plan.workers)
    when, known = _timings.get(key, (0.0, None))
    if known is None or time.monotonic() - when > VALID_S:
        known = time_pair(plan.used, plan.settings, plan.workers)
        _timings[key] = time.monotonic(), known
    _timings.move_to_end(key)
    while len(_timings) > N_KEPT:
        _timings.popitem(last=False)
    return known
