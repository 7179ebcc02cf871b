"""Smoothing, spread and radial profiles of series."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fibsem_dash.errors import ParameterError
from fibsem_dash.image import (
    radial_profile,
    smooth_curve,
    spread,
)


@pytest.mark.parametrize("length", [3, 4, 10, 11, 20, 51])
@pytest.mark.parametrize("shape", ["flat", "hann", "hamming", "bartlett", "blackman"])
def test_smoothing_keeps_length_and_phase(length, shape):
    # WEAK 11: one sample too many for odd windows, and late.
    line = np.arange(100.0)
    found = smooth_curve(line, length, shape)
    assert found.size == line.size
    np.testing.assert_allclose(found[30:70], line[30:70], atol=1e-9)
    peak = np.zeros(101)
    peak[50] = 1.0
    np.testing.assert_allclose(
        smooth_curve(peak, length, shape), smooth_curve(peak, length, shape)[::-1]
    )


def test_smoothing_leaves_missing_samples_out():
    series = np.ones(40)
    series[[0, 7]] = np.nan
    found = smooth_curve(series, 9)
    np.testing.assert_allclose(found, 1.0)
    assert np.isnan(smooth_curve(np.full(5, np.nan), 3)).all()


@given(st.integers(1, 60), st.integers(1, 80))
@settings(max_examples=60, deadline=None)
def test_smoothing_of_any_length_keeps_a_constant(n, length):
    np.testing.assert_allclose(smooth_curve(np.full(n, 3.0), length), 3.0)


def test_smoothing_refuses_what_is_no_series():
    for call in (
        lambda: smooth_curve(np.zeros((3, 3))),
        lambda: smooth_curve([]),
        lambda: smooth_curve([1.0, 2.0, 3.0], window="box"),
        lambda: smooth_curve([1.0, 2.0, 3.0], window_length=-1),
        lambda: smooth_curve(np.ones(5), 11, reference=True),
    ):
        with pytest.raises(ParameterError):
            call()


def test_spread_of_a_short_or_sloped_series():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(3000)
    assert spread(noise) == pytest.approx(1.0, rel=0.05)
    sloped = noise + 0.3 * np.arange(3000)
    assert spread(sloped) == pytest.approx(spread(noise), rel=1e-6)
    assert spread(sloped, reference=True) > 1.5 * spread(noise)
    # It was reported as 0, as if the series were perfect.
    assert np.isnan(spread([1.0, 5.0, 2.0]))
    assert np.isnan(spread([]))
    assert spread(np.append(noise, np.nan)) == pytest.approx(spread(noise), rel=1e-9)
    with pytest.raises(ParameterError):
        spread(np.zeros((3, 3)))


def test_radial_profile_is_the_mean_over_rings():
    y, x = np.mgrid[0:21, 0:31]
    image = np.hypot(x - 15, y - 10).astype(int) * 1.0
    found = radial_profile(image)
    np.testing.assert_array_equal(found.values, found.radii)
    assert found.counts.sum() == image.size
    image[3, 3] = np.nan
    assert radial_profile(image).counts.sum() == image.size - 1


def test_sectors_of_the_profile_include_their_edges():
    # The strict comparison left out both axes and the centre.
    image = np.ones((11, 11))
    found = radial_profile(image, sectors=(0, 90), symmetry=4)
    assert found.counts.sum() == image.size
    assert np.isnan(radial_profile(image, sectors=(0, 90), reference=True).values[0])
    left = radial_profile(image, sectors=(170, 190), symmetry=1)
    right = radial_profile(image, sectors=(-10, 10), symmetry=1)
    np.testing.assert_array_equal(left.counts, right.counts)
