"""Grey levels for display, the histogram, and conversion to 8 bits."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fibsem_dash.errors import ParameterError
from fibsem_dash.image import histogram_and_cdf, intensity_range, to_8bit
from tests.metric_cases import gemini_detectors, golden, synthetic_images, synthetic_stack

DTYPES = [np.uint8, np.int8, np.int16, np.uint16, np.int32, np.float32, np.float64, ">i2", ">f4"]


@pytest.fixture(scope="module")
def frame_answers(shared):
    return golden(shared, "golden_frame_image.json")


@pytest.mark.real
def test_reference_levels_are_known(shared, frame_answers):
    detectors = gemini_detectors(shared)
    images = synthetic_images()
    cases = [
        (frame_answers["gemini"]["functions on RawImageA"], detectors["A"]),
        (frame_answers["synthetic"]["img1"], images.img1),
        (frame_answers["synthetic"]["imgp"], images.imgp),
    ]
    for known, image in cases:
        for low, high, bins in ((1e-3, 1e-3, 256), (1e-4, 1e-3, 256), (2e-2, 1e-2, 100)):
            name = f"get_min_max_thresholds thr_min={low} thr_max={high} nbins={bins}"
            found = intensity_range(image, low, high, bins, "reference")
            assert list(found) == pytest.approx(known[name]["newest"], rel=1e-12)
    b = intensity_range(detectors["B"], 1e-4, 1e-3, method="reference")
    known = frame_answers["gemini"]["get_image_min_max('RawImageB')"]["newest"]
    assert list(b) == pytest.approx(known, rel=1e-12)


@pytest.mark.real
def test_reference_levels_of_a_stack_frame_are_known(shared):
    known = golden(shared, "golden_evaluation.json")["get_min_max_thresholds_frame0"]
    frame = synthetic_stack()[0]
    for share, name in ((1e-3, "thr_1e-3"), (1e-4, "thr_1e-4")):
        found = intensity_range(frame, share, share, method="reference")
        assert list(found) == pytest.approx(known[name], rel=1e-12)


@pytest.mark.real
def test_8_bit_image_is_the_known_one_to_the_byte(shared, frame_answers):
    for letter, image in gemini_detectors(shared).items():
        name = f"RawImage{letter}_8bit_thresholds"
        levels = intensity_range(image, method="reference")
        for known, (low, high) in (
            (frame_answers["gemini"][f"{name}()"], levels),
            (frame_answers["gemini"][f"{name}(data_min=-6000,data_max=2000)"], (-6000, 2000)),
        ):
            assert (low, high) == pytest.approx((known["data_min"], known["data_max"]))
            converted = to_8bit(image, low, high)
            digest = hashlib.sha256(converted.tobytes()).hexdigest()
            assert digest == known["sha256"]


@pytest.mark.parametrize("method", ["quantile", "histogram"])
@pytest.mark.parametrize("bins", [10, 256])
def test_levels_of_evenly_spread_values_are_the_wanted_shares(method, bins):
    # WEAK 8: the old search gives [0.0, 0.8] with 10 bins.
    image = np.linspace(0, 1, 1_000_001).reshape(1, -1)
    assert list(intensity_range(image, 0.1, 0.1, bins, method)) == pytest.approx(
        [0.1, 0.9], abs=1e-5
    )
    assert intensity_range(image, 0.1, 0.1, 10, "reference").maximum == pytest.approx(0.8)


@pytest.mark.parametrize("method", ["quantile", "histogram"])
def test_a_hot_pixel_does_not_collapse_the_range(method):
    # WEAK 8: the old search gives [1e-6, 1e-6].
    image = np.linspace(0, 1, 1_000_001).reshape(1, -1)
    image[0, 0] = 1000.0
    found = intensity_range(image, method=method)
    assert found.maximum > found.minimum
    if method == "quantile":
        assert list(found) == pytest.approx([0.001, 0.999], abs=1e-5)
    collapsed = intensity_range(image, method="reference")
    assert collapsed.minimum == collapsed.maximum


@pytest.mark.parametrize("dtype", DTYPES)
def test_quantiles_of_every_type_are_those_of_numpy(dtype):
    values = np.random.default_rng(3).normal(0, 30, (37, 53)).astype(dtype)
    if np.dtype(dtype).kind == "u":
        values = np.abs(values)
    found = intensity_range(values, 0.02, 0.05)
    expected = np.quantile(values.astype(float), [0.02, 0.95], method="inverted_cdf")
    assert list(found) == pytest.approx(expected.tolist())


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("bins", [1, 7, 256, 1000])
def test_histogram_equals_numpy_count_for_count(dtype, bins):
    rng = np.random.default_rng(4)
    limits = (-100, 101) if np.dtype(dtype).kind != "u" else (0, 201)
    image = rng.integers(*limits, (64, 65)).astype(dtype)
    found = histogram_and_cdf(image, bins)
    counts, edges = np.histogram(image.astype(np.float64), bins)
    np.testing.assert_array_equal(found.counts, counts)
    np.testing.assert_array_equal(found.edges, edges)
    assert found.cdf[-1] == 1.0


@given(
    st.integers(1, 12),
    st.integers(1, 12),
    st.floats(0, 0.45),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_the_range_is_never_empty_unless_the_image_is_constant(height, width, share, seed, integer):
    rng = np.random.default_rng(seed)
    image = rng.choice([0.0, 1.0, 5.0], (height, width), p=[0.9, 0.05, 0.05])
    image = image.astype(np.int16) if integer else image
    for method in ("quantile", "histogram"):
        found = intensity_range(image, share, share, method=method)
        if image.min() < image.max():
            assert image.min() <= found.minimum < found.maximum <= image.max()
        else:
            assert found.minimum == found.maximum or method == "histogram"


def test_constant_image_gives_its_value_without_warning():
    found = intensity_range(np.full((8, 8), 5))
    assert list(found) == [5.0, 5.0]
    assert not to_8bit(np.full((8, 8), 5), *found).any()


def test_missing_pixels_are_left_out():
    image = np.arange(100.0).reshape(10, 10)
    image[3, 3], image[5, 5] = np.nan, np.inf
    assert list(intensity_range(image, 0.0, 0.0)) == [0.0, 99.0]
    assert histogram_and_cdf(image, 10).counts.sum() == 98


@pytest.mark.parametrize(
    ("image", "settings_"),
    [
        (np.zeros(5), {}),
        (np.zeros((0, 4)), {}),
        (np.zeros((2, 2), complex), {}),
        (np.full((2, 2), np.nan), {}),
        (np.eye(3), {"thr_min": -0.1}),
        (np.eye(3), {"thr_min": 0.6, "thr_max": 0.5}),
        (np.eye(3), {"thr_max": np.nan}),
        (np.eye(3), {"method": "best"}),
        (np.eye(3), {"method": "histogram", "nbins": 0}),
    ],
)
def test_senseless_arguments_are_refused(image, settings_):
    with pytest.raises(ParameterError):
        intensity_range(image, **settings_)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rounding", ["truncate", "nearest"])
def test_8_bit_of_every_type_is_the_formula(dtype, rounding):
    image = np.arange(-120, 120).reshape(12, 20)
    image = (image + 120 if np.dtype(dtype).kind == "u" else image).astype(dtype)
    scaled = (np.clip(image.astype(float), -50, 77.3) + 50) / (77.3 + 50) * 255
    expected = (np.rint(scaled) if rounding == "nearest" else scaled).astype(np.uint8)
    np.testing.assert_array_equal(to_8bit(image, -50, 77.3, rounding), expected)


def test_8_bit_of_missing_pixels_is_zero_and_bad_ranges_are_refused():
    image = np.array([[np.nan, -np.inf, np.inf, 0.5]])
    assert to_8bit(image, 0.0, 1.0).tolist() == [[0, 0, 255, 127]]
    assert to_8bit(image, 0.5, 0.5).tolist() == [[0, 0, 255, 0]]
    for low, high in ((1.0, 0.0), (np.nan, 1.0), (0.0, np.inf)):
        with pytest.raises(ParameterError):
            to_8bit(image, low, high)


def test_8_bit_of_strided_and_transposed_images():
    image = np.arange(-60, 60, dtype=np.int16).reshape(10, 12)
    for view in (image[::2, ::3], image.T, image[::-1, ::-1], image[2:7, 3:9]):
        expected = ((view.astype(float) + 60) / 120 * 255).astype(np.uint8)
        np.testing.assert_array_equal(to_8bit(view, -60, 60), expected)
