from __future__ import annotations

import numpy as np
import pytest

from fibsem_dash.io import open_frame
from fibsem_dash.registration.frame_levels import read_levels


def test_shares_and_histogram_are_those_of_the_pixels(phantom):
    path = phantom.files[0]
    image = open_frame(path).raw("A")
    found = read_levels(str(path), "A")
    low, high = np.percentile(image, [3, 98])
    assert found.outside(low, high) == pytest.approx(((image < low).mean(), (image > high).mean()))
    counts, edges = found.histogram(100)
    assert counts.sum() == image.size
    assert len(counts) <= 100
    assert counts.tolist() == np.histogram(image, edges)[0].tolist()


def test_a_constant_frame_has_one_level(write_frame):
    found = read_levels(write_frame(np.full((8, 8), 5, np.int16)), "A")
    counts, edges = found.histogram()
    assert counts.tolist() == [64]
    assert edges.tolist() == [4.5, 5.5]


def test_bytes_in_the_order_of_the_file_are_counted_right(write_frame):
    image = np.arange(-300, 300, dtype=np.int16).reshape(20, 30)
    found = read_levels(write_frame(image, image + 5), "B")
    assert found.levels.tolist() == list(range(-295, 305))
    assert set(found.counts) == {1}
