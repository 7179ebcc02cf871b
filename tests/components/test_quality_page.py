"""The Quality page without a browser: what is read, drawn, compared, shown and saved."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import openpyxl
import pandas as pd
import pytest
import tifffile

from components.config import ServerConfig
from components.pages import quality as quality_page
from components.pages.quality import DIFFERENCES, STATISTICS, QualityPage
from components.plots.quality_curves import curve_data, limits_of, styles_of
from components.quality import outputs
from components.quality.external import Evaluation, match_words
from components.quality.reading import Source, evaluation_source, note_path, with_note
from components.quality.runs import QualityRuns
from components.router import parse_query, query_of
from components.session import Session
from components.widgets import quality_add
from fibsem_dash.cli import main
from fibsem_dash.io import open_stack
from fibsem_dash.io.tables import write_csv
from fibsem_dash.phantom import write_phantom
from fibsem_dash.quality import QualityTable, find_run_stack, read_quality_table
from fibsem_dash.registration.pipeline import Registration

pytestmark = pytest.mark.filterwarnings("ignore:Both .variant.:PendingDeprecationWarning")


def quality_csv(path: Path, n: int = 200, shift: float = 0.0, seed: int = 0) -> Path:
    """Write a table whose NCC is better by `shift`."""
    rng = np.random.default_rng(seed)
    ncc = 0.8 + shift + rng.normal(0, 0.01, n)
    frame = pd.DataFrame({"frame": np.arange(1, n + 1), "NSAD": 1 - ncc, "NCC": ncc})
    write_csv(path, frame)
    return path


def table_of(values: np.ndarray, label: str = "run") -> QualityTable:
    frames = np.arange(1, values.size + 1)
    return QualityTable(label, frames, {"NCC": values}, None, "", "CSV")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with frames, a registered run below runs/, and its stack as another program has it."""
    root = tmp_path_factory.mktemp("quality").resolve()
    write_phantom(root / "data" / "raw", frames=6, size=192, seed=3)
    frames = sorted((root / "data" / "raw").glob("*.dat"))
    Registration(frames, root / "runs" / "one").run()
    with open_stack(find_run_stack(root / "runs" / "one")) as stack:
        volume = np.stack([stack[k] for k in range(len(stack))]).astype(np.int32)
    # Inverted, cropped at the top left: 12 rows, 8 columns.
    other = (volume.max() - volume)[:, 12:, 8:].astype(np.uint16)
    tifffile.imwrite(root / "data" / "other.tif", other)
    return root


class FakeJobs:
    """Runs what is submitted at once, as the process of a job would."""

    version = 0

    def __init__(self) -> None:
        self.records: list[SimpleNamespace] = []

    def submit(self, kind: str, arguments: list[str], title: str = "", folder: str = "") -> str:
        code = main([kind, *arguments, "--workers", "0"])
        name = str(len(self.records))
        state = "done" if code == 0 else "failed"
        self.records.append(
            SimpleNamespace(
                id=name, kind=kind, arguments=tuple(arguments), state=state, active=False,
                title=title, error="", created=0.0, stage=None,
            )
        )  # fmt: skip
        return name

    def get(self, name: str) -> SimpleNamespace:
        return self.records[int(name)]

    def jobs(self) -> list[SimpleNamespace]:
        return self.records


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> FakeJobs:
    fake = FakeJobs()
    monkeypatch.setattr(quality_page, "job_registry", lambda: fake)
    monkeypatch.setattr(quality_add, "job_registry", lambda: fake)
    return fake


@pytest.fixture
def page(root: Path, jobs: FakeJobs) -> QualityPage:
    page = QualityPage(Session(ServerConfig((root / "data",), root / "runs")))
    page.__panel__()
    page.on_enter()
    return page


def messages(page: QualityPage) -> str:
    return " ".join(str(alert.object) for alert in page.messages)


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
        assert len(shown.data_source.data["x"]) == 0
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


def reloaded(page):
    """Return a page that knows no more than the address of another one."""
    page.session.page = "quality"
    values = parse_query(query_of(page.session), ("data", "quality"))
    other = QualityPage(Session(page.session.config))
    other.__panel__()
    other.session.param.update(values)
    other.on_enter()
    return other


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


def test_a_run_without_a_stack_has_none(tmp_path, root):
    assert find_run_stack(tmp_path) is None
    stack = find_run_stack(root / "runs" / "one")
    assert stack.suffix == ".mrc"
    table = read_quality_table(root / "runs" / "one")
    with open_stack(stack) as opened:
        assert table.frames[-1] == len(opened) - 1
