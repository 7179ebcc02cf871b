"""The benchmark of many sessions, on a small scale: nobody is lost, everybody is answered."""

from __future__ import annotations

import pytest

pytest.importorskip("panel_material_ui", reason="the dashboard's packages are not installed")

from benchmarks.load import measure


@pytest.mark.timeout(900)
def test_sessions_stay_and_are_answered_while_a_run_goes_on() -> None:
    found = measure(n_sessions=3, seconds=20, frames=4, size=128, think_s=1, alone_runs=1)
    assert found["lost"] == []
    assert found["answers"] >= 3
    assert found["runs"] >= 1
    assert found["answer_median_s"] < 30
    # Pages that were visited before cost little; building seven pages costs about 1 s each.
    assert found["server_cpu_s_per_page"] < 3
    assert found["memory_per_session_mb"] < 200
