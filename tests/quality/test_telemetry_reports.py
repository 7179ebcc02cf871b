"""Reports from the tables of a run give the numbers that were put in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fibsem_dash.quality import telemetry_reports as reports
from fibsem_dash.quality.fits import fit_line

N = 200
FRAMES = np.arange(N)


def frames_table(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"frame": FRAMES, **columns})


def test_a_line_is_found_through_gaps_and_over_missing_frames() -> None:
    frames = np.array([0, 1, 2, 5, 9, 10])
    values = 3 - 0.25 * frames
    values[2] = np.nan
    fit = fit_line(frames, values)
    assert fit.slope == pytest.approx(-0.25)
    assert fit.intercept == pytest.approx(3)
    np.testing.assert_allclose(fit.line, 3 - 0.25 * frames)
    assert np.isnan(fit_line([1], [2.0]).slope)


def test_mill_rate_by_both_ways_agrees_with_the_truth() -> None:
    noise = np.random.default_rng(0).normal(scale=1e-6, size=(2, N))
    table = frames_table(
        working_distance_mm=5 + 8e-6 * FRAMES + noise[0],
        milling_y_voltage_v=2.5 - 0.008 / 20 * FRAMES + noise[1],
    )
    told = reports.mill_rate(table, um_per_v=20.0)
    assert told.distance_nm_per_frame == pytest.approx(8, rel=0.01)
    assert told.voltage_nm_per_frame == pytest.approx(8, rel=0.01)
    assert told.measured_um_per_v == pytest.approx(20, rel=0.01)


def test_the_conversion_that_is_given_counts() -> None:
    """Older reports overwrote it with a constant."""
    table = frames_table(working_distance_mm=5.0, milling_y_voltage_v=2.5 - 1e-3 * FRAMES)
    assert reports.mill_rate(table, 10.0).voltage_nm_per_frame == pytest.approx(10)
    assert reports.mill_rate(table, 30.0).voltage_nm_per_frame == pytest.approx(30)
    assert reports.mill_rate(table).voltage_nm_per_frame == pytest.approx(31.2352588)


def test_a_voltage_that_does_not_change_gives_no_conversion() -> None:
    table = frames_table(working_distance_mm=5 + 8e-6 * FRAMES, milling_y_voltage_v=2.5)
    assert np.isnan(reports.mill_rate(table).measured_um_per_v)


def test_grey_levels_keep_minimum_and_maximum_apart() -> None:
    """Older reports drew the minima as maxima and printed one threshold twice."""
    table = frames_table(min=FRAMES * 1.0, max=FRAMES + 500.0, sliding_min=1.0, sliding_max=2.0)
    told = reports.grey_levels(table, thr_min=1e-3, thr_max=2e-3)
    assert (told.global_minimum, told.global_maximum) == (0, N - 1 + 500)
    np.testing.assert_array_equal(told.maximum, FRAMES + 500)
    assert dict(told.facts)["Fraction of pixels above"] == "0.002"


def test_scan_and_field_of_view() -> None:
    table = frames_table(
        scan_rate_hz=2e6, eht_kv=1.2, fov_centre_x_px=10 + 0.5 * FRAMES, fov_centre_y_px=-3.0
    )
    scan, view = reports.scan_report(table), reports.field_of_view(table)
    assert dict(scan.facts) == {
        "Scan rate": "2000 kHz",
        "EHT": "1.2 kV",
        "Specimen current": "not recorded",
    }
    assert view.shift_px[-1, 0] == pytest.approx(0.5 * (N - 1))
    assert view.shift_px[-1, 1] == pytest.approx(0)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_short_runs_without_telemetry_have_reports(n: int) -> None:
    table = pd.DataFrame({"frame": np.arange(n), "min": np.full(n, np.nan)})
    assert np.isnan(reports.mill_rate(table).distance_nm_per_frame)
    assert np.isnan(reports.grey_levels(table).global_minimum)
    assert reports.field_of_view(table).shift_px.shape == (n, 2)
    assert reports.scan_report(table).frames.shape == (n,)


def test_transformations_lie_at_their_frames() -> None:
    names = ["T00", "T01", "T02", "T10", "T11", "T12"]
    final = pd.DataFrame([[0, 1, 0, 0, 0, 1, 0], [1, *[np.nan] * 6], [2, 1, 0, 2, 0, 1, 3]])
    final.columns = pd.Index(["frame", *names])
    original = final[names].add_prefix("orig_") * 2
    pairs = pd.DataFrame({"frame": [1, 2], "npts": [None, 50], "error_abs_mean": [np.nan, 0.5]})
    pairs = pd.concat([pairs, pd.DataFrame({n: [np.nan, k] for k, n in enumerate(names)})], axis=1)
    told = reports.transformation_report(pairs, pd.concat([final, original], axis=1))
    assert told.npts.tolist()[2] == 50
    assert np.isnan(told.pair[:2]).all()
    np.testing.assert_array_equal(told.pair[2], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(told.final[2], [[1, 0, 2], [0, 1, 3]])
    np.testing.assert_array_equal(told.fit[2], told.original[2] - told.final[2] + np.eye(2, 3))
    assert np.isnan(told.final[1]).all()
