"""Planes of a stack before it is written, against the stack when it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fibsem_dash.errors import ParameterError
from fibsem_dash.io import open_frame
from fibsem_dash.io.mrc import MrcStack
from fibsem_dash.io.tables import read_csv, write_csv
from fibsem_dash.registration.canvas import fit_canvas
from fibsem_dash.registration.preview import PlaneRequest, Previewer, preview_plane
from fibsem_dash.registration.stored_run import read_run
from fibsem_dash.registration.trend import compute_trend, trend_of

POSITION = 80


def written(run: Any) -> np.ndarray:
    (path,) = run.folder.glob("*.mrc")
    with MrcStack(path) as stack:
        return np.stack([stack[k] for k in range(stack.shape[0])])


def line_of(run: Any, stack: np.ndarray, axis: str) -> np.ndarray:
    """The written plane through the position in the first frame."""
    stored = read_run(run.folder)
    matrices = compute_trend(trend_of(stored), stored.settings.chain).chain.final
    if not stored.settings.output.perform_transformation:
        matrices = np.tile(np.eye(3), (len(matrices), 1, 1))
    output = stored.settings.output
    x, y = fit_canvas(matrices, stored.frames[0].shape).offset if output.pad else (0, 0)
    if axis == "yz":
        return stack[:, :, POSITION + x]
    row = POSITION + y
    return stack[:, stack.shape[1] - 1 - row if output.flip_y else row]


@pytest.mark.parametrize("axis", ["xz", "yz"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"output__pad": False, "output__flip_y": True},
        {"output__order": 0},
        {"output__order": 3},
        {"output__z_bin": 5, "output__invert": True},
        {"output__detector_b_fraction": 0.4},
        {"output__perform_transformation": False},
        {"chain__fit_method": "LF", "chain__subtract_linear_x": False},
    ],
    ids=lambda c: ",".join(c) or "defaults",
)
def test_a_plane_is_that_of_the_stack_with_these_settings(
    axis: Any, changes: dict[str, Any], phantom: Any, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files)
    run.start(output__dtype="uint8", quality__metrics=[], **changes)
    stored = read_run(run.folder)
    matrices = compute_trend(trend_of(stored), stored.settings.chain).chain.final
    found = preview_plane(stored, matrices, PlaneRequest(axis, POSITION))
    assert found is not None
    expected = line_of(run, written(run), axis)
    assert found.image.shape == expected.shape
    difference = np.abs(found.image.astype(int) - expected)
    if stored.settings.output.order == 0:
        # On the line between two pixels, rounding decides.
        assert (difference > 1).mean() < 0.01
    else:
        assert difference.max() <= 1
    assert found.image.std() > 5


def test_other_types_than_8_bit_are_scaled_with_the_levels_of_the_run(reference: Any) -> None:
    stored = read_run(reference.folder)
    matrices = compute_trend(trend_of(stored), stored.settings.chain).chain.final
    found = preview_plane(stored, matrices, PlaneRequest("xz", POSITION))
    assert found is not None
    levels = stored.levels()
    counts = line_of(reference, written(reference), "xz").astype(float)
    span = levels.global_maximum - levels.global_minimum
    expected = np.clip(np.rint(255 * (counts - levels.global_minimum) / span), 0, 255)
    assert np.abs(found.image - expected).max() <= 1


def test_before_shows_the_raw_rows_on_the_same_canvas(reference: Any) -> None:
    stored = read_run(reference.folder)
    matrices = compute_trend(trend_of(stored)).chain.final
    after, before = (
        preview_plane(stored, matrices, PlaneRequest("xz", POSITION, before=b)) for b in (0, 1)
    )
    assert after is not None
    assert before is not None
    assert before.image.shape == after.image.shape
    x, _ = fit_canvas(matrices, (192, 192)).offset
    levels = stored.levels()
    span = levels.global_maximum - levels.global_minimum
    raw = np.stack([open_frame(p).raw("A")[POSITION].astype(float) for p in stored.paths])
    expected = np.clip(np.rint(255 * (raw - levels.global_minimum) / span), 0, 255)
    np.testing.assert_allclose(before.image[:, x : x + 192], expected, atol=1)
    jumps = [
        np.abs(np.diff(p.image[:, 20:-20].astype(float), axis=0)).mean() for p in (after, before)
    ]
    assert jumps[0] < jumps[1]


@pytest.fixture(scope="module")
def previewer(reference: Any) -> tuple[Previewer, np.ndarray]:
    stored = read_run(reference.folder)
    return Previewer.of_run(stored), compute_trend(trend_of(stored)).chain.final


def many(previewer: Previewer, matrices: np.ndarray, times: int) -> tuple[Previewer, np.ndarray]:
    """The same frames over and over, so that there is something to refine."""
    frames = previewer.frames * times
    return Previewer(frames, previewer.levels, previewer.settings), np.tile(matrices, (times, 1, 1))


def test_a_coarse_plane_comes_first_and_is_part_of_the_final_one(previewer: Any) -> None:
    owner, matrices = many(*previewer, times=12)
    coarse, fine = owner.planes(matrices, PlaneRequest("yz", POSITION))
    assert (coarse.final, fine.final) == (False, True)
    assert fine.slices.tolist() == list(range(144))
    np.testing.assert_array_equal(coarse.image, fine.image[coarse.slices])
    assert coarse.depth_nm[1] == pytest.approx(fine.depth_nm[1])
    every = owner.plane(matrices, PlaneRequest("yz", POSITION, z_step=6))
    np.testing.assert_array_equal(every.image, fine.image[::6])
    assert every.n_read == 0


def test_other_fits_find_their_pixels_in_memory(previewer: Any) -> None:
    owner, matrices = many(*previewer, times=1)
    request = PlaneRequest("xz", POSITION)
    assert owner.plane(matrices, request).n_read == 12
    moved = matrices.copy()
    moved[:, 1, 2] += np.linspace(0, 5, 12)
    again = owner.plane(moved, request)
    assert again.n_read == 0
    fresh = many(*previewer, times=1)[0].plane(moved, request)
    np.testing.assert_array_equal(again.image, fresh.image)
    far = matrices.copy()
    far[6:, 1, 2] += 40
    assert owner.plane(far, request).n_read == 6


def test_memory_stays_within_its_limit(previewer: Any) -> None:
    owner, matrices = previewer
    small = Previewer(owner.frames, owner.levels, owner.settings, max_bytes=50_000)
    whole = owner.plane(matrices, PlaneRequest("xz", POSITION))
    found = small.plane(matrices, PlaneRequest("xz", POSITION))
    np.testing.assert_array_equal(found.image, whole.image)
    assert 0 < small.n_bytes <= 50_000


def test_a_stopped_preview_gives_nothing_and_reads_no_more(previewer: Any) -> None:
    owner, matrices = many(*previewer, times=12)
    asked: list[int] = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 5

    assert list(owner.planes(matrices, PlaneRequest("xz", POSITION), stop)) == []
    assert 0 < owner.n_bytes < 8 * 192 * 30 * 4


def test_wide_slices_are_thinned(previewer: Any) -> None:
    owner, matrices = previewer
    whole = owner.plane(matrices, PlaneRequest("xz", POSITION))
    thin = owner.plane(matrices, PlaneRequest("xz", POSITION, max_width=80))
    assert thin.pixel_step == 3
    assert np.abs(thin.image.astype(int) - whole.image[:, ::3]).max() <= 1


def test_lines_outside_of_a_frame_are_filled(previewer: Any) -> None:
    owner, matrices = previewer
    far = matrices.copy()
    far[3, 1, 2] = 5000.0
    found = owner.plane(far, PlaneRequest("xz", POSITION))
    assert np.ptp(found.image[3]) == 0


@pytest.mark.parametrize(
    "request_",
    [PlaneRequest("xz", -500), PlaneRequest("yz", 5000), PlaneRequest("xz", 3, z_step=0)],
)
def test_a_plane_that_is_not_there_is_refused(previewer: Any, request_: PlaneRequest) -> None:
    with pytest.raises(ParameterError):
        previewer[0].plane(previewer[1], request_)


def test_brightness_corrections_and_flattening_are_those_of_the_run(
    phantom: Any, new_run: Callable[..., Any], tmp_path: Any
) -> None:
    from fibsem_dash.io.flatten_file import write_flatten

    run = new_run(phantom.files)
    y, x = np.mgrid[:192, :192].astype(np.float32)
    write_flatten(tmp_path / "f.npz", {"A": 1 + (x + 2 * y) / 1000})
    table = read_csv(new_table(tmp_path, 12))
    assert len(table) == 12
    run.start(
        output__dtype="uint8",
        quality__metrics=[],
        output__flatten_file=str(tmp_path / "f.npz"),
        output__brightness_file=str(tmp_path / "b.csv"),
    )
    stored = read_run(run.folder)
    matrices = compute_trend(trend_of(stored)).chain.final
    found = preview_plane(stored, matrices, PlaneRequest("yz", POSITION))
    assert found is not None
    difference = np.abs(found.image.astype(int) - line_of(run, written(run), "yz"))
    assert difference.max() <= 1


def new_table(folder: Any, n: int) -> Any:
    import pandas as pd

    table = pd.DataFrame({"frame": range(n), "scale": np.linspace(0.9, 1.1, n), "offset": 10.0})
    write_csv(folder / "b.csv", table)
    return folder / "b.csv"
