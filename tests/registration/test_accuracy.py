"""Error of the pair transforms on real tissue with known drift."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fibsem_dash.registration.frames import find_frames

LIMITS = {"regularized_affine": (0.225, 0.36), "shift": (0.225, 0.225)}


@pytest.fixture(scope="module")
def drift_case(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default case: 60 frames of 400 x 400."""
    folder = tmp_path_factory.mktemp("drift")
    subprocess.run(
        [sys.executable, str(shared / "tools" / "drift_case.py"), str(folder)], check=True
    )
    return folder


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("transform", LIMITS)
def test_pairs_are_as_accurate_as_the_tissue_allows(
    transform: str, drift_case: Path, shared: Path, new_run: Callable[..., Any]
) -> None:
    run = new_run(find_frames(drift_case))
    summary = run.start(solver__transform=transform)
    assert summary.n_problems == 0
    command = [sys.executable, str(shared / "tools" / "score_transforms.py")]
    command += [str(run.folder / "pairs.csv"), str(drift_case / "truth.json")]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    score = json.loads(output.splitlines()[-1])
    centre, corner = LIMITS[transform]
    assert score["pairs"] == 59
    assert score["centre_rms_px"] <= centre
    assert score["corner_rms_px"] <= corner
