"""Runs on graphics cards: blocks, slices and measures are those of the processor.

A stand-in takes the place of CuPy (`tests/stand_in_card.py`); the test marked gpu takes a real one.
"""

from __future__ import annotations

import json
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fibsem_dash.backend import cupy_available, to_host
from fibsem_dash.cli.entry import main
from fibsem_dash.errors import ParameterError
from fibsem_dash.features.blocks import match_blocks, prepare_frame
from fibsem_dash.io import open_stack
from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.canvas import Canvas
from fibsem_dash.registration.frames import find_frames
from fibsem_dash.registration.pipeline import Registration
from fibsem_dash.registration.warp import RenderSettings, cast, warp_image
from fibsem_dash.settings import BlockSettings, RunSettings, update

TEXTURE = np.random.default_rng(2).normal(128, 40, (200, 230))
MATRIX = np.array([[1.0107, 0.0203, 3.3171], [-0.0101, 0.9913, -4.6139], [0, 0, 1]])


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("card") / "frames"
    write_phantom(folder, frames=5, size=192, seed=4)
    return folder


def textures() -> list[np.ndarray]:
    import cv2

    smooth = cv2.GaussianBlur(TEXTURE, (0, 0), 2.0) * 4 - 380
    images = [smooth, cv2.warpAffine(smooth, MATRIX[:2], smooth.shape[::-1])]
    return [np.clip(image, 0, 255).astype(np.uint8) for image in images]


def check_blocks() -> None:
    settings = BlockSettings()
    plain = match_blocks(*(prepare_frame(image, settings) for image in textures()), settings)
    found = match_blocks(
        *(prepare_frame(image, settings, "cupy") for image in textures()), settings
    )
    good = plain.confidence > 0.3
    assert good.sum() > 10
    np.testing.assert_allclose(found.src[good], plain.src[good], atol=2e-3)
    np.testing.assert_allclose(found.dst[good], plain.dst[good], atol=2e-3)
    np.testing.assert_allclose(found.confidence[good], plain.confidence[good], atol=1e-3)
    assert type(found.src) is np.ndarray


def check_run(frames: Path, folder: Path) -> None:
    tables, stacks = [], []
    for backend in ("numpy", "cupy"):
        changes = {
            "estimation.estimator": "blocks",
            "compute.backend": backend,
            "quality.metrics": ["NSAD", "NCC", "NMI", "FSC"],
        }
        run = folder / backend
        Registration(find_frames(frames), run, update(RunSettings(), changes)).run()
        tables.append(pd.read_csv(next(run.glob("*RegistrationQuality.csv"))))
        with open_stack(next(run.glob("*.mrc"))) as stack:
            stacks.append(np.stack([stack[k] for k in range(len(stack))]).astype(float))
        record = json.loads((run / "run.json").read_text())
        assert record["settings"]["compute"]["backend"] == backend
    # Positions may differ by a thousandth of a pixel, so voxels by a little at edges.
    difference = np.abs(stacks[0] - stacks[1])
    assert np.quantile(difference, 0.99) <= 0.005 * np.ptp(stacks[0])
    measures = ["NSAD", "NCC", "NMI"]
    np.testing.assert_allclose(tables[0][measures], tables[1][measures], rtol=2e-3)


def test_blocks_on_a_card_find_the_same_vectors(card: types.ModuleType) -> None:
    check_blocks()
    assert card.cuda.chosen


@pytest.mark.parametrize("order", [0, 1, 2])
def test_slices_on_a_card_are_those_of_the_processor(card: types.ModuleType, order: int) -> None:
    image = textures()[0].astype(np.float32)
    settings = RenderSettings(
        Canvas((240, 250), (12, 9)), "int16", order=order, fill_value=-50.0, backend="cupy"
    )
    plain = warp_image(image, MATRIX, settings)
    found = warp_image(card.asarray(image), MATRIX, settings)
    assert isinstance(found, card.ndarray)
    # Splines differ in how they meet the edge of the frame.
    near = to_host(found)
    inside = slice(20, 180), slice(20, 200)
    same = np.isclose(near, plain, atol=0.01)
    assert same.mean() > (0.99 if order < 2 else 0.95)
    assert same[inside].mean() > 0.999
    voxels = cast(found, settings)
    assert isinstance(voxels, card.ndarray)
    np.testing.assert_array_equal(to_host(voxels), cast(near, settings))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_run_on_cards_gives_the_same_stack_and_measures(
    card: types.ModuleType, frames: Path, tmp_path: Path
) -> None:
    check_run(frames, tmp_path)


@pytest.mark.gpu
def test_a_run_on_a_real_card_gives_the_same_stack_and_measures(
    frames: Path, tmp_path: Path
) -> None:
    if not cupy_available():
        pytest.skip("needs CuPy and a CUDA device")
    check_blocks()
    check_run(frames, tmp_path)


@pytest.mark.parametrize("estimator", ["blocks", "sift"])
def test_without_a_card_the_run_ends_with_what_to_do(
    frames: Path, tmp_path: Path, estimator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if cupy_available():
        pytest.skip("this machine has a card")
    options = ["--estimator", estimator, "--set", "compute.backend=cupy", "--workers", "0"]
    assert main(["register", str(frames), "--out", str(tmp_path / "run"), *options]) != 0
    said = capsys.readouterr().err
    assert "backend 'cupy' needs" in said
    assert "Traceback" not in said
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["state"] == "failed"
    begun = [name for name, stage in record["stages"].items() if stage["state"] != "pending"]
    assert begun == ["inspect"], "told before any work"


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(ParameterError, match="numpy"):
        update(RunSettings(), {"compute.backend": "cuda"})
