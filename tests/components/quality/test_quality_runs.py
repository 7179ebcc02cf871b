"""The Quality page: which runs are in its list."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from components.pages.quality import QualityPage
from components.plots.quality_curves import styles_of
from components.quality.reading import Source
from components.quality.runs import QualityRuns
from components.router import parse_query, query_of
from components.session import Session
from fibsem_dash.io import open_stack
from fibsem_dash.quality import find_run_stack, read_quality_table
from tests.components.quality.quality_cases import messages, quality_csv, table_of

pytestmark = pytest.mark.filterwarnings("ignore:Both .variant.:PendingDeprecationWarning")


def test_an_empty_page_says_what_to_do_and_its_button_does_it(page):
    assert page.nothing.visible
    assert not page.pictures.visible
    page.add_newest()
    assert [entry.label for entry in page.runs.entries] == ["one"]
    assert page.pictures.visible
    page.layout.get_root()


def test_the_open_run_is_in_the_list_once_and_stays_off_when_taken_off(page, root):
    page.session.run_folder = str(root / "runs" / "one")
    assert [entry.label for entry in page.runs.entries] == ["one"]
    page.runs.remove(page.runs.entries[0].key)
    page.on_enter()
    assert page.runs.entries == []


def test_uploads_are_read_and_bad_ones_are_told_apart(page, tmp_path):
    good = quality_csv(tmp_path / "good.csv").read_bytes()
    page.reader.read(
        Source("good_RegistrationQuality.csv", good),
        Source("bad.csv", b"a,b\n1,2\n"),
        Source("<b>junk</b>.xlsx", b"\x00\x01"),
        Source("empty.csv", b""),
    )
    assert [entry.label for entry in page.runs.entries] == ["good"]
    assert len(page.messages) == 3
    assert "bad.csv" in messages(page)
    assert page.session.compared == [], "an upload has no address"


def test_old_forms_are_read(page, root):
    folder = root / "data"
    pd.DataFrame(
        {"Image NSAD": [0.2, 0.3], "Image NCC": [0.8, 0.7], "Image MI": [0.1, 0.1]}
    ).to_csv(folder / "old.csv", index=False)
    page.reader.read(Source(str(folder / "old.csv")))
    assert page.runs.entries[0].table.form == "CSV of 2022"
    assert page.curves.metrics == ["NSAD", "NCC", "NMI", "SNR"]


def test_files_outside_of_the_roots_are_refused(page, tmp_path):
    page.reader.read(Source(str(quality_csv(tmp_path / "secret.csv"))))
    assert page.runs.entries == []
    assert "not open to the dashboard" in messages(page).replace("\\", "")


def test_a_file_is_not_added_twice(page, root):
    path = str(quality_csv(root / "data" / "twice.csv"))
    page.reader.read(Source(path))
    page.reader.read(Source(path))
    assert len(page.runs.entries) == 1
    assert "in the list already" in messages(page)


def test_labels_and_colours_of_runs_differ():
    runs = QualityRuns()
    for _ in range(10):
        runs.add(table_of(np.ones(3)))
    assert len({entry.label for entry in runs.entries}) == 10
    assert len({entry.colour for entry in runs.entries[:8]}) == 8
    styles = styles_of([(e.key, e.label, e.colour) for e in runs.entries])
    assert len({(style.colour, style.dash) for style in styles}) == 10
    first, second = (entry.key for entry in runs.entries[:2])
    runs.change(second, label=runs.entries[0].label)
    assert runs.get(second).label != runs.get(first).label
    runs.move(second, -1)
    assert runs.entries[0].key == second


def test_the_baseline_is_a_visible_run():
    runs = QualityRuns()
    keys = [runs.add(table_of(np.ones(3))) for _ in range(3)]
    runs.baseline = keys[2]
    assert runs.baseline_entry.key == keys[2]
    runs.change(keys[2], visible=False)
    assert runs.baseline_entry.key == keys[0]


def test_the_list_changes_label_colour_and_visibility(page, root):
    page.reader.read(Source(str(quality_csv(root / "data" / "list.csv"))))
    key = page.runs.entries[0].key
    row = page.list.rows[key]
    row.label.value = "AMST <b>"
    row.colour.value = "#123456"
    assert page.runs.get(key).label == "AMST <b>"
    assert page.curves.rows["NCC"].lines[key].glyph.line_color == "#123456"
    assert "AMST &lt;b&gt;" in page.statistics.table.html
    row.label.value = "  "
    assert row.label.value == "AMST <b>", "an empty label is not taken"
    row.visible.value = False
    assert page.runs.visible == []


def test_the_address_holds_the_runs(page, root, jobs):
    folder, path = str(root / "runs" / "one"), str(quality_csv(root / "data" / "url.csv"))
    page.reader.read(Source(folder), Source(path))
    page.session.page = "quality"
    query = query_of(page.session)
    values = parse_query(query, ("data", "quality"))
    assert values["compared"] == [folder, path]
    other = QualityPage(Session(page.session.config))
    other.__panel__()
    other.session.param.update(values)
    other.on_enter()
    assert [entry.path for entry in other.runs.entries] == [folder, path]


def test_too_many_runs_in_an_address_are_refused():
    query = "?page=quality&runs=" + "|".join(["/a"] * 51)
    assert "compared" not in parse_query(query, ("quality",))


def test_a_run_without_a_stack_has_none(tmp_path, root):
    assert find_run_stack(tmp_path) is None
    stack = find_run_stack(root / "runs" / "one")
    assert stack.suffix == ".mrc"
    table = read_quality_table(root / "runs" / "one")
    with open_stack(stack) as opened:
        assert table.frames[-1] == len(opened) - 1
