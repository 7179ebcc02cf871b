"""Pairs as pictures, and the same sample region in two stacks."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np
import pytest
import scipy.ndimage as ndi
import tifffile

from fibsem_dash.errors import ParameterError
from fibsem_dash.quality import match_sample_region, pair_view

RNG = np.random.default_rng(11)
SAMPLE = ndi.gaussian_filter(RNG.normal(size=(14, 500, 600)), (1.5, 2, 2)).astype(np.float32)
SAMPLE = (SAMPLE / SAMPLE.std() * 500).astype(np.int16)


def write(path: Path, stack: np.ndarray) -> Path:
    if path.suffix == ".mrc":
        mrcfile.write(path, stack)
    else:
        tifffile.imwrite(path, stack)
    return path


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    return write(tmp_path / "a.mrc", SAMPLE)


def test_a_pair_shows_both_slices_with_one_contrast(sample: Path) -> None:
    view = pair_view(sample, 3, (100, 300, 50, 150))
    assert view.previous.shape == view.current.shape == (100, 200)
    low, high = view.levels
    grey = (np.clip(SAMPLE[3, 50:150, 100:300], low, high) - low) / (high - low) * 255
    np.testing.assert_allclose(view.current, grey, atol=0.51)
    np.testing.assert_array_equal(view.red_cyan[..., 0], view.previous)
    np.testing.assert_array_equal(view.red_cyan[..., 2], view.current)
    np.testing.assert_array_equal(
        view.difference, view.current.astype(int) - view.previous.astype(int)
    )


def test_an_inverted_pair_is_the_negative(sample: Path) -> None:
    plain, inverted = (pair_view(sample, 3, invert=value) for value in (False, True))
    np.testing.assert_array_equal(inverted.current, 255 - plain.current)


def test_a_large_pair_is_averaged_down(sample: Path) -> None:
    view = pair_view(sample, 1, max_size=100)
    assert view.step == 6
    assert view.current.shape == (83, 100)
    assert pair_view(sample, 1, (0, 600, 7, 8), max_size=50).current.size


def test_a_box_over_the_edge_is_cut_off(sample: Path) -> None:
    assert pair_view(sample, 1, (-50, 40, 450, 900)).box == (0, 40, 450, 500)


@pytest.mark.parametrize(("frame", "box"), [(0, None), (14, None), (1, (700, 800, 0, 10))])
def test_pairs_that_do_not_exist_are_refused(
    sample: Path, frame: int, box: tuple[int, int, int, int] | None
) -> None:
    with pytest.raises(ParameterError):
        pair_view(sample, frame, box)


def test_slices_without_contrast_are_shown(tmp_path: Path) -> None:
    flat = write(tmp_path / "flat.mrc", np.zeros((2, 8, 8), np.int16))
    assert pair_view(flat, 1).difference.max() == 0


@pytest.mark.parametrize("suffix", [".mrc", ".tif"])
@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("dz", [0, 2, -1])
def test_a_known_shift_inversion_and_z_offset_are_found(
    tmp_path: Path, sample: Path, suffix: str, negative: bool, dz: int
) -> None:
    """Stack b is a crop of the same sample, shifted, noisy, with other grey levels."""
    other = np.roll(SAMPLE, dz, axis=0)[:, 60:460, 35:585].astype(np.float32)
    other = 90 + 0.05 * (-other if negative else other)
    other += np.random.default_rng(1).normal(scale=8, size=other.shape)
    path = write(tmp_path / f"b{suffix}", other.clip(0, 255).astype(np.uint8).astype(np.int16))
    match = match_sample_region(sample, (150, 400, 120, 300), path)
    assert match.reliable, match
    assert match.offset == (-35, -60)
    assert match.z_offset == dz
    assert match.inverted is negative
    assert match.box_b == (115, 365, 60, 240)
    assert match.evaluation_box == (60, 180, 115, 250)
    assert match.ncc > 0.8


def test_a_region_that_is_partly_missing_is_cut_in_both(tmp_path: Path, sample: Path) -> None:
    path = write(tmp_path / "b.mrc", SAMPLE[:, 100:400, 100:450])
    match = match_sample_region(sample, (0, 600, 50, 450), path)
    assert match.offset == (-100, -100)
    assert match.box_a == (100, 450, 100, 400)
    assert match.box_b == (0, 350, 0, 300)
    assert "part of the region" in match.notes[0]


def test_larger_slices_are_found_through_the_coarse_search(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    large = ndi.gaussian_filter(rng.normal(size=(2, 1500, 2300)), (0, 4, 4)) * 1e4
    a = write(tmp_path / "a.mrc", large.astype(np.int16))
    b = write(tmp_path / "b.mrc", large[:, 77:1400, 131:].astype(np.int16))
    match = match_sample_region(a, (900, 1700, 400, 900), b, z_search=0)
    assert match.offset == (-131, -77)
    assert match.ncc == pytest.approx(1)


def test_alignments_that_drift_apart_are_told(tmp_path: Path, sample: Path) -> None:
    drifted = np.stack([np.roll(s, 4 * k, axis=1) for k, s in enumerate(SAMPLE)])
    match = match_sample_region(sample, (150, 400, 120, 300), write(tmp_path / "b.mrc", drifted))
    assert [x for x, _ in match.slice_offsets] == [4 * k for k in match.slices]
    assert any("drift apart" in note for note in match.notes)


@pytest.mark.parametrize("kind", ["noise", "blank"])
def test_another_sample_is_not_taken_for_a_match(tmp_path: Path, sample: Path, kind: str) -> None:
    other = np.random.default_rng(9).normal(scale=500, size=SAMPLE.shape)
    stack = (other if kind == "noise" else other * 0).astype(np.int16)
    match = match_sample_region(sample, (150, 400, 120, 300), write(tmp_path / "b.mrc", stack))
    assert not match.reliable
    assert "certainty" in match.notes[-1]


def test_a_region_that_is_too_small_is_refused(sample: Path) -> None:
    with pytest.raises(ParameterError, match="too small"):
        match_sample_region(sample, (10, 15, 10, 15), sample)
