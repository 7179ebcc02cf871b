"""The SIFT page: blocks of the pair."""

from __future__ import annotations

import numpy as np
import pytest

from components.pages.sift import BLOCKS, SiftPage
from tests.open_session import open_session

# Panel's table calls pandas in a way that pandas wants to drop.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")


def test_blocks_are_tried_while_their_tab_is_shown(page):
    blocks = page.blocks
    assert blocks.work.done_count == 0
    page.tabs.active = BLOCKS
    outcome = blocks.work.result
    trial, pair = outcome.blocks, page.work.result.trial
    assert outcome.pair is pair
    used, unused = blocks.map.used.data, blocks.map.unused.data
    assert len(used["x0"]) == trial.used.sum() > 10
    assert len(used["x0"]) + len(unused["x0"]) == len(trial.matches)
    np.testing.assert_allclose(used["dx"], trial.vectors[trial.used, 0])
    page.blocks.kind.value = "residual"
    longest = np.hypot(used["x1"] - used["x0"], used["y1"] - used["y0"]).max()
    left = blocks.map.used.data
    np.testing.assert_allclose(left["rx"], trial.residuals[trial.used, 0])
    assert longest > 0
    done = blocks.work.done_count
    page.tuned.params.blocks.block_size = 96
    assert blocks.work.done_count == done + 1
    assert blocks.work.result.blocks.block_size == 96
    assert page.side.note.object.startswith("Tried on a copy")
    page.tabs.active = 0
    page.tuned.params.blocks.block_size = 64
    assert blocks.work.done_count == done + 1


def test_blocks_that_give_no_transform_say_why(page):
    page.tabs.active = BLOCKS
    page.tuned.params.blocks.confidence = 1.0
    assert page.blocks.failure.visible
    assert "No transform" in page.blocks.failure.object
    page.blocks.kind.value = "residual"
    assert len(page.blocks.map.used.data["x0"]) == 0


def test_the_blocks_come_first_where_the_run_uses_them(folder):
    session = open_session(folder)
    session.settings.estimation.estimator = "blocks"
    page = SiftPage(session)
    page.__panel__()
    page.on_enter()
    assert page.tabs.active == BLOCKS
    assert page.blocks.work.done_count == 1
    page.on_leave()
    assert not page.blocks.active
