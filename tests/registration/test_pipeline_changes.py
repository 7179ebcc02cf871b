"""What is computed again when a setting or a frame changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fibsem_dash.io import open_frame
from fibsem_dash.io.dat import write_dat
from fibsem_dash.io.tables import read_csv
from fibsem_dash.phantom import PhantomResult

N = 6
NOTHING = {"data_range": (N, 0), "keypoints": (N, 0), "pairs": (N - 1, 0), "stack": (N, 0)}
STACK = NOTHING | {"stack": (0, N)}
PAIRS = STACK | {"pairs": (0, N - 1)}
KEYPOINTS = PAIRS | {"keypoints": (0, N)}
RANGES = KEYPOINTS | {"data_range": (0, N)}

CHANGES: list[tuple[dict[str, Any], dict[str, tuple[int, int]]]] = [
    ({"output__file_name": "renamed"}, NOTHING),
    ({"quality__box": (20, 90, 30, 80)}, NOTHING),
    ({"quality__metrics": ("NCC",)}, NOTHING),
    ({"quality__nmi_bins": 64}, NOTHING),
    ({"output__order": 3}, STACK),
    ({"output__dtype": "float32"}, STACK),
    ({"output__fill_value": -3000}, STACK),
    ({"output__z_bin": 2}, STACK | {"stack": (0, N // 2)}),
    ({"output__pad": False}, STACK),
    ({"input__z_step_nm": 5}, STACK),
    ({"chain__preserve_scales": False}, STACK),
    ({"solver__drmax": 1.2}, PAIRS),
    ({"solver__seed": 1}, PAIRS),
    ({"matching__lowe_ratio": 0.6}, PAIRS),
    ({"sift__contrast_threshold": 0.03}, KEYPOINTS),
    ({"input__detector": "B"}, RANGES),
    ({"data_range__thr_min": 0.01}, RANGES),
]


@pytest.mark.parametrize(
    ("changes", "counts"), CHANGES, ids=[next(iter(changes)) for changes, _ in CHANGES]
)
def test_a_changed_setting_recomputes_its_dependents(
    changes: dict[str, Any],
    counts: dict[str, tuple[int, int]],
    phantom: PhantomResult,
    new_run: Callable[..., Any],
) -> None:
    run, fresh = new_run(phantom.files[:N]), new_run(phantom.files[:N])
    run.start()
    before = run.contents
    run.start(**changes)
    assert run.counts == counts
    fresh.start(**changes)
    assert {k: v for k, v in run.contents.items() if k in fresh.contents} == fresh.contents
    run.start()
    assert {k: v for k, v in run.contents.items() if k in before} == before


def test_a_new_box_rewrites_no_slice(phantom: PhantomResult, new_run: Callable[..., Any]) -> None:
    run = new_run(phantom.files[:N])
    run.start(output__file_name="s")
    stack = run.folder / "s.mrc"
    before = stack.stat().st_mtime_ns
    run.start(output__file_name="s", quality__box=(20, 90, 30, 80))
    assert stack.stat().st_mtime_ns == before
    table = read_csv(run.folder / "s_RegistrationQuality.csv")
    assert ((table["xa_eval"] - table["xi_eval"]) == 80).all()
    assert ((table["ya_eval"] - table["yi_eval"]) == 90).all()


def test_a_new_name_moves_the_stack(phantom: PhantomResult, new_run: Callable[..., Any]) -> None:
    run = new_run(phantom.files[:N])
    run.start(output__file_name="one")
    voxels = (run.folder / "one.mrc").read_bytes()
    run.start(output__file_name="two")
    assert [p.name for p in run.folder.glob("*.mrc")] == ["two.mrc"]
    assert (run.folder / "two.mrc").read_bytes() == voxels


def replace_frame(path: Path) -> None:
    """Write other noise into a frame whose grey levels stay the same."""
    frame = open_frame(path)
    images = {letter: frame.raw(letter) for letter in frame.detectors}
    for image in images.values():
        image[40:60, 50:80] = image[40:60, 50:80][::-1, ::-1].copy()
    write_dat(path, images, dict(frame.header))


def test_a_replaced_frame_recomputes_itself_and_its_pairs(
    copied_phantom: list[Path], new_run: Callable[..., Any]
) -> None:
    paths = copied_phantom[:N]
    run, fresh = new_run(paths), new_run(paths)
    run.start()
    replace_frame(paths[3])
    run.start()
    fresh.start()
    assert run.contents == fresh.contents
    counts = run.counts
    assert counts["data_range"] == (N - 1, 1)
    assert counts["keypoints"] == (N - 1, 1)
    assert counts["pairs"] == (N - 3, 2)


def test_a_frame_at_the_end_leaves_the_other_frames_alone(
    phantom: PhantomResult, new_run: Callable[..., Any]
) -> None:
    run = new_run(phantom.files[: N - 1])
    run.start()
    run.paths = list(phantom.files[:N])
    run.start()
    assert run.counts["data_range"] == (N - 1, 1)
    assert run.counts["keypoints"] == (N - 1, 1)
    assert run.counts["pairs"] == (N - 2, 1)


def test_a_data_set_that_was_moved_is_recognised(
    copied_phantom: list[Path], new_run: Callable[..., Any]
) -> None:
    run = new_run(copied_phantom[:N])
    run.start()
    before = run.contents
    folder = copied_phantom[0].parent.rename(copied_phantom[0].parent.with_name("moved"))
    run.paths = [folder / path.name for path in copied_phantom[:N]]
    run.start()
    assert run.counts == NOTHING
    assert run.contents == before


def test_replaced_flattening_factors_are_noticed(
    phantom: PhantomResult, new_run: Callable[..., Any], tmp_path: Path
) -> None:
    run, fresh = new_run(phantom.files[:2]), new_run(phantom.files[:2])
    file = tmp_path / "flatten.npz"
    np.savez(file, A=np.ones((192, 192)))
    run.start(output__flatten_file=str(file), output__file_name="s")
    np.savez(file, A=np.full((200, 192), 1.5))
    run.start(output__flatten_file=str(file), output__file_name="s")
    fresh.start(output__flatten_file=str(file), output__file_name="s")
    assert run.counts["stack"] == (0, 2)
    assert run.contents == fresh.contents
