"""The plain baseline registers a phantom, so that the speed it sets is that of correct work."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from benchmarks.plain_baseline import ShiftTransform, compare, read_frame, run_plain
from fibsem_dash.io import open_frame
from fibsem_dash.phantom import write_phantom

STAGES = ["range", "keypoints", "pairs", "chain", "warp_save", "metrics"]


@pytest.mark.parametrize("transform", ["affine", "shift"])
def test_baseline_recovers_the_drift(tmp_path: Path, transform: str) -> None:
    phantom = write_phantom(tmp_path / "data", frames=3, size=256, seed=1, drift_px=3.0)
    report: dict[str, Any] = {}
    seconds = run_plain(
        tmp_path / "data", tmp_path / "run", workers=1, transform=transform, report=report
    )
    assert list(seconds) == STAGES
    assert report["frames"] == 3
    assert report["trials"] > 0
    with (tmp_path / "run" / "pairs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows] == ["1", "2"]
    centre = np.array([127.5, 127.5, 1.0])
    for k, row in enumerate(rows):
        found = np.array([[float(row[f"T{i}{j}"]) for j in range(3)] for i in range(2)])
        true = phantom.matrices[k + 1] @ np.linalg.inv(phantom.matrices[k])
        assert np.abs(found @ centre - (true @ centre)[:2]).max() < 0.3
    with mrcfile.mmap(tmp_path / "run" / "registered.mrc", mode="r") as mrc:
        assert mrc.data.shape == (3, 256, 256)
        assert mrc.data.dtype == np.int16
        np.testing.assert_array_equal(mrc.data[0], open_frame(phantom.files[0]).raw("A"))


def test_pixels_are_those_of_the_reader(tmp_path: Path) -> None:
    phantom = write_phantom(tmp_path, frames=1, size=(20, 33))
    np.testing.assert_array_equal(
        read_frame(phantom.files[0]), open_frame(phantom.files[0]).raw("A")
    )


def test_equal_slices_are_a_perfect_match(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(1000, 2000, (64, 64)).astype(np.int16)
    with mrcfile.new(tmp_path / "stack.mrc") as mrc:
        mrc.set_data(np.stack([image, image]))
    nsad, ncc, nmi = compare((tmp_path / "stack.mrc", 1))
    assert nsad == 0
    assert ncc == pytest.approx(1.0)
    # The epsilon in every empty bin keeps it just below 1.
    assert nmi == pytest.approx(1.0, abs=1e-4)


def test_shift_model_is_the_mean_displacement() -> None:
    points = np.random.default_rng(0).uniform(0, 100, (20, 2))
    transform = ShiftTransform.from_estimate(points, points + np.array([3.0, -2.0]))
    np.testing.assert_allclose(transform.params, [[1, 0, 3], [0, 1, -2], [0, 0, 1]], atol=1e-12)
