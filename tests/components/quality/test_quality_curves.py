"""The Quality page: curves, their limits and their range."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from components.plots.quality_curves import curve_data, limits_of
from components.quality.reading import Source
from fibsem_dash.io.tables import write_csv
from tests.components.quality.quality_cases import quality_csv, table_of

pytestmark = pytest.mark.filterwarnings("ignore:Both .variant.:PendingDeprecationWarning")


@pytest.mark.parametrize("columns", [50, 300, 1000])
def test_decimated_curves_keep_every_outlier(columns):
    rng = np.random.default_rng(1)
    values = rng.normal(0.8, 0.01, 17_000)
    values[[5, 4321, 16_999]] = [0.1, 0.2, 1.5]
    data = curve_data(table_of(values), "NCC", 0, 17_001, columns)
    assert len(data["x"]) <= 2 * columns + 2
    assert data["y"].min() == pytest.approx(0.1)
    assert data["y"].max() == pytest.approx(1.5)
    # Every point is one of the table.
    assert np.array_equal(data["y"], values.astype(np.float32)[data["x"].astype(int) - 1])


def test_zoomed_curves_have_all_points_of_the_part():
    values = np.arange(10_000.0)
    data = curve_data(table_of(values), "NCC", 200, 300, 1000)
    assert data["x"][0] <= 200
    assert data["x"][-1] >= 300
    assert np.all(np.diff(data["x"]) == 1)
    nothing = curve_data(table_of(values), "NMI", 0, 10, 100)
    assert nothing["x"].size == 0


def test_robust_limits_leave_outliers_out_and_full_ones_do_not():
    values = np.full(1000, 0.8) + np.linspace(0, 0.01, 1000)
    values[500] = 0.1
    low, high = limits_of([table_of(values)], "NCC")
    assert low > 0.79
    assert limits_of([table_of(values)], "NCC", robust=False)[0] < 0.1
    # A run that is different as a whole is still seen.
    assert limits_of([table_of(values), table_of(np.full(10, 0.5))], "NCC")[0] < 0.5 < high
    assert limits_of([], "NCC") == (0.0, 1.0)


def test_a_muted_or_hidden_run_is_that_in_all_rows(page, root):
    for k in range(2):
        page.reader.read(Source(str(quality_csv(root / "data" / f"mute{k}.csv", seed=k))))
    key = page.runs.entries[0].key
    rows = list(page.curves.rows.values())
    assert len(rows) == 3
    drawn = {line.id for row in rows for line in (row.lines[key], row.samples[key])}
    for row in rows:
        (callback,) = row.legend.js_event_callbacks["legend_item_click"]
        assert {line.id for line in callback.args["runs"][key]} == drawn
        # What the legend refers to never changes, or it would be made anew with every zoom.
        (shown,) = row.legend.items[0].renderers
        assert shown is row.samples[key]
        assert np.isnan(shown.data_source.data["y"]).tolist() == [True]
    page.runs.change(key, visible=False)
    assert all(key not in row.lines for row in rows)
    assert [len(row.legend.items) for row in rows] == [1, 1, 1]


def test_a_range_is_drawn_again_at_the_resolution_of_the_screen(page, root):
    page.reader.read(Source(str(quality_csv(root / "data" / "long.csv", n=9000))))
    row = page.curves.rows["NCC"]
    (source,) = row.sources.values()
    coarse = len(source.data["x"])
    assert coarse < 2100
    page.curves._on_ranges(SimpleNamespace(x0=100.0, x1=200.0))
    xs = source.data["x"]
    assert np.all(np.diff(xs) == 1)
    assert xs[0] < 100 < 200 < xs[-1]
    page.curves.fit()
    assert len(source.data["x"]) == coarse


def test_a_double_click_shows_the_full_range_and_f_takes_it_back(page, root):
    path = quality_csv(root / "data" / "range.csv", n=1000)
    frame = pd.read_csv(path)
    frame.loc[500, "NCC"] = 0.1
    write_csv(path, frame)
    page.reader.read(Source(str(path)))
    row = page.curves.rows["NCC"]
    robust = row.figure.y_range.start
    page.curves._toggle(row)
    assert row.figure.y_range.start < 0.1 < robust
    page.on_key("f")
    assert row.figure.y_range.start == robust


def test_an_offset_moves_a_run_along_the_frames(page, root):
    page.reader.read(Source(str(quality_csv(root / "data" / "offset.csv", n=20))))
    key = page.runs.entries[0].key
    page.list.rows[key].offset.value = 5
    (source,) = page.curves.rows["NCC"].sources.values()
    assert source.data["x"].tolist() == list(range(6, 26))
    assert page.runs.tables()[0].frames[0] == 6
