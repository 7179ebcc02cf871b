"""Even and odd rows: same place, independent noise, frequencies of the frame."""

from __future__ import annotations

import numpy as np
import pytest

from fibsem_dash.compare import even_and_odd_rows, fsc, in_pixels_of_the_frame
from fibsem_dash.errors import ParameterError


def band_limited(side: int, limit: float) -> np.ndarray:
    """Noise without any power above a frequency, cycles per pixel."""
    spectrum = np.fft.rfft2(np.random.default_rng(1).normal(size=(side, side)))
    radius = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :])
    return np.fft.irfft2(np.where(radius < limit, spectrum, 0), (side, side))


def test_a_plane_is_the_same_in_both_halves() -> None:
    y, x = np.mgrid[0:21, 0:31]
    even, odd = even_and_odd_rows(3.0 * y + 2.0 * x)
    np.testing.assert_allclose(even, odd)
    assert even.shape == (9, 15)
    # The first pixel is the mean of columns 0 and 1 in row 2.
    assert even[0, 0] == 3 * 2 + 1


@pytest.mark.parametrize("rows", [4, 5, 6, 7, 100])
def test_halves_have_one_shape(rows: int) -> None:
    even, odd = even_and_odd_rows(np.arange(rows * 3.0).reshape(rows, 3))
    assert even.shape == odd.shape == (rows // 2 - 1, 1)
    np.testing.assert_allclose(even, odd)


def test_noise_of_the_halves_is_independent() -> None:
    noise = np.random.default_rng(0).normal(size=(512, 512))
    even, odd = even_and_odd_rows(noise)
    assert abs(np.corrcoef(even.ravel(), odd.ravel())[0, 1]) < 0.01


def test_bandwidth_is_that_of_the_frame() -> None:
    image = band_limited(512, 0.15)
    noisy = image + np.random.default_rng(2).normal(0, 0.02 * image.std(), image.shape)
    even, odd = even_and_odd_rows(noisy)
    result = in_pixels_of_the_frame(fsc(even, odd, pixel_size_nm=8.0))
    assert result.bandwidth == pytest.approx(0.15, abs=0.01)
    assert result.resolution_nm == pytest.approx(4.0 / 0.15, rel=0.07)
    assert result.frequencies[-1] <= 0.2501


def test_small_images_are_refused() -> None:
    with pytest.raises(ParameterError):
        even_and_odd_rows(np.zeros((3, 5)))
