"""Signal-to-noise ratios along the stack: known ratios give the known share of detector B."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from fibsem_dash.errors import ParameterError
from fibsem_dash.figures import draw_snr_estimates
from fibsem_dash.numerics.notes import AnalysisWarning
from fibsem_dash.registration.snr_estimates import default_frames, estimate_snrs
from tests.frame_cases import detectors

SHAPE = (256, 256)


@pytest.fixture
def paths(write_frame: Callable[..., str]) -> list[str]:
    images = [detectors(seed, SHAPE) for seed in range(10)]
    return [write_frame(pair["A"], pair["B"]) for pair in images]


def test_known_ratios_give_the_known_share(paths: list[str]) -> None:
    # SNR 4 and 1: inverse variances weigh B with 1 / 5, and the mixture has SNR 5.
    found = estimate_snrs(paths)
    assert found.frames == (1, 5, 9)
    np.testing.assert_allclose([r.radial.snr for r in found.a], 4.0, rtol=0.08)
    np.testing.assert_allclose([r.radial.snr for r in found.b], 1.0, rtol=0.08)
    np.testing.assert_allclose(found.fractions, 0.2, atol=0.02)
    assert found.fused_fraction == found.fractions[2]
    np.testing.assert_allclose([r.radial.snr for r in found.fused], 5.0, rtol=0.1)
    assert all(r.x.lags.size == r.x.autocorrelation.size > 100 for r in found.fused)
    assert found.notes == ()
    figure = draw_snr_estimates(found)
    figure.canvas.draw()
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    assert len(lines) == 9
    np.testing.assert_array_equal(lines["B, y"].get_ydata(), [r.y.snr for r in found.b])


def test_the_ratio_definition_and_a_given_share(paths: list[str]) -> None:
    found = estimate_snrs(
        paths, (0, 128, 0, 0), [0, 3], definition="ratio", fraction=0.5, detrend=True
    )
    assert found.fused_fraction == 0.5
    assert found.frames == (0, 3)
    values = np.array([[b.values, a.values] for a, b in zip(found.a, found.b, strict=True)])
    np.testing.assert_allclose(found.fractions, (values[:, 0] / values[:, 1]).mean(axis=0))


def test_a_share_above_one_is_told(write_frame: Callable[..., str]) -> None:
    pair = detectors(0, SHAPE)
    path = write_frame(pair["B"], pair["A"])
    with pytest.warns(AnalysisWarning, match="above 1"):
        found = estimate_snrs([path], definition="ratio")
    assert found.fractions[2] > 3
    assert found.fused_fraction == 1.0


def test_one_detector_has_no_mixture(write_frame: Callable[..., str]) -> None:
    found = estimate_snrs([write_frame(detectors(0, SHAPE)["A"])])
    assert found.b == found.fused == ()
    assert np.isnan(found.fractions).all()
    assert np.isnan(found.fused_fraction)
    draw_snr_estimates(found).canvas.draw()


def test_frames_without_a_ratio_are_told_once(write_frame: Callable[..., str]) -> None:
    blank = np.full(SHAPE, 7, np.int16)
    pair = detectors(0, SHAPE)
    files = [write_frame(blank, blank), write_frame(pair["A"], pair["B"])]
    with pytest.warns(
        AnalysisWarning, match="frame 0, detector A, x: the image is constant"
    ) as seen:
        found = estimate_snrs(files, frames=[0, 1])
    assert len(seen) == 1
    np.testing.assert_allclose(found.fractions, 0.2, atol=0.03)


def test_what_makes_no_sense_is_refused(paths: list[str]) -> None:
    for options in (
        {"frames": [10]},
        {"frames": []},
        {"definition": "other"},
        {"fraction": 1.5},
        {"box": (0, 0, 300, 0)},
    ):
        with pytest.raises(ParameterError):
            estimate_snrs(paths, **options)


def test_default_frames() -> None:
    assert default_frames(100) == (10, 50, 90)
    assert default_frames(1) == (0,)
    assert default_frames(2) == (0, 1)
