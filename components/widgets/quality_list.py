"""The list of runs that are compared: colour, label, visible, offset, baseline, order."""

from __future__ import annotations

from typing import Any

import panel as pn
import panel_material_ui as pmui

from components.quality.runs import QualityRuns, RunEntry

SMALL: dict[str, Any] = {"size": "small", "margin": (6, 0), "width": 28}


class RunRow(pn.viewable.Viewer):  # type: ignore[misc]
    """One run in two lines."""

    def __init__(self, runs: QualityRuns, entry: RunEntry, width: int, **values: Any) -> None:
        super().__init__(**values)
        self.runs, self.key = runs, entry.key
        self._quiet = False
        self.colour = pn.widgets.ColorPicker(
            value=entry.colour, width=34, height=34, margin=(4, 0, 0, 0)
        )
        self.label = pmui.TextInput(
            label="", value=entry.label, width=width - 76, size="small", margin=(2, 4)
        )
        self.visible = pmui.ToggleIcon(
            icon="visibility_off", active_icon="visibility", value=entry.visible, size="small",
            description="Draw and compare this run", margin=(6, 0),
        )  # fmt: skip
        self.offset = pmui.IntInput(
            label="Offset",
            value=entry.offset,
            width=92,
            size="small",
            margin=(8, 4, 2, 4),
            description="Frames added to its numbers, for a stack that begins at another slice",
        )
        self.baseline = pmui.Button(label="Baseline", size="small", margin=(8, 2), width=84)
        self.up = self._button("arrow_upward", "Move up", lambda: runs.move(self.key, -1))
        self.down = self._button("arrow_downward", "Move down", lambda: runs.move(self.key, 1))
        self.remove = self._button("close", "Take off the list", lambda: runs.remove(self.key))
        self.baseline.on_click(lambda _event: runs.param.update(baseline=self.key))
        for widget, name in (
            (self.colour, "colour"), (self.label, "label"), (self.visible, "visible"),
            (self.offset, "offset"),
        ):  # fmt: skip
            widget.param.watch(lambda event, name=name: self._change(name, event.new), "value")
        self._layout = pn.Column(
            pn.Row(self.colour, self.label, self.visible, margin=0),
            pn.Row(self.offset, self.baseline, self.up, self.down, self.remove, margin=0),
            width=width, margin=(0, 0, 6, 0),
            styles={"border-bottom": "1px solid rgba(128,128,128,0.3)"},
        )  # fmt: skip

    def _button(self, icon: str, words: str, action: Any) -> Any:
        button = pmui.IconButton(icon=icon, description=words, **SMALL)
        button.on_click(lambda _event: action())
        return button

    def _change(self, name: str, value: Any) -> None:
        if self._quiet or value is None:
            return
        if name == "label" and not str(value).strip():
            self.follow()
            return
        self.runs.change(self.key, **{name: value})

    def follow(self) -> None:
        """Show what the list says of this run."""
        entry = self.runs.get(self.key)
        if entry is None:
            return
        self._quiet = True
        try:
            self.colour.value, self.label.value = entry.colour, entry.label
            self.visible.value, self.offset.value = entry.visible, entry.offset
        finally:
            self._quiet = False
        chosen = self.runs.baseline_entry
        is_baseline = chosen is not None and chosen.key == self.key
        self.baseline.variant = "contained" if is_baseline else "outlined"
        self.baseline.disabled = not entry.visible
        order = [e.key for e in self.runs.entries]
        self.up.disabled = order[0] == self.key
        self.down.disabled = order[-1] == self.key

    def __panel__(self) -> Any:
        return self._layout


class QualityList(pn.viewable.Viewer):  # type: ignore[misc]
    """All runs; rows are kept while their run is in the list.

    Parameters
    ----------
    runs : QualityRuns
        What is shown and changed.
    width : int
        Width, px.
    """

    def __init__(self, runs: QualityRuns, width: int, **values: Any) -> None:
        super().__init__(**values)
        self.runs, self.width = runs, width
        self.rows: dict[str, RunRow] = {}
        self._order: list[str] = []
        self.nothing = pmui.Typography(
            "No runs yet: add some below.", variant="body2", sx={"opacity": 0.75}, margin=(4, 4)
        )
        self._layout = pn.Column(self.nothing, margin=0)
        runs.param.watch(lambda *_e: self.refresh(), ["entries", "baseline"])
        self.refresh()

    def refresh(self) -> None:
        """Bring the rows up to date."""
        entries = self.runs.entries
        keys = [entry.key for entry in entries]
        self.rows = {key: row for key, row in self.rows.items() if key in keys}
        for entry in entries:
            if entry.key not in self.rows:
                self.rows[entry.key] = RunRow(self.runs, entry, self.width)
            self.rows[entry.key].follow()
        if keys != self._order:
            self._order = keys
            self._layout[:] = [self.rows[key] for key in keys] or [self.nothing]

    def __panel__(self) -> Any:
        return self._layout
