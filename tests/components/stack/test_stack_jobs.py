"""Evaluations and conversions that the Stack page starts as jobs."""

from __future__ import annotations

import numpy as np
import pytest

from components.pages.stack_jobs import free_name
from fibsem_dash.errors import ParameterError
from fibsem_dash.io import open_stack
from fibsem_dash.io.tables import read_quality
from fibsem_dash.registration.boxes import box_bounds
from tests.components.stack.stack_cases import wait_for


def test_an_evaluation_runs_as_a_job_and_is_handed_to_the_quality_page(page, root, registry):
    page.open(str(root / "a.mrc"))
    page.session.box = (10, 20, 30, 40)
    page.box.param.update(sliding=True, stop=(30, 20, 5, 40))
    page.evaluation.job._registry = lambda: registry
    page.evaluation.start()
    wait_for(page.evaluation.job)
    assert not page.evaluation.job.alert.visible, page.evaluation.job.alert.object
    target = page.evaluation.target
    assert target.is_relative_to(page.session.config.run_root)
    table = read_quality(target)
    assert len(table) == 11
    expected = box_bounds(12, (60, 80), (10, 20, 30, 40), stop_box=(30, 20, 5, 40))
    assert table["xi_eval"].tolist() == expected[1:, 0].tolist()
    assert page.evaluation.open.visible == page.evaluation.has_quality_page
    page.evaluation.open_in_quality()
    assert page.session.compared == [str(target)]
    assert page.session.page == "quality"


def test_a_cropped_and_binned_stack_is_written_below_the_run_root(page, root, volume, registry):
    page.open(str(root / "a.mrc"))
    tools = page.tools
    tools.job._registry = lambda: registry
    page.session.box = (10, 20, 30, 40)
    tools.crop_box.value = True
    tools.bins[1].value = tools.bins[2].value = 2
    tools.z_from.value, tools.z_to.value = 2, 7
    assert "20 × 10 × 6 voxels" in tools.result.text
    assert "1.2 kB" in tools.result.text
    tools.start()
    wait_for(tools.job)
    assert not tools.job.alert.visible, tools.job.alert.object
    assert tools.target.is_relative_to(page.session.config.run_root)
    with open_stack(tools.target) as stack:
        assert stack.shape == (6, 10, 20)
        assert stack.voxel_size_nm == pytest.approx((20, 20, 20))
        part = volume[2, 10:30, 30:70].reshape(10, 2, 20, 2).mean((1, 3))
        assert np.array_equal(stack[0], np.rint(part).astype(np.uint8))
    assert tools.open.visible
    tools.open.param.trigger("clicks")
    assert page.session.stack_file == str(tools.target)


def test_what_cannot_be_written_is_told_before(page, root):
    page.open(str(root / "a.mrc"))
    tools = page.tools
    tools.bins[0].value = 50
    assert tools.problem.visible
    assert tools.button.disabled
    tools.bins[0].value = 1
    assert not tools.problem.visible
    tools.others.value = "/etc/passwd"
    assert "not open to the dashboard" in tools.problem.object.replace("\\", "")
    tools.others.value = str(root / "a.mrc")
    assert "2 stacks" in tools.result.text
    tools.crop_box.value = True
    page.session.box = (1, 5, 1, 5)
    with pytest.raises(ParameterError):
        tools.arguments(root / "never.mrc")


def test_names_are_never_used_twice(tmp_path):
    (tmp_path / "a.csv").touch()
    (tmp_path / "a-2.csv").touch()
    assert free_name(tmp_path, "a", ".csv") == tmp_path / "a-3.csv"
