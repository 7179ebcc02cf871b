"""Blocks: the displacements that block matching finds for the pair of the SIFT page."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui

from components.pages.sift_results import STYLE, grouped, significant
from components.plots.block_vectors import KINDS, BlockMap
from components.widgets.plain import plain
from components.widgets.state_view import StateView
from components.work import LatestWork
from fibsem_dash.registration.block_trial import BlockTrial, try_blocks
from fibsem_dash.registration.trial_result import PairTrial
from fibsem_dash.settings import RunSettings


@dataclass(frozen=True, eq=False)
class BlockOutcome:
    """Blocks of a pair with the trial whose images they were taken from."""

    pair: PairTrial
    blocks: BlockTrial


def _try(pair: PairTrial, settings: RunSettings) -> BlockOutcome:
    return BlockOutcome(pair, try_blocks(pair.first.image, pair.second.image, settings))


class BlocksView(pn.viewable.Viewer):  # type: ignore[misc]
    """Block centres with their displacements or residuals, and what they add up to.

    Works only while it is shown.
    """

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.active = False
        self._pair: PairTrial | None = None
        self._settings = RunSettings()
        self._asked: tuple[Any, ...] = ()
        self.work = LatestWork(_try)
        self.map = BlockMap()
        self.kind = pmui.RadioButtonGroup(
            options=list(KINDS), value=KINDS[0], size="small", margin=(4, 8)
        )
        self.failure = pmui.Alert(
            "", severity="warning", visible=False, sizing_mode="stretch_width", margin=(4, 8)
        )
        self.numbers = pn.pane.HTML("", stylesheets=[STYLE], width=245, margin=(0, 4))
        self.work.param.watch(lambda *_e: self.draw(), "done_count")
        self.kind.param.watch(lambda *_e: self.draw(), "value")
        words = pmui.Typography(
            "Dots, coloured by confidence: blocks that the transform rests on. Grey crosses and "
            "dashes: the others.", variant="caption", margin=(8, 8),
        )  # fmt: skip
        picture = pn.Column(
            pn.pane.Bokeh(self.map.figure, sizing_mode="stretch_both"), sizing_mode="stretch_both"
        )
        content = pn.Column(
            pn.Row(self.kind, words, sizing_mode="stretch_width", margin=0),
            pn.Row(picture, self.numbers, sizing_mode="stretch_both", margin=0),
            sizing_mode="stretch_both",
        )
        self.state = StateView(content, self.work, "The blocks of the pair appear here.")
        self._layout = pn.Column(self.failure, self.state, sizing_mode="stretch_both", margin=0)

    def show(self, pair: PairTrial, settings: RunSettings) -> None:
        """Take another pair or other settings.

        Parameters
        ----------
        pair : PairTrial
            Its images are compared.
        settings : RunSettings
            Uses blocks and solver.
        """
        self._pair, self._settings = pair, settings
        self.refresh()

    def enter(self, shown: bool) -> None:
        """Begin or stop to follow the pair."""
        self.active = shown
        self.refresh()

    def refresh(self) -> None:
        """Match the blocks, unless they are shown or nobody looks."""
        if not self.active or self._pair is None:
            return
        first, second = self._pair.first, self._pair.second
        wanted = (
            first.path, second.path, first.region, first.minimum, first.maximum, second.minimum,
            second.maximum, self._settings.input, self._settings.blocks, self._settings.solver,
        )  # fmt: skip
        if wanted != self._asked:
            self._asked = wanted
            self.work.request(self._pair, self._settings)

    def draw(self) -> None:
        """Draw the blocks that were found last."""
        outcome: BlockOutcome | None = self.work.result
        if outcome is None:
            return
        blocks = outcome.blocks
        self.map.show(blocks, outcome.pair.first.region, self.kind.value)
        self.tell("" if blocks.estimate else f"No transform: {blocks.estimate.reason}.")
        self.numbers.object = blocks_html(blocks)

    def tell(self, text: str) -> None:
        """Show why there is nothing, or nothing new."""
        self.failure.param.update(object=plain(text), visible=bool(text))

    def __panel__(self) -> Any:
        return self._layout


def blocks_html(trial: BlockTrial) -> str:
    """Return the numbers of a trial by blocks as HTML; nothing in it comes from a file."""
    e = trial.estimate
    rows = [
        ("Blocks", grouped(len(trial.matches)), ""),
        ("Side of a block", f"{trial.block_size}", "px"),
        ("with a clear peak", grouped(int(trial.confident.sum())), ""),
        ("= used", grouped(int(trial.used.sum())), ""),
        ("Mean error", significant(e.error_abs_mean), "px"),
        ("FWHM x", significant(e.fwhm_x), "px"),
        ("FWHM y", significant(e.fwhm_y), "px"),
        *(
            (name.capitalize(), significant(seconds * 1e3), "ms")
            for name, seconds in trial.seconds.items()
        ),
    ]
    lines = [
        f'<tr><td>{escape(name)}</td><td class="n">{escape(value)}</td>'
        f'<td class="u">{escape(unit)}</td></tr>'
        for name, value, unit in rows
    ]
    return f"<table>{''.join(lines)}</table>"
