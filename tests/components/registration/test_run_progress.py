"""Stages, jobs, log and workers of a run as they are drawn."""

from __future__ import annotations

import pytest

from components.widgets.cluster_view import Course
from components.widgets.job_list import listed
from components.widgets.log_view import LogView
from components.widgets.stage_rows import planned_stages, rows_html
from fibsem_dash.compute.cluster_monitor import ClusterSample, TaskSpan, WorkerSample
from fibsem_dash.jobs import LogLine, StageProgress
from tests.components.registration.registration_cases import record

# Panel's table calls pandas in a way that pandas wants to drop.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")


def test_rows_show_every_stage_from_the_start_and_escape_text() -> None:
    stage = StageProgress("<b>", "running", 10, 4, reused=1, failed=2, rate=2.0, left_s=3.0)
    stages = planned_stages(record(stages=(stage,)))
    assert len(stages) == 7
    markup = rows_html(stages)
    assert "<b>" not in markup
    assert 'aria-valuenow="40"' in markup
    assert "4 / 10 (1 reused)" in markup
    assert "3.0 s" in markup


def test_the_list_begins_with_what_runs_and_waits() -> None:
    records = [record("done", id=str(k)) for k in range(30)]
    waiting = [record("queued", id="b", queue_place=2), record("queued", id="a", queue_place=1)]
    shown = listed([*records, *waiting, record(id="r")])
    assert [r.id for r in shown[:4]] == ["r", "a", "b", "0"]
    assert len(shown) == 12


def test_the_log_is_filtered_by_level_and_words() -> None:
    view = LogView()
    view.add([LogLine(1, 0.0, "info", "Alpha"), LogLine(2, 0.0, "warning", "<i>beta</i>")])
    assert [line[2] for line in view.lines.lines] == ["Alpha", "<i>beta</i>"]
    view.level.value = "Warnings"
    assert [line[2] for line in view.lines.lines] == ["<i>beta</i>"]
    view.level.value = "All"
    view.search.value_input = "alp"
    assert [line[2] for line in view.lines.lines] == ["Alpha"]
    assert view.last == 2


def test_the_course_of_a_cluster_has_a_curve_for_each_worker() -> None:
    course = Course()
    for k in range(3):
        workers = tuple(
            WorkerSample(str(n), f"tcp://{n}", 50.0 + n, 10**6 * (k + 1), 0, 0, 0, 1)
            for n in range(2)
        )
        tasks = (TaskSpan("f", "tcp://1", "compute", 100.0 + k, 100.5 + k),)
        course.add(ClusterSample(100.0 + k, workers, tasks))
    assert course.curves("memory_bytes", 1e-6)["ys"] == [[1, 2, 3], [1, 2, 3]]
    assert course.curves("cpu_percent", 1.0)["xs"][0] == [0, 1, 2]
    spans = course.spans()
    assert spans["row"] == [1, 1, 1]
    assert spans["left"] == [0, 1, 2]
    assert course.window == (0.0, 10.0)
