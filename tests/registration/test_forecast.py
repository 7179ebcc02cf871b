"""The forecast of a run: what it adds up, not how long it takes on this machine."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from fibsem_dash.registration import forecast as module
from fibsem_dash.registration.forecast import Forecast, forecast, free_space
from fibsem_dash.registration.frames import inspect_frame
from fibsem_dash.settings import RunSettings, update


def test_a_run_in_this_process_has_no_start_and_takes_its_disk(phantom: Any, tmp_path: Any) -> None:
    infos = [inspect_frame(k, str(p)) for k, p in enumerate(phantom.files)]
    settings = update(RunSettings(), {"output.pad": False, "output.z_bin": 5})
    told = forecast(infos, settings, 0, tmp_path / "not" / "yet")
    assert told.n_frames == 12
    assert told.start_seconds == 0
    assert told.seconds > 0
    assert told.stack_bytes == 3 * 192 * 192 * 2
    assert told.cache_bytes > 12 * 10_000
    assert told.worker_bytes > 50_000_000
    assert told.free_bytes is not None
    assert told.fits


@pytest.mark.parametrize("cores", [1, 2])
def test_time_is_that_of_the_workers_that_really_run_plus_their_start(
    cores: int, phantom: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    infos = [inspect_frame(k, str(p)) for k, p in enumerate(phantom.files)]
    monkeypatch.setattr(module, "usable_cores", lambda: cores)
    monkeypatch.setattr(module, "_try_pair", constant_trial)
    told = forecast(infos, RunSettings(), 4)
    # More workers than cores take turns.
    assert told.seconds - told.start_seconds == pytest.approx(12 * 0.5 / cores)
    assert told.start_seconds > 0
    assert told.free_bytes is None


def constant_trial(*_arguments: Any) -> tuple[float, int, int]:
    return 0.5, 100, 10


@pytest.mark.parametrize(
    ("estimator", "blocks", "with_keypoints"),
    [("sift", {}, True), ("blocks", {}, False), ("auto", {}, False),
     ("auto", {"blocks.min_share": 1.0, "blocks.confidence": 0.99}, True)],
)  # fmt: skip
def test_only_what_the_estimator_needs_is_tried(
    estimator: str, blocks: dict[str, Any], with_keypoints: bool, phantom: Any, tmp_path: Any
) -> None:
    sample = tuple(inspect_frame(k, str(p)) for k, p in enumerate(phantom.files[5:7]))
    settings = update(RunSettings(), {"estimation.estimator": estimator, **blocks})
    assert module._timed_pair((sample, settings, str(tmp_path))) > 0
    assert any(tmp_path.rglob("keypoints/**/*.npz")) == with_keypoints


def test_more_neighbours_take_more_correlations(
    phantom: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = tuple(inspect_frame(k, str(p)) for k, p in enumerate(phantom.files[5:7]))
    # Start, after the pair, after both spectra: 5 s for the pair, 1 s for each spectrum.
    ticks = iter([0.0, 5.0, 7.0, 0.0, 5.0, 7.0])
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(ticks))
    times = []
    for reach in (1, 3):
        named = {"estimation.estimator": "blocks", "estimation.neighbours": reach}
        settings = update(RunSettings(), named)
        folder = str(tmp_path / str(reach))
        times.append(module._time_blocks(sample, [(0.0, 1000.0)] * 2, settings, folder)[0])
    assert times == [1.0 + 3.0, 1.0 + 3 * 3.0]


def test_free_space_is_that_of_the_nearest_folder_that_exists(tmp_path: Any) -> None:
    found = free_space(tmp_path / "a" / "b")
    assert found == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.05)
    assert not (tmp_path / "a").exists()


def test_a_run_that_the_disk_cannot_hold_does_not_fit() -> None:
    assert not Forecast(1, 1.0, 1, 60, 41, free_bytes=100).fits
    assert Forecast(1, 1.0, 1, 60, 40, free_bytes=100).fits
    assert Forecast(1, 1.0, 1, 60, 40).fits
