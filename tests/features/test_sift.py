"""Key points of one image."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from fibsem_dash.errors import ParameterError
from fibsem_dash.features import KeyPoints, extract_keypoints, match_keypoints
from fibsem_dash.settings import SiftSettings


def offsets_of(first: KeyPoints, second: KeyPoints) -> np.ndarray:
    matches = match_keypoints(first, second)
    chosen = matches.below(0.7)
    return matches.dst[chosen] - matches.src[chosen]


def test_a_moved_image_has_moved_key_points(texture: np.ndarray) -> None:
    first, second = texture[:280, :320], texture[9:289, 14:334]
    offsets = offsets_of(extract_keypoints(first), extract_keypoints(second))
    assert len(offsets) > 200
    # Content moves up and left when the window moves down and right.
    np.testing.assert_allclose(np.median(offsets, 0), [-14, -9], atol=0.02)
    assert (np.abs(offsets - [-14, -9]).max(1) < 0.5).mean() > 0.95


@pytest.mark.real
def test_a_moved_slice_of_tissue_has_moved_key_points(shared: Path) -> None:
    path = sorted((shared / "data" / "fib25").glob("*.png"))[0]
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)[:300, :300]
    offsets = offsets_of(
        extract_keypoints(image), extract_keypoints(np.roll(image, (5, -8), (0, 1)))
    )
    np.testing.assert_allclose(np.median(offsets, 0), [-8, 5], atol=0.02)


def test_arrays_agree_in_length_and_type(keypoints: KeyPoints) -> None:
    n = len(keypoints)
    assert n > 300
    types = {name: (array.shape, array.dtype) for name, array in keypoints.to_arrays().items()}
    number = (n,), np.dtype(np.float32)
    assert types == {
        "xy": ((n, 2), np.float32),
        "size": number,
        "angle": number,
        "response": number,
        "octave": ((n,), np.int32),
        "descriptors": ((n, 128), np.uint8),
    }


def test_descriptors_lose_nothing_as_bytes(texture: np.ndarray, keypoints: KeyPoints) -> None:
    found, descriptors = cv2.SIFT.create().detectAndCompute(texture, None)
    np.testing.assert_array_equal(keypoints.descriptors.astype(np.float32), descriptors)
    np.testing.assert_array_equal(keypoints.xy, np.float32([p.pt for p in found]))
    np.testing.assert_array_equal(keypoints.octave, [p.octave for p in found])


def test_kp_max_num_keeps_the_largest_responses(texture: np.ndarray, keypoints: KeyPoints) -> None:
    some = extract_keypoints(texture, SiftSettings(kp_max_num=50))
    assert len(some) == 50
    np.testing.assert_array_equal(some.response, np.sort(keypoints.response)[::-1][:50])
    where = {tuple(p): k for k, p in enumerate(np.column_stack([keypoints.xy, keypoints.angle]))}
    same = [where[tuple(p)] for p in np.column_stack([some.xy, some.angle])]
    np.testing.assert_array_equal(some.descriptors, keypoints.descriptors[same])


@pytest.mark.parametrize("kp_max_num", [-1, 1_000_000])
def test_kp_max_num_above_what_there_is_keeps_all(
    kp_max_num: int, texture: np.ndarray, keypoints: KeyPoints
) -> None:
    assert len(extract_keypoints(texture, SiftSettings(kp_max_num=kp_max_num))) == len(keypoints)


def test_kp_max_num_zero_keeps_none(texture: np.ndarray) -> None:
    assert len(extract_keypoints(texture, SiftSettings(kp_max_num=0))) == 0


def test_a_higher_contrast_threshold_finds_fewer(texture: np.ndarray, keypoints: KeyPoints) -> None:
    assert len(extract_keypoints(texture, SiftSettings(contrast_threshold=0.12))) < len(keypoints)


@pytest.mark.parametrize("shape", [(64, 80), (1, 1), (3, 200), (17, 2)])
def test_an_image_without_texture_has_no_key_points(shape: tuple[int, int]) -> None:
    points = extract_keypoints(np.full(shape, 77, np.uint8))
    assert len(points) == 0
    assert points.xy.shape == (0, 2)
    assert points.descriptors.shape == (0, 128)
    assert points.descriptors.dtype == np.uint8


def test_a_view_with_strides_is_read_correctly(texture: np.ndarray) -> None:
    view = texture[::2, ::2]
    np.testing.assert_array_equal(extract_keypoints(view).xy, extract_keypoints(view.copy()).xy)


@pytest.mark.parametrize(
    "image", [np.zeros((8, 8)), np.zeros((8, 8), np.int16), np.zeros((8, 8, 3), np.uint8)]
)
def test_anything_but_a_grey_8_bit_image_is_refused(image: np.ndarray) -> None:
    with pytest.raises(ParameterError, match=r"expected \(y, x\) uint8"):
        extract_keypoints(image)


@pytest.mark.parametrize("factor", [2, 3])
def test_key_points_of_a_reduced_image_lie_in_pixels_of_the_whole_one(
    factor: int, texture: np.ndarray, keypoints: KeyPoints
) -> None:
    enlarged = np.kron(texture, np.ones((factor, factor), np.uint8))
    # A last row and column that fill no square are left out.
    enlarged = np.pad(enlarged, ((0, 1), (0, factor - 1)))
    found = extract_keypoints(enlarged, SiftSettings(reduction=factor))
    expected = (keypoints.xy.astype(np.float64) + 0.5) * factor - 0.5
    np.testing.assert_allclose(found.xy, expected, atol=1e-4)
    np.testing.assert_allclose(found.size, keypoints.size * factor, rtol=1e-6)
    np.testing.assert_array_equal(found.descriptors, keypoints.descriptors)


def test_an_image_smaller_than_one_square_is_not_reduced() -> None:
    assert len(extract_keypoints(np.zeros((5, 3), np.uint8), SiftSettings(reduction=8))) == 0
