"""Commands that analyse frames: what they print, where they write, and their exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fibsem_dash.cli import main
from fibsem_dash.frame import FIBSEMFrame
from fibsem_dash.io.dat import write_dat
from fibsem_dash.io.flatten_file import read_flatten
from tests.frame_cases import detectors


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of two frames; the current folder is another one."""
    folder = tmp_path / "raw"
    folder.mkdir()
    for k in range(2):
        write_dat(folder / f"frame_{k}.dat", detectors(k), {"PixelSize": 4.0, "DetA": "In/Lens"})
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return folder


def as_json(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert main([*map(str, arguments), "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out)


def test_snr_prints_what_the_frame_says(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = raw / "frame_0.dat"
    assert main(["snr", str(path), "--detector", "B", "--box", "8", "64", "0", "0"]) == 0
    table = capsys.readouterr().out
    assert "frame_0.dat, detector B, box 8 64 0 0" in table
    known = FIBSEMFrame(path).snr("B", (8, 64, 0, 0))
    assert f"{known.radial.snr:.5g}" in table
    data = as_json(capsys, "snr", path, "--detector", "B", "--box", 8, 64, 0, 0)
    assert list(data["snr"].values()) == list(known.values)
    assert data["curves"]["x"]["autocorrelation"] == known.x.autocorrelation.tolist()


def test_noise_prints_numbers_and_their_doubts(
    raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = raw / "frame_0.dat"
    assert main(["noise", str(path), "--dark", "-100"]) == 0
    table = capsys.readouterr().out
    assert "note: the variance does not rise" in table
    assert "I0" in table
    assert "unknown" in table
    data = as_json(capsys, "noise", path, "--dark=-100")
    assert data["fitted_dark_count"] is None
    assert data["dark_count"] == -100
    assert len(data["notes"]) == 1
    rois = ["--roi", 0, 40, 0, 40, "--roi", 50, 90, 20, 60, "--histogram-roi", 0, 90, 0, 90]
    regions = as_json(capsys, "noise", path, *rois, "--out", "rois.png")
    assert len(regions["curves"]["means"]) == 2
    assert Path("rois.png").exists()


def test_fsc_of_rows_detectors_and_frames(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = raw / "frame_0.dat", raw / "frame_1.dat"
    rows = as_json(capsys, "fsc", first, "--out", "rows.svg")
    assert max(rows["curves"]["frequencies"]) <= 0.2501
    assert rows["figure"] == "rows.svg"
    both = as_json(capsys, "fsc", first, "--other-detector", "B", "--threshold", "half-bit")
    frames = as_json(capsys, "fsc", first, second, "--reference", "--out", "frames.png")
    assert both["compared_with"] == "frame_0.dat, detector B"
    assert frames["compared_with"] == "frame_1.dat, detector A"
    assert frames["bandwidth_per_px"] > 0
    assert main(["fsc", str(first)]) == 0
    assert "its even and odd rows" in capsys.readouterr().out


def test_flatten_writes_what_a_run_reads(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [raw / "frame_0.dat", raw / "frame_1.dat"]
    data = as_json(
        capsys, "flatten", *files, "--out", "f.npz", "--bins", 8, "--ignore-y", "--figure", "f.png"
    )
    factors = read_flatten("f.npz")
    assert sorted(factors) == ["A", "B"] == sorted(data["detectors"])
    # Without terms in y all rows are equal.
    np.testing.assert_allclose(factors["A"], factors["A"][:1].repeat(96, axis=0))
    assert data["figures"] == ["f_A.png", "f_B.png"]
    assert main(["flatten", str(files[0]), "--out", "g.npz", "--detectors", "b"]) == 0
    assert list(read_flatten("g.npz")) == ["B"]
    assert "RMS residual" in capsys.readouterr().out
    assert main(["flatten", str(files[0]), "--out", "g.bin"]) == 2
    assert main(["flatten", str(files[0]), "--out", "g.npz", "--detectors", "xy"]) == 2


def test_snapshot_goes_into_the_current_folder(
    raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(raw.iterdir())
    assert main(["snapshot", str(raw / "frame_0.dat"), "--dpi", "40"]) == 0
    assert capsys.readouterr().out == "Figure: frame_0_snapshot.png\n"
    with Image.open("frame_0_snapshot.png") as picture:
        assert picture.format == "PNG"
    assert main(["snapshot", str(raw / "frame_0.dat"), "--bright", "--out", "s.svg"]) == 0
    assert sorted(raw.iterdir()) == before


def test_convert_goes_on_and_reports_failures(
    raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["convert", str(raw), "--out", "tif", "--workers", "0"]
    assert main([*command, "--detectors", "A"]) == 0
    assert "tif: 2 files written" in capsys.readouterr().out
    (raw / "frame_2.dat").write_bytes(b"broken")
    assert main(command) == 3
    out, err = capsys.readouterr()
    assert "2 files written, 2 were there already" in out
    assert err.count("failed: frame_2.dat") == 1
    assert "frame_0_In_Lens.tif" in [path.name for path in Path("tif").iterdir()]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["snr", "missing.dat"], 1, "does not exist"),
        (["snr", "{frame}", "--detector", "C"], 2, "does not hold"),
        (["snr", "{frame}", "--box", "0", "1000", "0", "0"], 2, "evaluation box"),
        (["noise", "{frame}", "--out", "x.pdf"], 2, "cannot be saved"),
        (["noise", "{frame}", "--out", "missing/x.png"], 1, "does not exist"),
        (["noise", "{frame}", "--histogram-roi", "0", "9", "0", "9"], 2, "needs --roi"),
        (
            ["noise", "{frame}", "--box", "0", "9", "0", "9", "--roi", "0", "9", "0", "9"],
            2,
            "exclude",
        ),
        (["fsc", "{frame}", "--threshold", "high"], 2, "half-bit"),
        (["snapshot", "{frame}", "--dpi", "0"], 2, "dpi"),
        (["flatten", "{frame}", "--out", "a.npz", "--degree", "90"], 2, "too few blocks"),
        (["convert", "missing", "--out", "x"], 1, "cannot be read"),
    ],
)
def test_errors_are_one_line(
    raw: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, text: str
) -> None:
    frame = str(raw / "frame_0.dat")
    assert main([word.format(frame=frame) for word in arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert text in err
    assert list(Path().iterdir()) == []
