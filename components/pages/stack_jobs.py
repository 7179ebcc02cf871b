"""Jobs of the Stack page: measure the quality of a stack, and write stacks anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui

from components.command_line import quoted_command
from components.pages import PAGES
from components.pages.stack_box import NO_BOX, StackBox
from components.plots.export import safe_name
from components.session import Session
from components.widgets.facts import PlainText
from components.widgets.figure_tools import CopyAsCode
from components.widgets.job_line import JobLine
from fibsem_dash.compute.executor import describe_error
from fibsem_dash.errors import AccessError
from fibsem_dash.io.atomic import access_error
from fibsem_dash.settings import METRICS

LONGEST_NAME = 120
"""Characters of the name of a table, without its suffix."""

EVALUATIONS, STACKS = "evaluations", "stacks"
"""Folders below the run root for quality tables and for stacks that the page writes."""


def free_name(folder: Path, stem: str, suffix: str) -> Path:
    """Return a path in a folder that nothing has: stem, stem-2, stem-3, ..."""
    candidate = folder / f"{stem}{suffix}"
    number = 2
    while candidate.exists():
        candidate = folder / f"{stem}-{number}{suffix}"
        number += 1
    return candidate


def make_folder(folder: Path) -> Path:
    """Make a folder below the run root.

    Raises
    ------
    AccessError
        When it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise access_error(error, folder) from error
    return folder


def box_name(box: tuple[int, ...]) -> str:
    """Return the part of a file name that tells the box; nothing for whole slices."""
    return "_box" + "-".join(map(str, box)) if any(box) else ""


class StackEvaluation(pn.viewable.Viewer):  # type: ignore[misc]
    """Measures how well neighbouring slices fit inside the box, as a job.

    Parameters
    ----------
    session : Session
        Its box, and where the table is handed on.
    box : StackBox
        Whether it slides, and the stack.
    """

    def __init__(self, session: Session, box: StackBox, width: int, **values: Any) -> None:
        super().__init__(**values)
        self.session, self.box = session, box
        self.target: Path | None = None
        self.metrics = pmui.MultiChoice(
            label="Measures", options=list(METRICS), value=["NSAD", "NCC", "NMI"],
            width=width, margin=(6, 4),
        )  # fmt: skip
        self.inverted = pmui.Checkbox(
            label="Grey levels count downwards (NSAD)", value=False, size="small", margin=(2, 4)
        )
        self.button = pmui.Button(
            label="Evaluate", icon="play_arrow", width=width // 2, size="small", margin=(4, 4)
        )
        self.button.on_click(lambda _event: self.start())
        self.code = CopyAsCode.of(self.as_code)
        self.job = JobLine(width=width)
        self.job.param.watch(lambda *_e: self._on_done(), "done_count")
        self.table_line = PlainText("", muted=True, margin=(2, 4))
        self.open = pmui.Button(
            label="Open in Quality", icon="insights", size="small", width=width, margin=(4, 4),
            visible=False,
        )  # fmt: skip
        self.open.on_click(lambda _event: self.open_in_quality())
        self._layout = pn.Column(
            self.metrics, self.inverted, pn.Row(self.button, self.code, margin=0), self.job,
            self.table_line, self.open, margin=0,
        )  # fmt: skip

    @property
    def has_quality_page(self) -> bool:
        """Whether there is a page that shows the table."""
        return any(entry.key == "quality" for entry in PAGES)

    def arguments(self, target: Path) -> list[str]:
        """Return what follows ``fibsem-dash evaluate``."""
        volume = self.box.planes.volume
        assert volume is not None
        parts = [
            str(volume.path),
            "--metrics",
            ",".join(self.metrics.value or ()),
            "--out",
            str(target),
        ]
        if self.box.is_set:
            parts += ["--box", *map(str, self.box.in_slices)]
        if self.box.stop_in_slices:
            parts += ["--stop-box", *map(str, self.box.stop_in_slices)]
        return parts + (["--invert"] if self.inverted.value else [])

    def start(self) -> None:
        """Put the evaluation in the queue."""
        volume = self.box.planes.volume
        if volume is None or self.job.active:
            return
        if not self.metrics.value:
            self.job.tell("Choose at least one measure.")
            return
        try:
            folder = make_folder(self.session.config.run_root / EVALUATIONS)
        except AccessError as error:
            self.job.tell(describe_error(error))
            return
        end = f"{box_name(self.session.box)}_RegistrationQuality"
        # The name of a stack may be as long as a name may be: its end is what is left out.
        stem = safe_name(volume.path.stem)[: LONGEST_NAME - len(end)] + end
        self.target = free_name(folder, stem, ".csv")
        self.table_line.text, self.open.visible = "", False
        title = f"Quality of {volume.path.name}"
        self.job.start("evaluate", self.arguments(self.target), title, str(self.target))

    def _on_done(self) -> None:
        if self.target is not None and self.target.is_file():
            self.table_line.text = f"Table: {self.target}"
            self.open.visible = self.has_quality_page

    def open_in_quality(self) -> None:
        """Hand the table over to the Quality page and go there."""
        if self.target is None:
            return
        others = [path for path in self.session.compared if path != str(self.target)]
        self.session.compared = [*others, str(self.target)]
        self.session.page = "quality"

    def as_code(self) -> tuple[str, str]:
        """Return Python and command line of the evaluation."""
        volume = self.box.planes.volume
        if volume is None:
            return "", ""
        settings = {
            "quality.box": list(self.box.in_slices if self.box.is_set else NO_BOX),
            "quality.metrics": ",".join(self.metrics.value or ()),
        } | (
            {"quality.sliding": True, "quality.stop_box": list(self.box.stop_in_slices)}
            if self.box.stop_in_slices
            else {}
        )
        python = (
            "from fibsem_dash.registration.evaluation import evaluate_stack\n"
            "from fibsem_dash.settings import RunSettings, update\n"
            f"settings = update(RunSettings(), {settings!r}).quality\n"
            f"table = evaluate_stack({str(volume.path)!r}, settings, "
            f"invert={bool(self.inverted.value)})"
        )
        target = Path(f"{volume.path.stem}_RegistrationQuality.csv")
        return python, quoted_command(["fibsem-dash", "evaluate", *self.arguments(target)])

    def __panel__(self) -> Any:
        return self._layout
