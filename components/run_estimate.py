"""What a run will take, told before it is started."""

from __future__ import annotations

from dataclasses import dataclass

from components.run_plan import RunPlan, check_plan, order_note, pixel_size_note
from fibsem_dash.registration.forecast import Forecast, forecast


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
    """Check a plan, time a pair, and tell what the run will take; for a thread.

    Raises
    ------
    FibsemDashError
        When it cannot run.
    """
    check_plan(plan)
    told = forecast(plan.used, plan.settings, plan.workers, plan.run_folder)
    notes = order_note(plan), pixel_size_note(plan.used, plan.settings.input.pixel_size_nm)
    return Estimate(told, " ".join(note for note in notes if note))
