"""The demo in one command."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import pandas as pd
import pytest

from fibsem_dash.cli import main


def test_the_demo_ends_by_itself_in_a_script_and_says_where_things_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "demo"
    code = main(["demo", "--frames", "12", "--size", "160", "--out", str(out), "--workers", "1"])
    said = capsys.readouterr().out
    assert code == 0
    assert f"fibsem-dash serve {out}" in said
    (stack,) = (out / "run").glob("*.mrc")
    assert str(stack) in said
    pairs = pd.read_csv(out / "run" / "pairs.csv")
    # One blank frame is bridged, and the jump is found.
    assert (pairs["status"] == "excluded").sum() == 1
    assert pairs["T02"].abs().max() > 15
    with mrcfile.open(stack, permissive=False) as file:
        assert len(file.data) == 11
