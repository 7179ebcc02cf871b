"""The SIFT page: several settings compared on the same pairs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fibsem_dash.registration.frames import find_frames
from fibsem_dash.registration.trial_cache import TrialCache
from fibsem_dash.registration.trial_table import compare_trials, spread_pairs, variants_of
from fibsem_dash.settings import RunSettings

# Panel's table calls pandas in a way that pandas wants to drop.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")


def test_the_laboratory_fills_its_table_and_loads_a_row(page):
    lab = page.laboratory
    lab.transforms.value, lab.n_pairs.value = ["shift", "affine"], 2
    lab.start()
    assert len(lab.rows) == 8
    assert len(lab.table.value) == 4
    assert len(lab.plot.source.data["ncc"]) == 4
    assert 14 in lab.plot.source.data["size"]
    assert "★" in list(lab.table.value["efficient"])
    lab.rows_shown.value = "each pair"
    assert len(lab.table.value) == 8
    place = list(lab.table.value["transform"]).index("affine")
    lab._on_click(SimpleNamespace(row=place))
    assert page.tuned.params.solver.transform == "affine"
    lab.transforms.value = []
    lab.start()
    assert "Choose" in lab.alert.object


def test_the_laboratory_varies_one_more_setting_and_loads_its_value(page):
    lab = page.laboratory
    lab.transforms.value, lab.solvers.value, lab.n_pairs.value = ["shift"], ["RANSAC"], 1
    lab.varied.value = "sift.sigma"
    assert lab.values.visible
    lab.values.value = "1.6, 2"
    page.session.frame = 3
    lab.start()
    assert [row.changed for row in lab.rows] == ["sigma 1.6", "sigma 2"]
    assert {row.pair for row in lab.rows} == {"3 → 4"}, "one pair is that of the Pair tab"
    assert "changed" not in lab.table.hidden_columns
    lab._on_click(SimpleNamespace(row=1))
    assert page.tuned.params.sift.sigma == 2.0
    assert "Loaded: shift, RANSAC, auto, sigma 2" in lab.words.object


@pytest.mark.parametrize("text", ["much", "-3", "", " , "])
def test_values_that_make_no_sense_are_told(page, text):
    lab = page.laboratory
    lab.varied.value = "sift.sigma"
    lab.values.value = text
    lab.start()
    assert lab.alert.visible
    assert lab.alert.object
    assert lab.rows == []


def test_a_stopped_comparison_has_no_row_of_the_stopped_trial(folder):
    paths = [str(path) for path in find_frames(folder)]
    answers = iter([False, False, True, True])
    rows = compare_trials(
        spread_pairs(list(enumerate(paths)), 1),
        variants_of(RunSettings(), ["shift"], ["RANSAC"]),
        cache=TrialCache(),
        stop=lambda: next(answers),
    )
    assert list(rows) == []


def test_the_laboratory_needs_a_pair(page):
    page.side.step.value = 100
    page.laboratory.start()
    assert "no pair" in page.laboratory.alert.object
