"""The Quality page: stacks of other programs are evaluated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from components.quality.external import Evaluation, match_words
from components.quality.reading import Source, evaluation_source, note_path, with_note
from components.widgets import quality_add
from tests.components.quality.quality_cases import reloaded

pytestmark = pytest.mark.filterwarnings("ignore:Both .variant.:PendingDeprecationWarning")


def test_another_programs_stack_is_found_measured_and_added(page, root, jobs):
    page.reader.read(Source(str(root / "runs" / "one")))
    external = page.external
    external.file.field.param.update(value=str(root / "data" / "other.tif"))
    assert not external.find.disabled
    external.look()
    match = external.match
    assert match.inverted
    assert match.offset == (-8, -12)
    assert "inverted grey levels" in external.words.object
    assert external.inverted.value == "yes"
    external.submit()
    assert jobs.records[0].state == "done"
    page.look_at_jobs()
    assert [entry.label for entry in page.runs.entries] == ["one", "other"]
    added = page.runs.entries[1]
    assert added.inverted
    assert added.stack == str(root / "data" / "other.tif")
    xi, xa, yi, ya = match.box_b
    assert added.table.boxes[0].tolist() == [xi, xa, yi, ya]
    # Most of the same pixels: correlation does not change with inversion.
    ours = page.runs.entries[0].table.columns["NCC"]
    assert added.table.columns["NCC"] == pytest.approx(ours, abs=0.03)
    page.show_frame(2)
    first, second = (result.view for result in page.gallery.work.result)
    assert second.current.shape == (ya - yi, xa - xi)
    # The same place of the sample: columns of the other stack are 8 less, rows 12.
    left, top = xi + 8 - first.box[0], yi + 12 - first.box[2]
    cut = first.current[top : top + ya - yi, left : left + xa - xi].astype(float)
    assert np.corrcoef(cut.ravel(), second.current.ravel())[0, 1] > 0.98
    offered = [o for o in quality_add.offers(page.session.config, jobs) if o.source.stack]
    assert [o.source.stack for o in offered] == [added.stack]


def test_an_evaluation_joins_the_list_after_a_reload_with_its_offset(page, root, jobs):
    page.reader.read(Source(str(root / "runs" / "one")))
    external = page.external
    external.file.field.param.update(value=str(root / "data" / "other.tif"))
    external.look()
    external.match = replace(external.match, z_offset=-3)
    external.submit()
    out = page.session.compared[-1]
    record = jobs.records[0]
    record.state, record.active = "running", True
    again = reloaded(page)
    assert [entry.label for entry in again.runs.entries] == ["one"]
    again.look_at_jobs()
    assert again.session.compared == page.session.compared
    record.state, record.active = "done", False
    again.look_at_jobs()
    added = again.runs.entries[1]
    assert (added.label, added.path, added.offset, added.inverted) == ("other", out, 3, True)
    # The same, once the job is forgotten.
    jobs.records.clear()
    later = reloaded(again)
    assert later.runs.entries[1] == replace(added, table=later.runs.entries[1].table)


def test_an_evaluation_that_fails_leaves_the_address(page, root, jobs):
    external = page.external
    external.file.field.param.update(value=str(root / "data" / "other.tif"))
    external.box["height"].value = external.box["width"].value = 50
    external.submit()
    assert len(page.session.compared) == 1
    jobs.records[0].state = "failed"
    page.look_at_jobs()
    assert page.session.compared == []


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"offset": "3", "stack": 5, "inverted": 1}', "[" * 50_000]
)
def test_a_note_that_makes_no_sense_changes_nothing(tmp_path, text):
    source = Source(str(tmp_path / "t.csv"), label="t", stack="/data/t.tif", offset=2)
    assert with_note(source) == source
    note_path(source.name).write_text(text)
    assert with_note(source) == source


def test_a_box_outside_of_the_stack_starts_no_job(page, root, jobs):
    external = page.external
    external.file.field.param.update(value=str(root / "data" / "other.tif"))
    external.submit()
    assert "Find the region first" in external.words.object
    external.box["height"].value = external.box["width"].value = 5000
    external.submit()
    assert external.words.severity == "error"
    assert jobs.records == []


def test_a_stack_outside_of_the_roots_is_refused(page, tmp_path, root, jobs):
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((2, 9, 9), np.uint8))
    page.reader.read(Source(str(root / "runs" / "one")))
    page.external.file.field.param.update(value=str(tmp_path / "x.tif"))
    page.external.look()
    assert "not open" in page.external.work.error
    page.external.box["height"].value = page.external.box["width"].value = 5
    page.external.submit()
    assert jobs.records == []


def test_the_command_line_of_an_evaluation_can_be_read_back():
    wanted = Evaluation("/data/a b.tif", (1, 2, 3, 4), True, ("NCC",))
    arguments = wanted.arguments(Path("/runs/t.csv"))
    source = evaluation_source(tuple(arguments))
    assert (source.name, source.stack, source.inverted) == ("/runs/t.csv", "/data/a b.tif", True)
    assert evaluation_source(("/data/a.tif",)) is None


def test_words_of_a_doubtful_match_say_so():
    match = SimpleNamespace(
        box_b=(0, 10, 0, 20), offset=(3, -4), z_offset=1, inverted=False, reliable=False, ncc=0.2,
        slices=(1, 2), notes=("no common region was found with certainty",),
    )  # fmt: skip
    words = match_words(match, "run")
    assert words.startswith("Not certain")
    assert "10 × 20 px" in words
    assert words.endswith("No common region was found with certainty.")
