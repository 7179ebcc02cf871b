"""Waiting for jobs, and records of them."""

from __future__ import annotations

import time
from dataclasses import replace

from components.jobs import job_registry
from components.pages.registration import RegistrationPage
from fibsem_dash.jobs import JobRecord

PATIENCE_S = 90.0


def wait_for(condition: object) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        job_registry().refresh()
        time.sleep(0.1)


def finish(page: RegistrationPage) -> JobRecord:
    def ended() -> bool:
        page.tick()
        return page.view.record is not None and not page.view.record.active

    wait_for(ended)
    page.tick()
    assert page.view.record is not None
    return page.view.record


def record(state: str = "running", **values: object) -> JobRecord:
    base = JobRecord("20260101-000000-aaaaaa", "register", "t", "/r", (), (), state)  # type: ignore[arg-type]
    return replace(base, **values)  # type: ignore[arg-type]
