"""One output slice from raw frames."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from skimage.transform import warp

from fibsem_dash.errors import AccessError, FormatError, ParameterError
from fibsem_dash.registration.canvas import Canvas
from fibsem_dash.registration.warp import (
    RenderSettings,
    SourceFrame,
    cast,
    load_flatten,
    output_dtype,
    output_range,
    render_slice,
    warp_image,
)
from fibsem_dash.transforms import translation

WriteFrame = Callable[..., str]
SHAPE = (31, 44)
FLOAT = RenderSettings(Canvas(SHAPE), "float32")
OBLIQUE = np.array([[1.013, 0.021, 3.37], [-0.015, 0.987, -2.21], [0, 0, 1]])


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 1000, SHAPE).astype(np.float32)


def counts(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-6000, 6000, SHAPE).astype(np.int16)


def render(paths: list[str], **changes: object) -> np.ndarray:
    """Slice of frames that lie where they are."""
    sources = tuple(SourceFrame(path, np.eye(3)) for path in paths)
    settings = RenderSettings(Canvas(SHAPE), **{"dtype": "float32", **changes})  # type: ignore[arg-type]
    return render_slice(sources, settings)


@pytest.mark.parametrize("order", [0, 1, 3, 5])
def test_it_equals_scikit_image(order: int, image: np.ndarray) -> None:
    settings = RenderSettings(Canvas((40, 50), (5, 4)), "float32", order=order, fill_value=77.0)
    found = warp_image(image, OBLIQUE, settings)
    known = warp(
        image.astype(np.float64),
        OBLIQUE @ translation(-5, -4),
        order=order,
        output_shape=(40, 50),
        cval=77.0,
        preserve_range=True,
        clip=False,
    )
    assert found.dtype == np.float32
    assert found.shape == (40, 50)
    if order == 0:
        # Positions half way between two pixels are rounded one way or the other.
        assert (found != known).mean() < 0.01
    else:
        # float32 resolves positions to 4e-6 px and values to 1e-4 here; white noise of 1000 counts.
        np.testing.assert_allclose(found, known, atol=0.05)


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_whole_shifts_copy_pixels_exactly(order: int, image: np.ndarray) -> None:
    settings = RenderSettings(Canvas((36, 50), (3, 2)), "float32", order=order, fill_value=-5.0)
    found = warp_image(image, translation(2, -1), settings)
    expected = np.full((36, 50), -5.0, np.float32)
    # Content that moved by (+2, -1) comes back by (-2, +1).
    expected[3:34, 1:45] = image
    tolerance = 0 if order < 2 else 1e-2
    np.testing.assert_allclose(found, expected, atol=tolerance)


def test_frames_can_be_written_where_they_lie(image: np.ndarray) -> None:
    settings = RenderSettings(Canvas(SHAPE), "float32", transform=False)
    np.testing.assert_array_equal(warp_image(image, OBLIQUE, settings), image)


def test_a_spot_moves_against_its_matrix(write_frame: WriteFrame) -> None:
    spot = np.zeros(SHAPE, np.int16)
    spot[20, 30] = 100
    source = SourceFrame(write_frame(spot), translation(2, 5))
    assert render_slice((source,), FLOAT)[15, 28] == 100


def test_wide_frames_are_not_limited_by_short_integers() -> None:
    wide = np.arange(40_000, dtype=np.float32)[None].repeat(3, 0)
    found = warp_image(wide, translation(1, 0), RenderSettings(Canvas((3, 40_000)), "float32"))
    np.testing.assert_array_equal(found[1, :-1], wide[1, 1:])


def test_detectors_are_fused_by_their_shares(write_frame: WriteFrame) -> None:
    a, b = counts(0), counts(1)
    found = render([write_frame(a, b)], detector_b_fraction=0.25)
    np.testing.assert_allclose(found, 0.75 * a + 0.25 * b, atol=1e-2)


def test_another_detector_can_be_written(write_frame: WriteFrame) -> None:
    a, b = counts(0), counts(1)
    np.testing.assert_array_equal(render([write_frame(a, b)], detector="B"), b)


def test_flattening_multiplies_about_the_zero_level(
    write_frame: WriteFrame, tmp_path: Path
) -> None:
    a, b = counts(0), counts(1)
    factors = {k: np.random.default_rng(2).uniform(0.5, 2, (35, 50)) for k in "AB"}
    file = tmp_path / "flatten.npz"
    np.savez(file, **factors)
    dark = {"A": -6000.0, "B": 100.0}
    found = render(
        [write_frame(a, b)], flatten_file=str(file), dark_counts=dark, detector_b_fraction=0.5
    )
    known = [
        (image - dark[k]) * factors[k][: SHAPE[0], : SHAPE[1]] + dark[k]
        for k, image in (("A", a), ("B", b))
    ]
    np.testing.assert_allclose(found, (known[0] + known[1]) / 2, atol=0.01)


def test_replaced_flattening_factors_are_read_again(tmp_path: Path) -> None:
    file = tmp_path / "flatten.npz"
    for value in (1.0, 2.0):
        np.savez(file, A=np.full((2, 2), value))
        os.utime(file, ns=(0, int(value * 1e9)))
        np.testing.assert_array_equal(load_flatten(str(file))["A"], value)


def test_flattening_factors_that_cannot_be_used_are_refused(
    write_frame: WriteFrame, tmp_path: Path
) -> None:
    file = tmp_path / "flatten.npz"
    with pytest.raises(AccessError):
        load_flatten(str(file))
    file.write_bytes(b"not an archive")
    with pytest.raises(FormatError, match="no flattening factors"):
        load_flatten(str(file))
    np.savez(file, X=np.ones(SHAPE))
    os.utime(file, ns=(0, 1))
    with pytest.raises(FormatError, match="no flattening factors"):
        load_flatten(str(file))
    np.savez(file, A=np.array([{}], object))
    os.utime(file, ns=(0, 2))
    with pytest.raises(FormatError, match="no flattening factors"):
        load_flatten(str(file))
    np.savez(file, A=np.ones((5, 5)))
    os.utime(file, ns=(0, 3))
    with pytest.raises(ParameterError, match="smaller than the frames"):
        render([write_frame(counts())], flatten_file=str(file))


def test_brightness_scales_about_its_offset(write_frame: WriteFrame) -> None:
    image = counts()
    source = SourceFrame(write_frame(image), np.eye(3), scale=1.25, offset=-400.0)
    np.testing.assert_allclose(
        render_slice((source,), FLOAT), (image + 400.0) * 1.25 - 400.0, atol=0.01
    )


def test_inversion_negates_signed_and_mirrors_unsigned_counts(write_frame: WriteFrame) -> None:
    image = counts()
    np.testing.assert_array_equal(render([write_frame(image)], invert=True), -image.astype(float))
    small = (image % 256).astype(np.uint8)
    found = render([write_frame(small)], invert=True, dtype="uint8")
    np.testing.assert_array_equal(found, 255 - small)


@pytest.mark.parametrize(
    ("dtype", "expected"), [("int16", (-30, 20)), ("uint8", (235, 285)), ("uint16", (65515, 65565))]
)
def test_the_range_of_inverted_counts(dtype: str, expected: tuple[float, float]) -> None:
    assert output_range(-20, 30, False, np.dtype(dtype)) == (-20, 30)
    low = {"int16": -20.0, "uint8": -30.0, "uint16": -30.0}[dtype]
    assert output_range(low, low + 50, True, np.dtype(dtype)) == expected


def test_the_darkest_count_becomes_the_brightest_of_an_inverted_8_bit_slice(
    write_frame: WriteFrame,
) -> None:
    image = counts()
    low, high = output_range(-6000, 6000, True, image.dtype)
    found = render([write_frame(image)], invert=True, dtype="uint8", grey_range=(low, high))
    np.testing.assert_allclose(found, 255 * (6000.0 - image) / 12000, atol=0.5001)


@pytest.mark.parametrize("n", [2, 3, 7])
def test_a_slice_of_several_frames_is_their_mean(n: int, write_frame: WriteFrame) -> None:
    images = [counts(k) for k in range(n)]
    found = render([write_frame(image) for image in images])
    np.testing.assert_allclose(found, np.mean(images, 0), atol=0.01)


def test_flipping_turns_the_whole_slice(write_frame: WriteFrame) -> None:
    source = (SourceFrame(write_frame(counts()), translation(2, 3)),)
    settings = {"canvas": Canvas((40, 50), (5, 4)), "dtype": "int16"}
    plain = render_slice(source, RenderSettings(**settings))  # type: ignore[arg-type]
    flipped = render_slice(source, RenderSettings(**settings, flip_y=True))  # type: ignore[arg-type]
    np.testing.assert_array_equal(flipped, plain[::-1])
    assert flipped.flags.c_contiguous


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16"])
def test_values_are_rounded_and_clipped_never_wrapped(dtype: str) -> None:
    limits = np.iinfo(dtype)
    values = np.float32([[0.49, 0.51, 1.5, 2.5, 99.6]])
    settings = RenderSettings(Canvas((1, 5)), dtype)
    np.testing.assert_array_equal(cast(values, settings), [[0, 1, 2, 2, 100]])
    ends = np.float32([[limits.min - 0.4, limits.min - 1000, limits.max + 0.4, limits.max + 1e6]])
    expected = [[limits.min, limits.min, limits.max, limits.max]]
    np.testing.assert_array_equal(cast(ends, settings), expected)
    assert cast(values, settings).dtype == dtype


def test_negative_values_are_rounded_not_cut() -> None:
    values = np.float32([[-0.6, -1.4, -1.6]])
    found = cast(values, RenderSettings(Canvas((1, 3)), "int16"))
    np.testing.assert_array_equal(found, [[-1, -1, -2]])


def test_8_bit_scaling_is_the_formula() -> None:
    values = np.linspace(-7000, 3000, 4001, dtype=np.float32)[None]
    low, high = -6012.5, 1833.25
    settings = RenderSettings(Canvas((1, 4001)), "uint8", grey_range=(low, high))
    exact = (255 * (values.astype(np.float64) - low) / (high - low)).clip(0, 255)
    found = cast(values, settings)
    # float32 may decide a tie otherwise, nothing more.
    np.testing.assert_allclose(found, exact, atol=0.5 + 1e-4)
    assert found[0, 0] == 0
    assert found[0, -1] == 255


def test_an_empty_grey_range_gives_black() -> None:
    settings = RenderSettings(Canvas((1, 2)), "uint8", grey_range=(5.0, 5.0))
    np.testing.assert_array_equal(cast(np.float32([[5, 9]]), settings), [[0, 0]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_becomes_the_fill_value(bad: float) -> None:
    values = np.float32([[1, bad, 3], [np.inf, -np.inf, 2]])
    settings = RenderSettings(Canvas((2, 3)), "int16", fill_value=-9.0)
    np.testing.assert_array_equal(cast(values, settings), [[1, -9, 3], [-9, -9, 2]])
    floats = cast(values, RenderSettings(Canvas((2, 3)), "float32"))
    np.testing.assert_array_equal(floats, values)


@pytest.mark.parametrize(
    ("wanted", "source", "dtype", "scaled"),
    [
        ("auto", "int16", "int16", False),
        ("auto", "uint8", "uint8", False),
        ("auto", "uint16", "uint16", False),
        ("auto", "float32", "float32", False),
        ("uint8", "int16", "uint8", True),
        ("uint8", "uint8", "uint8", False),
        ("uint16", "uint8", "uint16", False),
        ("float32", "int16", "float32", False),
    ],
)
def test_the_type_of_a_voxel(wanted: str, source: str, dtype: str, scaled: bool) -> None:
    assert output_dtype(wanted, np.dtype(source)) == (np.dtype(dtype), scaled)


@pytest.mark.parametrize(("wanted", "source"), [("uint16", "int16"), ("int16", "uint16")])
def test_a_type_that_cannot_hold_the_counts_is_refused(wanted: str, source: str) -> None:
    with pytest.raises(ParameterError, match=f"cannot hold the values of {source} frames"):
        output_dtype(wanted, np.dtype(source))


@pytest.mark.parametrize("shift", [0.013, 0.3, 0.51])
def test_positions_are_not_rounded(shift: float) -> None:
    # On a ramp linear interpolation is exact: what is left is the error of the position.
    matrix = np.array([[1.0007, 0.0003, shift], [-0.0002, 0.9994, 1.234], [0, 0, 1]])
    y, x = np.mgrid[:200, :300].astype(np.float64)
    settings = RenderSettings(Canvas(x.shape), "float32")
    found = warp_image((10 * x).astype(np.float32), matrix, settings) / 10
    exact = matrix[0, 0] * x + matrix[0, 1] * y + shift
    np.testing.assert_allclose(found[8:-8, 8:-8], exact[8:-8, 8:-8], atol=1e-3)
