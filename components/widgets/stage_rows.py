"""A row with a bar for each stage of a job."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import panel as pn

from components.plots.colours import BAD, INLIER, THRESHOLD, Y
from fibsem_dash.compute.progress import STAGE_TITLES
from fibsem_dash.jobs import JobRecord, StageProgress
from fibsem_dash.registration.run_store import STAGES
from fibsem_dash.units import format_duration

STYLE = f"""
:host {{ display: block; }}
table {{ width: 100%; border-collapse: collapse; font: 13px Roboto, sans-serif;
  color: var(--mui-palette-text-primary, inherit); font-variant-numeric: tabular-nums; }}
th {{ text-align: right; font-weight: 500; opacity: .75; padding: 2px 8px; font-size: 12px; }}
td {{ text-align: right; padding: 3px 8px; white-space: nowrap; height: 22px; }}
th:first-child, td:first-child {{ text-align: left; width: 130px; }}
td.bar {{ width: 40%; min-width: 120px; }}
.track {{ height: 10px; border-radius: 5px; overflow: hidden;
  background: color-mix(in srgb, currentColor 14%, transparent); }}
.fill {{ height: 100%; background: {Y}; }}
.done .fill {{ background: {INLIER}; }}
.failed .fill {{ background: {BAD}; }}
.cancelled .fill, .interrupted .fill {{ background: {THRESHOLD}; }}
.pending td {{ opacity: .5; }}
.bad {{ border-left: 4px solid {THRESHOLD}; padding-left: 4px; }}
"""

WORDS = {
    "pending": "waiting", "done": "done", "failed": "failed", "cancelled": "stopped",
    "interrupted": "interrupted", "running": "",
}  # fmt: skip


def planned_stages(record: JobRecord) -> list[StageProgress]:
    """Return the stages of a job, those to come included, so that no row comes later."""
    begun = {stage.name: stage for stage in record.stages}
    order = [*STAGES, *(name for name in begun if name not in STAGES)]
    if record.kind != "register":
        order = list(begun)
    return [begun.get(name) or StageProgress(name, "pending", 0, 0) for name in order]


def rows_html(stages: Sequence[StageProgress]) -> str:
    """Return the markup of the table; all text is escaped."""
    heads = ("Stage", "", "Items", "Rate", "Elapsed", "Left", "Failed")
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join(_row(stage) for stage in stages)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _row(stage: StageProgress) -> str:
    title = escape(STAGE_TITLES.get(stage.name, stage.name))
    state = stage.state if stage.state in WORDS else "running"
    percent = 100.0 if state == "done" else stage.percent
    begun = state != "pending"
    items = f"{stage.done} / {stage.total}" if stage.total else ("–" if begun else "")
    if stage.reused:
        items += f" ({stage.reused} reused)"
    rate = f"{stage.rate:.3g} /s" if stage.rate and stage.done else ""
    left = WORDS[state]
    if state == "running" and stage.left_s is not None:
        left = format_duration(stage.left_s)
    failed = f'<span class="bad">{stage.failed}</span>' if stage.failed else ("0" if begun else "")
    elapsed = format_duration(stage.seconds) if begun else ""
    bar = (
        f'<div class="track" role="progressbar" aria-label="{title}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{percent:.0f}">'
        f'<div class="fill" style="width:{percent:.1f}%"></div></div>'
    )
    cells = "".join(f"<td>{text}</td>" for text in (items, rate, elapsed, left, failed))
    return f'<tr class="{state}"><td>{title}</td><td class="bar">{bar}</td>{cells}</tr>'


class StageRows(pn.viewable.Viewer):  # type: ignore[misc]
    """Bar, items, rate, time and failures of each stage."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.pane = pn.pane.HTML("", stylesheets=[STYLE], sizing_mode="stretch_width", margin=4)

    def show(self, record: JobRecord) -> None:
        """Show how far a job is."""
        markup = rows_html(planned_stages(record))
        if markup != self.pane.object:
            self.pane.object = markup

    def __panel__(self) -> Any:
        return self.pane
