"""Any shape, type and content of two images gives a number, NaN, or a clear error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fibsem_dash.compare import (
    METRICS,
    compare_images,
    fsc,
    mutual_information,
    ncc,
    nmi,
    nsad,
)
from fibsem_dash.errors import ParameterError

DTYPES = [
    np.uint8,
    np.int8,
    np.int16,
    np.uint16,
    np.int32,
    np.uint32,
    np.int64,
    np.float16,
    np.float32,
    np.float64,
    ">i2",
    ">u2",
    ">f4",
    bool,
]


def plain_nsad(p, c):
    middle = np.abs(c / 2 + p / 2)
    return np.abs(c - p).mean() / (middle.mean() - middle.min())


def plain_ncc(p, c):
    return np.corrcoef(p.ravel(), c.ravel())[0, 1]


def plain_information(p, c, bins, normalized):
    table = np.histogram2d(p.ravel(), c.ravel(), bins)[0] + np.finfo(float).eps
    table /= table.sum()
    q1, q2 = table.sum(axis=1), table.sum(axis=0)
    joint, one, two = ((q * np.log(q)).sum() for q in (table, q1, q2))
    return (one + two) / joint - 1 if normalized else joint - one - two


def plain_fsc(p, c):
    """The reference formula without any of the short cuts."""
    f1, f2 = (np.fft.fftshift(np.fft.fft2(image)) for image in (p, c))
    height, width = p.shape
    centre = np.unravel_index(np.argmax(np.abs(f1 + f2) ** 2), p.shape)
    y, x = np.mgrid[0:height, 0:width]
    y, x = y - centre[0], x - centre[1]
    angle = np.degrees(np.arctan2(y, x))
    keep = np.zeros(p.shape, bool)
    for k in range(-4, 4):
        keep |= (angle > 90 * k) & (angle < 90 * (k + 1))
    ring = np.sqrt(x**2 + y**2).astype(int)[keep]
    sums = []
    for values in (np.abs(f1) ** 2, np.abs(f2) ** 2):
        sums.append(np.bincount(ring, values[keep]))
    cross = (f1 * np.conj(f2))[keep]
    common = np.hypot(np.bincount(ring, cross.real), np.bincount(ring, cross.imag))
    with np.errstate(invalid="ignore"):
        return common / np.sqrt(sums[0] * sums[1])


def images_of(dtype, shape=(37, 50), seed=0):
    rng = np.random.default_rng(seed)
    kind = np.dtype(dtype).kind
    if kind == "b":
        return [rng.random(shape) < 0.4 for _ in range(2)]
    texture = rng.normal(0, 15, shape)
    offset = 120 if kind == "u" else 40
    return [
        np.clip(offset + texture + rng.normal(0, 8, shape), 0, 120).astype(dtype) for _ in range(2)
    ]


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_gives_the_plain_formula(dtype):
    first, second = images_of(dtype)
    p, c = first.astype(np.float64), second.astype(np.float64)
    found = compare_images(first, second, ("NSAD", "NCC", "NMI"))
    assert found["NSAD"] == pytest.approx(plain_nsad(p, c), abs=1e-12)
    assert found["NCC"] == pytest.approx(plain_ncc(p, c), abs=1e-12)
    assert found["NMI"] == pytest.approx(plain_information(p, c, 2048, True), abs=1e-10)
    curve = fsc(first, second, precision="double").correlation
    np.testing.assert_allclose(curve, fsc(p, c).correlation, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(fsc(first, second).correlation, curve, atol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_inverted_images_give_the_formula_of_negative_floats(dtype):
    first, second = images_of(dtype)
    p, c = -first.astype(np.float64), -second.astype(np.float64)
    found = compare_images(first, second, ("NSAD", "NCC", "NMI"), invert=True)
    assert found["NSAD"] == pytest.approx(plain_nsad(p, c), abs=1e-12)
    assert found["NCC"] == pytest.approx(plain_ncc(p, c), abs=1e-12)
    assert found["NMI"] == pytest.approx(plain_information(p, c, 2048, True), abs=1e-10)


@given(
    st.integers(1, 24),
    st.integers(1, 24),
    st.sampled_from([np.uint8, np.int16, np.uint16, np.float32, np.float64]),
    st.sampled_from([1, 2, 7, 64, 256, 300, 2048]),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=80, deadline=None)
def test_information_is_the_plain_formula_for_any_shape(height, width, dtype, bins, seed):
    rng = np.random.default_rng(seed)
    first, second = (rng.integers(0, 50, (height, width)).astype(dtype) for _ in range(2))
    p, c = first.astype(np.float64), second.astype(np.float64)
    found = mutual_information(first, second, bins)
    assert found == pytest.approx(plain_information(p, c, bins, False), abs=1e-8)


@given(st.integers(4, 40), st.integers(4, 40), st.floats(-500, 500), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_reference_fsc_is_the_plain_formula_for_any_shape(height, width, offset, seed):
    rng = np.random.default_rng(seed)
    p, c = (offset + rng.standard_normal((height, width)) for _ in range(2))
    found = fsc(p, c, reference=True, smooth_window=0).correlation
    expected = plain_fsc(p, c)
    if abs(offset) < 5:
        # Conjugate pairs tie for the greatest coefficient; rounding decides in the plain formula.
        assert np.nanmax(found) <= 1 + 1e-9
        return
    assert found.size == expected.size
    usable = np.isfinite(expected) & np.isfinite(found)
    np.testing.assert_allclose(found[usable], expected[usable], atol=1e-6)


@given(st.integers(1, 9), st.integers(1, 9), st.booleans(), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_tiny_images_give_numbers_or_nan(height, width, constant, seed):
    rng = np.random.default_rng(seed)
    first, second = (rng.integers(0, 9, (height, width)).astype(np.int16) for _ in range(2))
    if constant:
        first[:] = 4
    for reference in (False, True):
        found = compare_images(first, second, METRICS, reference=reference)
        assert set(found) == set(METRICS)
        assert all(isinstance(value, float) for value in found.values())


@pytest.mark.parametrize("value", [0, 7, 0.1, -3.3e5])
@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (1, 50), (50, 1), (200, 333)])
def test_constant_images_give_nan_without_warning(shape, value):
    image = np.full(shape, value)
    found = compare_images(image, image, METRICS)
    assert found.pop("MI") == pytest.approx(0.0, abs=1e-6)
    assert all(np.isnan(number) for number in found.values()), found
    assert np.isnan(ncc(image, np.arange(float(image.size)).reshape(shape)))


def test_missing_pixels_are_left_out_pairwise():
    first, second = images_of(np.float64, (40, 60))
    holes = first.copy(), second.copy()
    holes[0][3, 4], holes[1][5, 6], holes[1][7, 8] = np.nan, np.inf, -np.inf
    keep = np.isfinite(holes[0]) & np.isfinite(holes[1])
    p, c = first[keep][None], second[keep][None]
    assert nsad(*holes) == pytest.approx(plain_nsad(p, c), abs=1e-12)
    assert ncc(*holes) == pytest.approx(plain_ncc(p, c), abs=1e-12)
    assert nmi(*holes) == pytest.approx(plain_information(p, c, 2048, True), abs=1e-10)
    assert np.isfinite(fsc(*holes).correlation[1:]).all()
    assert np.isfinite(list(compare_images(*holes, METRICS).values())).all()


def test_images_without_finite_pixels_give_nan():
    nothing = np.full((6, 6), np.nan)
    found = compare_images(nothing, np.eye(6), METRICS)
    assert all(np.isnan(value) for value in found.values())


def test_huge_and_tiny_values_do_not_warn():
    rng = np.random.default_rng(1)
    first, second = rng.random((2, 30, 30))
    for scale in (1e-200, 1e200):
        found = compare_images(first * scale, second * scale, ("NSAD", "NCC", "NMI"))
        assert found["NSAD"] == pytest.approx(nsad(first, second))


@pytest.mark.parametrize("view", [np.s_[::2, ::3], np.s_[::-1, ::-1], np.s_[3:30, 5:40]])
def test_strided_views_and_transposes_work(view):
    first, second = images_of(np.int16, (60, 60))
    for a, b in ((first[view], second[view]), (first[view].T, second[view].T)):
        copies = np.ascontiguousarray(a), np.ascontiguousarray(b)
        assert compare_images(a, b, METRICS) == compare_images(*copies, METRICS)


def test_images_are_not_changed():
    first, second = images_of(np.float64)
    copies = first.copy(), second.copy()
    compare_images(first, second, METRICS, invert=True)
    assert (first == copies[0]).all()
    assert (second == copies[1]).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda a: compare_images(a, a[:5]),
        lambda a: ncc(a, a[0]),
        lambda a: nsad(a, a, "best"),
        lambda a: nmi(a, a, 0),
        lambda a: nmi(a, a, 65537),
        lambda a: nmi(a, a, 10.5),
        lambda a: mutual_information(a, a, bias_correction="magic"),
        lambda a: fsc(a, a, 2.0),
        lambda a: fsc(a, a, "best"),
        lambda a: fsc(a, a, taper="square"),
        lambda a: fsc(a, a, cutoff=0.0),
        lambda a: fsc(a, a, "half-bit", reference=True),
        lambda a: fsc(a, a, "half-bit", fit_power=3),
        lambda a: fsc(a, a, backend="gpu"),
        lambda a: compare_images(a, a, ("NCC", "PSNR")),
        lambda a: compare_images(a.astype(complex), a),
        lambda a: compare_images(a.astype(str), a),
    ],
)
def test_senseless_arguments_are_refused(call):
    with pytest.raises(ParameterError):
        call(np.arange(100.0).reshape(10, 10))
