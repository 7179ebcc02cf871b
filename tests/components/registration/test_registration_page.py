"""The Registration page: from the form to the result, jobs, tabs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from components.demo_run import open_demo_run, visible_jobs
from components.jobs import job_registry
from components.pages.registration import RegistrationPage
from components.report_files import report_address, report_file
from components.router import Router, query_of
from components.run_result import read_result
from components.session import Session
from components.widgets.job_list import state_word
from fibsem_dash.phantom import write_phantom
from fibsem_dash.settings import from_dict
from tests.components.registration.registration_cases import finish

# Panel's table calls pandas in a way that pandas wants to drop.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")


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
