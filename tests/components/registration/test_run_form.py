"""The form of a run: what is asked for is what the job gets."""

from __future__ import annotations

import shlex
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from components import run_estimate
from components.config import ServerConfig
from components.jobs import job_registry
from components.pages.registration import RegistrationPage
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
from components.run_presets import PRESETS
from fibsem_dash.cli.entry import build_parser
from fibsem_dash.cli.options import settings_from
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.jobs import jobs_folder
from fibsem_dash.registration.forecast import Forecast, PairTiming
from fibsem_dash.settings import RunSettings, from_dict, update

# Panel's table calls pandas in a way that pandas wants to drop.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")


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


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Workers of each timing; nothing has been timed before, and none takes time."""
    asked: list[int] = []

    def counted(_frames: object, _settings: object, workers: int) -> PairTiming:
        asked.append(workers)
        return PairTiming(0.5, 1.0, 1, 10_000_000, 1000)

    monkeypatch.setattr(run_estimate, "time_pair", counted)
    monkeypatch.setattr(run_estimate, "_timings", OrderedDict())
    return asked


def test_a_pair_is_timed_once_for_all_visitors(
    page: RegistrationPage, timed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = page.form.plan()
    first = run_estimate.estimate(plan).told
    assert run_estimate.estimate(replace(plan, name="another")).told == first
    assert len(timed) == 1
    run_estimate.estimate(replace(plan, settings=update(plan.settings, {"sift.sigma": 2.5})))
    run_estimate.estimate(replace(plan, workers=plan.workers + 1))
    assert len(timed) == 3
    monkeypatch.setattr(run_estimate, "VALID_S", -1.0)
    run_estimate.estimate(plan)
    assert len(timed) == 4


def test_a_changed_frame_is_timed_again(page: RegistrationPage, timed: list[int]) -> None:
    plan = page.form.plan()
    run_estimate.pair_timing(plan)
    middle = len(plan.used) // 2
    frames = list(plan.used)
    name, size, _ = frames[middle].identity
    frames[middle] = replace(frames[middle], identity=(name, size, 1))
    run_estimate.pair_timing(replace(plan, frames=tuple(frames)))
    assert len(timed) == 2


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
