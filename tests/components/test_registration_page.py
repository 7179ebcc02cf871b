"""The Registration page without a browser: form, a real small run, result, queue, reports."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from tornado.web import HTTPError

from components.config import ServerConfig
from components.demo_run import open_demo_run, visible_jobs
from components.jobs import job_registry
from components.pages.registration import RegistrationPage
from components.run_presets import PRESETS
from components.report_files import report_address, report_file
from components.router import Router, query_of
from components.run_plan import (
    changed_settings,
    check_plan,
    check_space,
    command_line,
    job_arguments,
    order_note,
    suggest_name,
    write_settings,
)
from components.run_result import read_result
from components.session import Session
from components.widgets.cluster_view import Course
from components.widgets.job_list import listed, state_word
from components.widgets.log_view import LogView
from components.widgets.stage_rows import planned_stages, rows_html
from fibsem_dash.cli.entry import build_parser
from fibsem_dash.cli.options import settings_from
from fibsem_dash.compute.cluster_monitor import ClusterSample, TaskSpan, WorkerSample
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.jobs import JobRecord, LogLine, StageProgress, jobs_folder
from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.forecast import Forecast
from fibsem_dash.registration.frames import find_frames, inspect_frame
from fibsem_dash.settings import RunSettings, from_dict, update

# Panel's table calls pandas in a way that pandas wants to drop.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")

PATIENCE_S = 90.0


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight frames, of which one is broken."""
    folder = tmp_path_factory.mktemp("registration").resolve() / "raw"
    write_phantom(folder, frames=8, size=128)
    (folder / "Phantom_22-01-01_000005_0-0-0.dat").write_bytes(b"no frame")
    return folder


@pytest.fixture
def session(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    runs = tmp_path.resolve() / "runs"
    monkeypatch.setenv("FIBSEM_DASH_ROOTS", str(raw.parent))
    monkeypatch.setenv("FIBSEM_DASH_RUN_ROOT", str(runs))
    monkeypatch.delenv("FIBSEM_DASH_DEMO_ONLY", raising=False)
    job_registry.cache_clear()
    session = Session(ServerConfig((raw.parent,), runs))
    session.open_frames(
        str(raw), [inspect_frame(i, str(p)) for i, p in enumerate(find_frames(raw))]
    )
    yield session
    registry = job_registry()
    for record in registry.jobs():
        registry.cancel(record.id)
    wait_for(lambda: not any(r.active for r in registry.jobs()))
    registry.close()
    job_registry.cache_clear()


@pytest.fixture
def page(session: Session) -> RegistrationPage:
    page = RegistrationPage(session)
    page.__panel__()
    # Timing a pair starts processes; one test asks for it.
    page.form.ask = lambda: None  # type: ignore[method-assign]
    page.on_enter()
    page.form.workers.value = 1
    return page


def wait_for(condition: object) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        job_registry().refresh()
        time.sleep(0.1)


def finish(page: RegistrationPage) -> JobRecord:
    def ended() -> bool:
        page.tick()
        return page.view.record is not None and not page.view.record.active

    wait_for(ended)
    page.tick()
    assert page.view.record is not None
    return page.view.record


def test_a_run_goes_from_the_form_to_its_result(page: RegistrationPage) -> None:
    session = page.session
    assert page.shows_form
    assert page.form.name.value == "raw_1"
    session.settings.output.formats = ["mrc", "tif"]
    session.settings.sift.sigma = 1.8
    page.on_key("ctrl-Enter")
    assert not page.shows_form
    assert session.run_folder == str(session.config.run_root / "raw_1")
    record = finish(page)
    assert (record.state, record.exit_status) == ("done", 3)
    assert "have problems" in page.view.alert.object
    written = json.loads((Path(session.run_folder) / "run.json").read_text())
    assert from_dict(written["settings"]) == session.settings.to_settings()
    result = page.view.result.work.result
    assert (result.n_frames, result.n_used, result.n_failed) == (8, 7, 0)
    assert result.shape[0] == 7
    assert {path.suffix for path in result.stacks} == {".mrc", ".tif"}
    assert result.medians["NCC"] > 0.5
    assert list(result.problems["File"]) == ["Phantom_22-01-01_000005_0-0-0.dat"]
    assert "Writing stack" in page.view.stages.pane.object
    assert any("worker process" in line.text for line in page.view.log.known)
    # Another tab, with nothing but the address.
    other = Session(session.config)
    Router(other, ("data", "registration")).apply(query_of(session))
    second = RegistrationPage(other)
    second.__panel__()
    second.on_enter()
    assert second.view.job == record.id
    assert other.run_folder == session.run_folder
    report = report_file(session.config, "raw_1")
    assert report == Path(session.run_folder) / "report.html"
    assert report_address(session.config, Path(session.run_folder)) == "report/raw_1"
    # The same name goes on with the run; a new run gets a new name.
    page.show_form()
    assert page.form.name.value == "raw_2"
    page.form.name.value = "raw_1"
    assert page.form.start.label == "Go on"


def test_jobs_wait_in_a_queue_and_can_be_stopped_and_resumed(page: RegistrationPage) -> None:
    page.form.begin()
    first = page.view.job
    for name in ("second", "third"):
        page.show_form()
        page.form.name.value = name
        page.form.begin()
    third = page.view.job
    registry = page.registry
    assert state_word(registry.get(third)) == "place 2 in the queue"
    # A reload finds a run that has no folder yet.
    other = Session(page.session.config)
    Router(other, ("data", "registration")).apply(query_of(page.session))
    assert other.run_folder.endswith("third")
    page.move_up(third)
    assert registry.get(third).queue_place == 1
    page.view.ask_to_stop()
    assert registry.get(third).state == "cancelled"
    page.open_job(first)
    page.view.ask_to_stop()
    assert page.view.question.open
    assert registry.get(first).active
    page.view.answer(True)
    record = finish(page)
    assert record.state == "cancelled"
    assert page.view.resume.visible
    page.view.go_on()
    assert finish(page).state == "done"
    page.remove(third)
    assert third not in [r.id for r in registry.jobs()]


def test_what_cannot_run_is_refused_in_words(page: RegistrationPage) -> None:
    form = page.form
    for name, words in (
        ("", "letters, digits"),
        ("../elsewhere", "letters, digits"),
        (".hidden", "letters, digits"),
        ("a/b", "letters, digits"),
    ):
        form.name.value = name
        form.begin()
        assert words in form.problem.object.replace("\\", ""), name
        assert form.problem.visible
    form.name.value = "good"
    plan = form.plan()
    foreign = plan.run_root / "taken"
    foreign.mkdir(parents=True)
    (foreign / "notes.txt").write_text("mine")
    raw = Path(plan.folder)
    for wrong, words in (
        (replace(plan, frames=()), "no stack"),
        (replace(plan, name="taken"), "neither empty"),
        (replace(plan, scheduler="http://x"), "tcp://"),
        (replace(plan, config=ServerConfig((raw,), raw)), "raw frames"),
        (replace(plan, config=replace(plan.config, demo_only=True)), "strangers"),
        (
            replace(plan, settings=update(plan.settings, {"output.flatten_file": "/etc/hostname"})),
            "not open",
        ),
        (
            replace(plan, settings=update(plan.settings, {"quality.box": "500,10,0,10"})),
            "box",
        ),
        (
            replace(
                plan,
                settings=update(
                    plan.settings, {"input.exclude": [f.name for f in plan.frames[1:]]}
                ),
            ),
            "two frames",
        ),
    ):
        with pytest.raises(FibsemDashError, match=words):
            check_plan(wrong)
    check_plan(plan)
    with pytest.raises(FibsemDashError, match="not enough space"):
        check_space(Forecast(8, 1.0, 1, 10**9, 10**9, free_bytes=10**9))
    assert job_registry().jobs() == []


def test_the_job_gets_every_setting_exactly(page: RegistrationPage) -> None:
    form = page.form
    for preset in PRESETS.values():
        form.take(update(RunSettings(), preset))
        page.session.exclude(["a, b.dat"])
        plan = form.plan()
        path = write_settings(plan.settings, jobs_folder(plan.run_root))
        assert from_dict(yaml.safe_load(path.read_text())) == plan.settings
        assert write_settings(plan.settings, jobs_folder(plan.run_root)) == path
        parser = build_parser()
        parsed = parser.parse_args(["register", *job_arguments(plan, path)])
        assert settings_from(parsed) == plan.settings
        parsed = parser.parse_args(shlex.split(command_line(plan))[1:])
        assert settings_from(parsed) == plan.settings
        assert parsed.workers == 1


def test_the_copied_python_is_code_with_the_same_settings(page: RegistrationPage) -> None:
    page.session.settings.sift.sigma = 2.0
    text = page.form.code.copy("Python")
    compile(text, "copied", "exec")
    assert repr(changed_settings(page.session.settings.to_settings())) in text
    assert "'sift.sigma': 2.0" in text


def test_changed_settings_are_marked_and_return_to_their_defaults(page: RegistrationPage) -> None:
    card = page.form.cards["sift"]
    assert card.changed == []
    card.card.collapsed = False
    page.session.settings.sift.sigma = 2.0
    assert card.changed == ["sigma"]
    assert card.count.label == "1 changed"
    assert card.fields["sigma"].styles != card.fields["edge_threshold"].styles
    card.restore()
    assert page.session.settings.sift.sigma == 1.6
    assert not card.count.visible


def test_a_yaml_file_replaces_the_settings(page: RegistrationPage) -> None:
    page.form._on_load(type("Event", (), {"new": b"sift: {sigma: 2.5}"}))
    assert page.session.settings.sift.sigma == 2.5
    page.form._on_load(type("Event", (), {"new": b"sift: {sigma: -1}"}))
    assert page.session.settings.sift.sigma == 2.5
    assert page.form.load_note.severity == "error"


def test_the_estimate_tells_time_memory_and_disk(page: RegistrationPage) -> None:
    form = page.form
    form.work.request(form.plan())
    told = form.work.result.told
    assert told.n_frames == 7
    assert told.free_bytes > 0
    assert form.work.result.note == ""
    shuffled = replace(form.plan(), frames=form.plan().frames[::-1])
    assert "ordered otherwise" in order_note(shuffled)


def test_a_tab_works_only_while_it_is_open(page: RegistrationPage) -> None:
    page.on_enter()
    page.tabs.active = 1
    trend = page.shown_view
    assert trend.active
    page.tabs.active = 2
    pairs = page.shown_view
    assert pairs is not trend
    assert not trend.active
    page.tabs.active = 0
    assert page.shown_view is None
    page.tabs.active = 1
    assert page.shown_view is trend
    page.on_leave()
    assert not trend.active
    page.on_enter()
    assert trend.active
    page.on_leave()


@pytest.mark.parametrize(
    ("estimator", "hidden"),
    [("sift", {"estimation", "blocks"}), ("blocks", {"sift", "matching"}), ("auto", set())],
)
def test_only_groups_that_the_estimator_uses_are_shown(
    estimator: str, hidden: set[str], page: RegistrationPage
) -> None:
    page.form.estimator.value = estimator
    assert page.session.settings.to_settings().estimation.estimator == estimator
    assert {name for name, c in page.form.cards.items() if not c.card.visible} == hidden
    assert page.form.estimator_words.object


def test_a_box_drawn_elsewhere_is_taken_with_one_click(page: RegistrationPage) -> None:
    form, quality = page.form, page.session.settings.quality
    assert not form.take_box.visible
    page.session.box = (10, 60, 20, 50)
    assert form.take_box.visible
    quality.sliding = True
    form.use_box()
    assert form.plan().settings.quality.box == (10, 60, 20, 50)
    assert not form.plan().settings.quality.sliding
    assert not form.take_box.visible
    page.session.box = (0, 0, 0, 0)
    assert not form.take_box.visible


def test_names_of_new_runs_are_free(tmp_path: Path) -> None:
    (tmp_path / "a_b_1").mkdir()
    assert suggest_name(tmp_path, "/x/a b") == "a_b_2"
    assert suggest_name(tmp_path, "/x/a b", [str(tmp_path / "a_b_2")]) == "a_b_3"
    assert suggest_name(tmp_path, "/") == "run_1"


def test_reports_are_those_of_runs_below_the_run_root(session: Session, raw: Path) -> None:
    root = session.config.run_root
    for name in ("run", "no-run"):
        (root / name).mkdir(parents=True)
        (root / name / "report.html").write_text("<p>")
    (root / "run" / "run.json").write_text('{"schema_version": 1}')
    (raw.parent / "run.json").write_text("{}")
    (raw.parent / "report.html").write_text("<p>")
    (root / "link").symlink_to(raw.parent)
    assert report_file(session.config, "run") == root / "run" / "report.html"
    for name in ("no-run", "absent", "../..", "link", str(raw.parent), "."):
        with pytest.raises((FibsemDashError, HTTPError)):
            report_file(session.config, name)
    (root / "run" / "report.html").unlink()
    (root / "run" / "report.html").symlink_to(raw.parent / "report.html")
    with pytest.raises((FibsemDashError, HTTPError)):
        report_file(session.config, "run")
    assert report_address(session.config, raw) == ""


def test_a_folder_without_a_run_has_no_result(tmp_path: Path) -> None:
    assert read_result(str(tmp_path)) is None


def test_the_demo_is_registered_once(session: Session) -> None:
    write_phantom(session.config.demo_folder, frames=4, size=64)
    folder = open_demo_run(session.config)
    assert folder == str(session.config.demo_run)
    assert open_demo_run(session.config) == folder
    records = job_registry().jobs()
    assert [record.title for record in records] == ["Demo"]
    public = replace(session.config, demo_only=True)
    assert visible_jobs(public, records) == records
    assert visible_jobs(public, [replace(records[0], folder="/other")]) == []
    elsewhere = replace(session.config, run_root=Path("/elsewhere"))
    assert open_demo_run(elsewhere) == ""


def record(state: str = "running", **values: object) -> JobRecord:
    base = JobRecord("20260101-000000-aaaaaa", "register", "t", "/r", (), (), state)  # type: ignore[arg-type]
    return replace(base, **values)  # type: ignore[arg-type]


def test_rows_show_every_stage_from_the_start_and_escape_text() -> None:
    stage = StageProgress("<b>", "running", 10, 4, reused=1, failed=2, rate=2.0, left_s=3.0)
    stages = planned_stages(record(stages=(stage,)))
    assert len(stages) == 7
    markup = rows_html(stages)
    assert "<b>" not in markup
    assert 'aria-valuenow="40"' in markup
    assert "4 / 10 (1 reused)" in markup
    assert "3.0 s" in markup


def test_the_list_begins_with_what_runs_and_waits() -> None:
    records = [record("done", id=str(k)) for k in range(30)]
    waiting = [record("queued", id="b", queue_place=2), record("queued", id="a", queue_place=1)]
    shown = listed([*records, *waiting, record(id="r")])
    assert [r.id for r in shown[:4]] == ["r", "a", "b", "0"]
    assert len(shown) == 12


def test_the_log_is_filtered_by_level_and_words() -> None:
    view = LogView()
    view.add([LogLine(1, 0.0, "info", "Alpha"), LogLine(2, 0.0, "warning", "<i>beta</i>")])
    assert [line[2] for line in view.lines.lines] == ["Alpha", "<i>beta</i>"]
    view.level.value = "Warnings"
    assert [line[2] for line in view.lines.lines] == ["<i>beta</i>"]
    view.level.value = "All"
    view.search.value_input = "alp"
    assert [line[2] for line in view.lines.lines] == ["Alpha"]
    assert view.last == 2


def test_the_course_of_a_cluster_has_a_curve_for_each_worker() -> None:
    course = Course()
    for k in range(3):
        workers = tuple(
            WorkerSample(str(n), f"tcp://{n}", 50.0 + n, 10**6 * (k + 1), 0, 0, 0, 1)
            for n in range(2)
        )
        tasks = (TaskSpan("f", "tcp://1", "compute", 100.0 + k, 100.5 + k),)
        course.add(ClusterSample(100.0 + k, workers, tasks))
    assert course.curves("memory_bytes", 1e-6)["ys"] == [[1, 2, 3], [1, 2, 3]]
    assert course.curves("cpu_percent", 1.0)["xs"][0] == [0, 1, 2]
    spans = course.spans()
    assert spans["row"] == [1, 1, 1]
    assert spans["left"] == [0, 1, 2]
    assert course.window == (0.0, 10.0)
