"""The share of detector B: the same as by rendering every mixture, and right where it is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from fibsem_dash.compare import ncc
from fibsem_dash.dataset import FIBSEMDataset
from fibsem_dash.errors import ParameterError
from fibsem_dash.figures import draw_fractions
from fibsem_dash.numerics.notes import AnalysisWarning
from fibsem_dash.phantom import PhantomResult
from fibsem_dash.registration.canvas import Canvas
from fibsem_dash.registration.fractions import (
    evaluate_detector_b_fractions,
    parabola_vertex,
    summarise,
)
from fibsem_dash.registration.stack import SliceJob
from fibsem_dash.registration.stack_stage import StackPlan
from fibsem_dash.registration.warp import RenderSettings, SourceFrame, render_slice
from tests.frame_cases import detectors

SHAPE = (192, 192)
SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)


@pytest.fixture
def plan(write_frame: Callable[..., str]) -> StackPlan:
    """Five frames of one texture that lie where they should, SNR 4 in A and 1 in B."""
    jobs = []
    for k in range(5):
        pair = detectors(k, SHAPE)
        source = SourceFrame(write_frame(pair["A"], pair["B"]), np.eye(3), scale=1.0 + 0.1 * k)
        jobs.append(SliceJob(k, (source,), str(k), (10, 180, 5, 190) if k else None))
    # An 8-bit output must not round what is measured.
    render = RenderSettings(Canvas(SHAPE), "uint8", order=1, grey_range=(0.0, 4000.0))
    shape = (5, *SHAPE)
    return StackPlan(
        tuple(jobs), render, shape, np.dtype("uint8"), (8, 8, 8), "", "name", "label", "key"
    )


def test_known_ratios_give_the_known_share(plan: StackPlan) -> None:
    # Inverse variances weigh B with 1 / 5, and the SNR rises from 4 to 5.
    found = evaluate_detector_b_fractions(SHARES, plan)
    assert found.from_fit
    assert found.best_fraction == pytest.approx(0.2, abs=0.02)
    assert found.best_improvement == pytest.approx(1.25, abs=0.02)
    assert found.improvement[0] == 1.0
    assert found.ncc.shape == found.snr.shape == (len(SHARES), 4)
    np.testing.assert_allclose(found.snr[0], 4.0, rtol=0.1)
    assert found.slices == (1, 2, 3, 4)
    place = found.fit_improvement.argmax()
    assert found.fit_fractions[place] == pytest.approx(found.best_fraction, abs=0.01)
    assert found.notes == ()
    figure = draw_fractions(found, title="shares")
    figure.canvas.draw()
    along, against = figure.axes
    np.testing.assert_array_equal(along.lines[3].get_ydata(), found.snr[3])
    np.testing.assert_array_equal(against.lines[0].get_ydata(), found.improvement)
    np.testing.assert_array_equal(against.lines[1].get_ydata(), found.fit_improvement)
    assert against.get_xlabel() == "Share of detector B"


def test_covariances_equal_rendered_mixtures(plan: StackPlan) -> None:
    found = evaluate_detector_b_fractions(SHARES, plan)
    for k, share in enumerate(SHARES):
        render = replace(plan.render, dtype="float32", grey_range=None, detector_b_fraction=share)
        slices = [render_slice(job.sources, render)[5:190, 10:180] for job in plan.jobs]
        known = [ncc(a, b) for a, b in pairwise(slices)]
        np.testing.assert_allclose(found.ncc[k], known, atol=1e-6)


def test_some_pairs_only(plan: StackPlan) -> None:
    whole = evaluate_detector_b_fractions(SHARES, plan)
    part = evaluate_detector_b_fractions(SHARES, plan, [4, 1])
    assert part.slices == (1, 4)
    np.testing.assert_allclose(part.ncc, whole.ncc[:, [0, 3]], atol=1e-12)


def test_shares_out_of_order_and_missing_slices_are_refused(plan: StackPlan) -> None:
    for shares in ((), (0.0, 0.0), (0.2, 0.1), (0.0, 1.1), (-0.1, 0.5), (np.nan,)):
        with pytest.raises(ParameterError, match="Shares"):
            evaluate_detector_b_fractions(shares, plan)
    for slices in ([0], [5], []):
        with pytest.raises(ParameterError, match="slices"):
            evaluate_detector_b_fractions(SHARES, plan, slices)


def test_two_shares_make_no_parabola(plan: StackPlan) -> None:
    with pytest.warns(AnalysisWarning, match="best of them"):
        found = evaluate_detector_b_fractions((0.0, 0.2), plan)
    assert not found.from_fit
    assert found.best_fraction == 0.2
    assert found.fit_fractions.size == 0


def test_pairs_without_a_correlation_are_left_out() -> None:
    shares = np.array([0.0, 0.1, 0.2])
    ncc_values = np.array([[0.5, np.nan, -0.1], [0.6, 0.5, 0.5], [0.5, 0.5, 0.5]])
    found = summarise(shares, (1, 2, 3), ncc_values)
    assert found.improvement[1] == pytest.approx(1.5)
    assert "2, 3" in found.notes[0]
    nothing = summarise(shares, (1,), np.full((3, 1), np.nan))
    assert np.isnan(nothing.best_fraction)
    draw_fractions(nothing).canvas.draw()


def test_parabola_has_a_vertex_only_inside_and_downwards() -> None:
    x = np.linspace(0, 1, 6)
    place, value, _ = parabola_vertex(x, 2.0 - (x - 0.3) ** 2)
    assert (place, value) == (pytest.approx(0.3), pytest.approx(2.0))
    assert parabola_vertex(x, (x - 0.3) ** 2) is None
    assert parabola_vertex(x, -((x - 1.2) ** 2)) is None
    assert parabola_vertex(x[:2], x[:2]) is None


def test_dataset_measures_its_detectors(phantom: PhantomResult, tmp_path: Path) -> None:
    dataset = FIBSEMDataset(phantom.files[:5], tmp_path / "run", **{"output.z_bin": 2})
    estimates = dataset.estimate_snrs((0, 0, 0, 0), [0, 2])
    assert len(estimates.a) == len(estimates.b) == len(estimates.fused) == 2
    shares = np.linspace(0, 0.6, 4)
    with pytest.warns(AnalysisWarning):
        found = dataset.evaluate_detector_b_fractions(shares)
    assert found.slices == (1, 2, 3, 4)
    assert (found.ncc > 0.3).all()
    with pytest.warns(AnalysisWarning):
        some = dataset.evaluate_detector_b_fractions(shares, [3])
    np.testing.assert_allclose(some.ncc[:, 0], found.ncc[:, 2], atol=1e-12)


def test_dataset_without_a_second_detector_says_so(
    write_frame: Callable[..., str], tmp_path: Path
) -> None:
    paths = [write_frame(detectors(k, SHAPE)["A"]) for k in range(3)]
    # Not below the frames, where nothing is written.
    dataset = FIBSEMDataset(paths, tmp_path.parent / f"{tmp_path.name}-run")
    with pytest.raises(ParameterError, match="both detectors"):
        dataset.evaluate_detector_b_fractions([0, 0.1, 0.2])
