"""The SIFT page: settings as files and presets."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import yaml

from components.pages.sift_settings import PRESETS, settings_from_yaml, settings_yaml
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.settings import RunSettings, from_dict, update

# Panel's table calls pandas in a way that pandas wants to drop.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")


def test_settings_go_through_yaml_and_back(page):
    page.tuned.params.solver.drmax = 2.5
    page.session.settings.chain.fit_order = 1
    text = page.tuned.yaml()
    assert from_dict(yaml.safe_load(text)) == page.tuned.settings()
    page.tuned.take_preset("Defaults")
    assert page.tuned.params.solver.drmax == 1.5
    page.session.settings.chain.fit_order = 3
    page.side._on_load(SimpleNamespace(new=text.encode()))
    assert page.tuned.params.solver.drmax == 2.5
    assert page.session.settings.chain.fit_order == 3
    assert "Use for the run" in page.side.problem.object
    page.side.use_for_run()
    assert page.session.settings.chain.fit_order == 1
    assert settings_from_yaml(settings_yaml(RunSettings()).encode())[0] == RunSettings()


@pytest.mark.parametrize(
    "content",
    [b"a: [", b"\xff\xfe", b"- 1", b"", b"solver: {drmaxx: 1}", b"solver: {drmax: -1}",
     b"!!python/object/apply:os.system ['true']", b"1: 2", b"solver: 3", b"x" * 1_000_001],
)  # fmt: skip
def test_bad_files_are_told_in_words_and_change_nothing(page, content):
    before = page.tuned.settings()
    with pytest.raises(FibsemDashError):
        settings_from_yaml(content)
    if content:
        page.side._on_load(SimpleNamespace(new=content))
        assert page.side.problem.visible
        assert page.side.problem.object
    assert page.tuned.settings() == before


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_valid(name):
    assert update(RunSettings(), PRESETS[name])
