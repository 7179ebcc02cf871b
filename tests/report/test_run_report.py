"""Reports hold what the run holds, whatever state it is in."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from fibsem_dash.cli import main
from fibsem_dash.errors import FormatError, ParameterError
from fibsem_dash.io.tables import read_csv, read_quality, write_csv
from fibsem_dash.quality import parse_gates, read_quality_table
from fibsem_dash.registration.stack_conversion import convert_stack
from fibsem_dash.report import read_tables, write_comparison, write_run_report
from fibsem_dash.report.images import bar_length_nm, stack_pictures
from fibsem_dash.report.plots import compact, compact_frames, useful_decimals

ASSETS = Path(__file__).resolve().parents[2] / "fibsem_dash" / "report" / "assets"


def data_of(path: Path) -> Any:
    html = path.read_text(encoding="utf-8")
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html)
    return json.loads(text)


def test_the_report_holds_plots_statistics_and_problems(run_folder: Path) -> None:
    path, results = write_run_report(run_folder)
    html = path.read_text(encoding="utf-8")
    assert path == run_folder / "report.html"
    assert results == ()
    assert "7 of 8" in html
    assert "Phantom_22-01-01_000004" in html
    assert html.count("data:image/png;base64,") == 4
    data = data_of(path)
    quality = next(group for group in data["groups"] if group["id"] == "quality")
    table = read_quality_table(run_folder)
    ncc = next(panel for panel in quality["panels"] if panel["title"].startswith("NCC"))
    np.testing.assert_allclose(ncc["series"][0]["y"], table.column("NCC"), atol=1e-4)
    assert data["inputs"]["names"][0] == "Phantom_22-01-01_000000_0-0-0.dat"
    assert data["inputs"]["notes"][4]


@pytest.mark.parametrize("suffix", [".tif", ".zarr", ".h5"])
def test_the_cut_along_the_stack_is_that_of_its_mrc_file_whatever_the_format(
    run_folder: Path, suffix: str
) -> None:
    (mrc,) = run_folder.glob("*.mrc")
    wanted = stack_pictures(mrc, None)
    other = mrc.with_suffix(suffix)
    convert_stack([mrc], other)
    found = stack_pictures(other, None)
    assert "XZ cut at row" in found
    cut, cut_of_mrc = (np.asarray(pictures_of(html)[-1], float) for html in (found, wanted))
    assert cut.shape == cut_of_mrc.shape
    assert np.abs(cut - cut_of_mrc).mean() < 2
    mrc.unlink()
    record = json.loads((run_folder / "run.json").read_text(encoding="utf-8"))
    record["outputs"] = [other.name]
    (run_folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    html = write_run_report(run_folder)[0].read_text(encoding="utf-8")
    assert html.count("data:image/png;base64,") == 4


def pictures_of(html: str) -> list[Any]:
    """Return the grey levels of all pictures of a report."""
    contents = re.findall(r"data:image/png;base64,([^\"]+)", html)
    return [
        cv2.imdecode(np.frombuffer(base64.b64decode(content), np.uint8), cv2.IMREAD_GRAYSCALE)
        for content in contents
    ]


def test_a_run_that_was_stopped_has_a_report(run_folder: Path) -> None:
    for name in run_folder.iterdir():
        if name.name != "run.json":
            name.unlink()
    html = write_run_report(run_folder)[0].read_text(encoding="utf-8")
    assert "has not written its stack" in html
    assert "has not measured its stack" in html


def test_a_stack_that_cannot_be_read_does_not_stop_the_report(run_folder: Path) -> None:
    stack = next(run_folder.glob("*.mrc"))
    stack.write_bytes(stack.read_bytes()[:500])
    assert "cannot be shown" in write_run_report(run_folder)[0].read_text(encoding="utf-8")


def test_changed_settings_are_told(run_folder: Path) -> None:
    record = json.loads((run_folder / "run.json").read_text())
    record["settings"]["solver"]["drmax"] = 7.25
    (run_folder / "run.json").write_text(json.dumps(record))
    html = write_run_report(run_folder)[0].read_text(encoding="utf-8")
    assert '<td class="text">solver.drmax</td><td class="text">7.25</td>' in html


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="not a run folder"):
        write_run_report(tmp_path)


def test_the_command_line_writes_reports_and_tells_gates_by_its_status(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gates = tmp_path / "gates.yaml"
    gates.write_text("ncc.median: {min: 0.1}\nfailed_pairs: {max: 0}\n")
    assert main(["report", str(run_folder), "--gates", str(gates)]) == 0
    gates.write_text("excluded_frames: {max: 0}\n")
    assert main(["report", str(run_folder), "--gates", str(gates)]) == 4
    assert "FAILED: run: excluded_frames is 1, wanted at most 0" in capsys.readouterr().out
    gates.write_text("ncc.medain: {min: 0.1}\n")
    assert main(["report", str(run_folder), "--gates", str(gates)]) == 2
    assert main(["report", str(tmp_path)]) == 1


def test_compare_writes_report_csv_and_xlsx(run_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "old_RegistrationQuality.csv"
    table = read_quality(next(run_folder.glob("*Quality.csv")))
    write_csv(other, pd.DataFrame({"Image NSAD": table["NSAD"] * 2, "Image NCC": table["NCC"]}))
    out = [tmp_path / name for name in ("r.html", "t.csv", "t.xlsx")]
    command = ["compare", str(run_folder), str(other), "--label", "ours", "summary"]
    command += ["--baseline", "summary", "--out", str(out[0])]
    assert main([*command, "--csv", str(out[1]), "--xlsx", str(out[2])]) == 0
    names = [s["name"] for s in data_of(out[0])["groups"][0]["panels"][0]["series"]]
    assert names == ["ours", "summary"]
    told = read_csv(out[1])
    medians = told[told["measure"] == "NSAD"].set_index("run")["median"]
    assert medians["summary"] == pytest.approx(2 * medians["ours"])
    assert list(pd.read_excel(out[2], sheet_name=None)) == ["Summary", "ours", "summary 2"]
    assert main(["compare", str(other), "--baseline", "none", "--out", str(out[0])]) == 2
    assert main(["compare", str(other), "--label", "a", "b", "--out", str(out[0])]) == 2
    assert main(["compare", str(other)]) == 2


def test_equal_labels_are_told_apart(run_folder: Path) -> None:
    assert [t.label for t in read_tables([run_folder] * 3)] == ["run", "run (2)", "run (3)"]


def test_a_report_of_an_empty_table_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("frame,NCC\n")
    tables = read_tables([path])
    gates = parse_gates({"ncc.median": {"min": 0.5}})
    report, results = write_comparison(tables, tmp_path / "r.html", gates=gates)
    assert "No slice was measured" in report.read_text(encoding="utf-8")
    assert not results[0].passed
    with pytest.raises(ParameterError):
        write_comparison(tables, tmp_path / "r.html", baseline=1)


def test_register_writes_a_report_and_outlives_its_failure(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from fibsem_dash import report
    from fibsem_dash.cli.compare import write_report

    assert write_report(str(run_folder)).endswith("report.html")

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(report, "write_run_report", fail)
    assert write_report(str(run_folder)) == ""
    assert "no report was written: unexpected RuntimeError: broken" in capsys.readouterr().err


def test_values_are_rounded_to_what_a_screen_shows() -> None:
    values = np.array([5.0000012, 5.0000034, np.nan, np.inf])
    decimals = useful_decimals(5.000001, 5.000004)
    told = compact(values, decimals)
    assert told[2:] == [None, None]
    assert told[1] - told[0] == pytest.approx(2.2e-6, rel=1e-3)
    assert compact(np.array([1000.4, 3000.0]), useful_decimals(1000, 300000)) == [1000, 3000]
    assert compact_frames(np.array([3, 4, 5])) == {"start": 3, "n": 3}
    assert compact_frames(np.array([3, 5])) == [3, 5]


@pytest.mark.parametrize(
    ("width", "length"), [(3200, 500), (8000, 2000), (99, 20), (0, 0), (np.nan, 0)]
)
def test_scale_bars_are_round(width: float, length: float) -> None:
    assert bar_length_nm(width) == pytest.approx(length)


def test_the_files_of_others_are_the_ones_that_are_documented() -> None:
    documented = (ASSETS.parents[2] / "docs" / "dependencies.md").read_text(encoding="utf-8")
    for name in ("uplot.iife.min.js", "uplot.min.css"):
        assert hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() in documented
    assert "MIT" in (ASSETS / "uplot.LICENSE").read_text()
