"""What a run would compute: counted beforehand, and compared with what it then does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fibsem_dash.compute.progress import Cancelled
from fibsem_dash.errors import RunError
from fibsem_dash.io.tables import read_csv
from fibsem_dash.registration.edits import RunEdits, frame_names
from fibsem_dash.registration.pipeline import Registration
from fibsem_dash.registration.recompute import RecomputePlan, recompute_count
from fibsem_dash.settings import RunSettings, update


def check(run: Any, edits: RunEdits | None = None, **changes: Any) -> RecomputePlan:
    """Count, then run, and compare."""
    named = {name.replace("__", "."): value for name, value in changes.items()}
    settings = update(RunSettings(), named)
    told = recompute_count(run.folder, edits, settings)
    Registration(run.paths, run.folder, settings, edits=edits).run()
    counts = run.counts
    found = tuple(counts[stage][1] for stage in ("data_range", "pairs", "stack"))
    assert (told.ranges, told.pairs, told.slices) == found
    assert told.n_slices == sum(counts["stack"])
    # Those for a single pair are extracted in the stage of the pairs.
    assert told.keypoints >= counts.get("keypoints", (0, 0))[1]
    return told


def test_a_finished_run_needs_nothing(phantom: Any, new_run: Callable[..., Any]) -> None:
    run = new_run(phantom.files)
    run.start()
    told = check(run)
    assert told == RecomputePlan(0, 0, 0, False, 0, 12)
    assert not told
    assert str(told) == "nothing"


def test_each_edit_costs_what_depends_on_it(phantom: Any, new_run: Callable[..., Any]) -> None:
    run, names = new_run(phantom.files), frame_names(phantom.files)
    run.start(quality__metrics=[])
    edits = RunEdits().exclude(names[4])
    told = check(run, edits, quality__metrics=[])
    assert told == RecomputePlan(0, 0, 1, True, 11, 11, exact=False)
    assert str(told) == "1 pair, 11 slices of 11"
    told = check(run, edits.retry(names[7], names[8], {"sift.sigma": 1.8}), quality__metrics=[])
    assert told == RecomputePlan(0, 2, 1, True, 11, 11, exact=False)
    told = check(run, edits.set_matrix(names[7], names[8], np.eye(3)), quality__metrics=[])
    assert told == RecomputePlan(0, 0, 0, True, 11, 11)
    # Back to what was computed before: all but the stack itself is on disk.
    told = check(run, RunEdits(), quality__metrics=[])
    assert told == RecomputePlan(0, 0, 0, True, 12, 12)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"quality__nmi_bins": 64}, RecomputePlan(0, 0, 0, False, 0, 12)),
        ({"output__order": 0}, RecomputePlan(0, 0, 0, False, 12, 12)),
        ({"chain__fit_method": "LF"}, RecomputePlan(0, 0, 0, True, 12, 12)),
        ({"solver__drmax": 1.0}, RecomputePlan(0, 0, 11, True, 12, 12, False)),
        ({"sift__sigma": 1.8}, RecomputePlan(0, 12, 11, True, 12, 12, False)),
        ({"data_range__thr_min": 0.01}, RecomputePlan(12, 12, 11, True, 12, 12, False)),
        ({"output__z_bin": 5}, RecomputePlan(0, 0, 0, False, 3, 3)),
    ],
    ids=lambda c: ",".join(c) if isinstance(c, dict) else "",
)
def test_each_setting_costs_what_depends_on_it(
    changes: dict[str, Any],
    expected: RecomputePlan,
    phantom: Any,
    new_run: Callable[..., Any],
) -> None:
    run = new_run(phantom.files)
    run.start()
    assert check(run, **changes) == expected


@pytest.mark.parametrize(("stage", "n"), [("keypoints", 5), ("pairs", 4), ("stack", 6)])
def test_a_stopped_run_needs_the_rest(
    stage: str, n: int, phantom: Any, new_run: Callable[..., Any], cancel_after: Any
) -> None:
    run = new_run(phantom.files)
    with pytest.raises(Cancelled):
        run.start(monitor=cancel_after(stage, n))
    told = check(run)
    assert told
    assert getattr(told, {"stack": "slices"}.get(stage, stage)) < 11


def test_a_replaced_file_is_computed_anew(copied_phantom: Any, new_run: Callable[..., Any]) -> None:
    run = new_run(copied_phantom)
    run.start()
    copied_phantom[3].write_bytes(copied_phantom[4].read_bytes())
    told = recompute_count(run.folder)
    assert told.ranges == 1
    assert not told.exact


def test_a_folder_without_a_run_is_refused(tmp_path: Any) -> None:
    with pytest.raises(RunError, match="not a run folder"):
        recompute_count(tmp_path)


@pytest.mark.parametrize("estimator", ["blocks", "auto"])
def test_pairs_found_by_blocks_are_found_again_and_edits_honoured(
    estimator: str, phantom: Any, new_run: Callable[..., Any]
) -> None:
    run, names = new_run(phantom.files), frame_names(phantom.files)
    how = {"estimation__estimator": estimator, "quality__metrics": []}
    run.start(**how)
    assert not check(run, **how)
    edits = RunEdits().exclude(names[4])
    told = check(run, edits, **how)
    assert (told.ranges, told.keypoints, told.pairs, told.slices) == (0, 0, 1, 11)
    edits = edits.retry(names[7], names[8], {"sift.sigma": 1.8}).accept(names[1], names[2])
    told = check(run, edits, **how)
    assert (told.keypoints, told.pairs) == (2, 1)
    told = check(run, edits.set_matrix(names[7], names[8], np.eye(3)), **how)
    assert (told.keypoints, told.pairs) == (0, 0)
    table = read_csv(run.folder / "pairs.csv").set_index("frame")
    assert list(table.loc[[2, 3, 8], "source"]) == ["accepted", "blocks", "manual"]


def test_a_pair_set_by_hand_stays_where_neighbours_are_fused(
    phantom: Any, new_run: Callable[..., Any]
) -> None:
    run, names = new_run(phantom.files), frame_names(phantom.files)
    matrix = np.array([[1, 0, 3.0], [0, 1, -2.0], [0, 0, 1]])
    edits = RunEdits().set_matrix(names[5], names[6], matrix)
    settings = update(RunSettings(), {"estimation.estimator": "blocks", "estimation.neighbours": 3})
    done = Registration(run.paths, run.folder, settings, edits=edits)
    done.run()
    by_hand = [pair for pair in done.pairs if pair.source == "manual"]
    assert [(pair.first, pair.second) for pair in by_hand] == [(5, 6)]
    assert np.array_equal(by_hand[0].matrix, matrix)
