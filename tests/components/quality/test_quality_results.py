"""The Quality page: statistics, pairs of a frame, and what is saved."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import openpyxl
import pandas as pd
import pytest

from components.pages.quality import DIFFERENCES, STATISTICS
from components.quality import outputs
from components.quality.reading import Source
from fibsem_dash.cli import main
from tests.components.quality.quality_cases import quality_csv

pytestmark = pytest.mark.filterwarnings("ignore:Both .variant.:PendingDeprecationWarning")


def test_statistics_mark_the_best_and_differences_say_it_in_words(page, root):
    for name, shift in (("worse", 0.0), ("better", 0.02)):
        path = quality_csv(root / "data" / f"{name}.csv", shift=shift, seed=len(name))
        page.reader.read(Source(str(path)))
    page.lower.choice.value = STATISTICS
    summary = page.statistics.work.result
    assert summary.best_of("NCC", "median") == 1
    assert summary.best_of("NSAD", "median") == 1
    values = page.runs.entries[1].table.columns["NCC"]
    assert f'title="{float(np.median(values))!r}"' in page.statistics.table.html
    assert 'class="best"' in page.statistics.table.html
    assert page.differences.known == {}, "nothing is computed before it is looked at"
    page.lower.choice.value = DIFFERENCES
    assert {d.metric: d.verdict for d in page.differences.found()} == {
        "NSAD": "better", "NCC": "better"
    }  # fmt: skip
    assert "Better than worse" in page.differences.table.html
    page.runs.baseline = page.runs.entries[1].key
    assert {d.verdict for d in page.differences.found()} == {"worse"}
    n_known = len(page.differences.known)
    page.runs.change(page.runs.entries[0].key, label="renamed")
    assert len(page.differences.known) == n_known, "a new label computes nothing anew"
    assert {d.second for d in page.differences.found()} == {"renamed"}


def test_a_clicked_frame_shows_the_pair_of_every_run_with_a_stack(page, root):
    page.reader.read(Source(str(root / "runs" / "one")))
    page.reader.read(Source(str(quality_csv(root / "data" / "nostack.csv"))))
    page.curves._on_tap(SimpleNamespace(x=3.2))
    assert page.frame == page.session.frame == page.curves.cursor.location == 3
    (result,) = page.gallery.work.result
    assert result.error == ""
    assert result.request.box == page.runs.entries[0].table.box_at(3)
    (pane,) = page.gallery.panes.values()
    shown = pane.source.data["image"][0].copy()
    page.on_key(" ")
    assert not np.array_equal(pane.source.data["image"][0], shown)
    assert pane.figure.title.text == "one: slice 2"
    for mode in ("difference", "red-cyan"):
        page.gallery.mode.value = mode
        assert "2" in pane.figure.title.text
        assert pane.source.data["image"][0].shape == shown.shape
    page.step_frame(1)
    assert page.gallery.work.result[0].request.frame == 4


def test_a_frame_that_a_stack_does_not_have_is_told(page, root):
    page.reader.read(Source(str(root / "runs" / "one")))
    page.runs.change(page.runs.entries[0].key, offset=3)
    page.show_frame(2)
    (pane,) = page.gallery.panes.values()
    assert pane.words.visible
    assert not pane.pane.visible


def test_keys_move_the_frame_without_an_open_stack(page, root):
    page.reader.read(Source(str(quality_csv(root / "data" / "keys.csv", n=50))))
    page.step_frame(10)
    assert page.frame == 10
    page.step_frame(page.n_frames)
    assert page.frame == 50
    page.step_frame(-1000)
    assert page.frame == 0


def test_report_workbook_and_code_are_of_the_visible_runs(page, root):
    for k in range(3):
        page.reader.read(Source(str(quality_csv(root / "data" / f"save{k}.csv", seed=k))))
    page.runs.change(page.runs.entries[2].key, visible=False)
    page.save.make("xlsx")
    kind, content = page.save.work.result
    assert kind == "xlsx"
    assert openpyxl.load_workbook(io.BytesIO(content)).sheetnames == ["Summary", "save0", "save1"]
    assert page.save.bridge.payload[0] == "quality_comparison.xlsx"
    page.save.make("html")
    report = page.save.work.result[1].decode()
    assert "save1" in report
    assert "save2" not in report
    statistics = pd.read_csv(page.save.csv.callback())
    assert set(statistics["run"]) == {"save0", "save1"}


def test_copied_code_runs(page, root, tmp_path, monkeypatch):
    for k in range(2):
        page.reader.read(Source(str(quality_csv(root / "data" / f"code {k}.csv", seed=k))))
    page.runs.change(page.runs.entries[1].key, offset=2)
    python, command = page.save.texts()
    monkeypatch.chdir(tmp_path)
    import shlex

    assert main(shlex.split(command)[1:]) == 0
    assert (tmp_path / "comparison.html").read_text().count("code 1")
    (tmp_path / "comparison.html").unlink()
    namespace: dict[str, object] = {}
    exec(compile(python, "copied", "exec"), namespace)
    assert (tmp_path / "comparison.html").exists()
    assert namespace["tables"][1].frames[0] == 3
    assert outputs.report_bytes(page.runs.tables(), 0)[:15].lower() == b"<!doctype html>"
