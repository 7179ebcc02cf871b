"""Settings of one stage in a row that folds: what they change, which differ, back to defaults."""

from __future__ import annotations

from typing import Any

import panel as pn
import panel_material_ui as pmui

from components.plots.colours import THRESHOLD
from components.widgets.settings_form import field
from fibsem_dash.params import SettingsParams

MARKED = {"border-left": f"4px solid {THRESHOLD}", "padding-left": "2px"}
PLAIN = {"border-left": "4px solid transparent", "padding-left": "2px"}


class StageCard(pn.viewable.Viewer):  # type: ignore[misc]
    """Fields of a group of settings; those that differ from the default carry an orange edge.

    The fields are made when the card is opened first.

    Parameters
    ----------
    title : str
        Name of the stage.
    text : str
        One line: what the settings change.
    model : SettingsParams
        The settings.
    leave_out : tuple of str
        Settings that have their place elsewhere.
    action : viewable, optional
        A button of this stage, seen also while the card is closed.
    """

    def __init__(
        self,
        title: str,
        text: str,
        model: SettingsParams,
        leave_out: tuple[str, ...] = (),
        action: Any = None,
        **values: Any,
    ) -> None:
        super().__init__(**values)
        self.model = model
        self.names = [n for n in model.param if n != "name" and n not in leave_out]
        self.fields: dict[str, Any] = {}
        self.title = pmui.Button(
            label=title, variant="text", color="default", width=170, margin=0,
            sx={"justifyContent": "flex-start", "textTransform": "none", "fontSize": "15px",
                "color": "text.primary", "&:hover": {"backgroundColor": "action.hover"}},
        )  # fmt: skip
        self.title.on_click(lambda _event: self.fold())
        self.text = pmui.Typography(
            text, variant="body2", sx={"opacity": 0.75}, sizing_mode="stretch_width", margin=(8, 4)
        )
        self.count = pmui.Chip("", size="small", color="warning", visible=False, margin=(6, 8))
        self.reset = pmui.Button(
            label="Defaults", icon="restart_alt", variant="text", size="small", margin=(8, 8)
        )
        self.reset.on_click(lambda _event: self.restore())
        self._fields = pn.FlexBox(sizing_mode="stretch_width", margin=(0, 0, 4, 0))
        actions = [] if action is None else [action]
        header = pn.Row(
            self.title, self.text, *actions, self.count, sizing_mode="stretch_width", margin=0
        )
        self.card = pmui.Card(
            self._fields, header=header, collapsed=True, sizing_mode="stretch_width",
            margin=(3, 6), elevation=0, variant="outlined",
            sx={"& .MuiCardHeader-root": {"padding": "2px 8px"}},
        )  # fmt: skip
        self.card.param.watch(lambda event: self.fill() if not event.new else None, "collapsed")
        model.param.watch(lambda *_e: self.mark(), self.names)
        self.mark()

    @property
    def changed(self) -> list[str]:
        """Settings that differ from their defaults."""
        default = type(self.model)._accepted(self.model.settings_class())
        return [n for n in self.names if getattr(self.model, n) != default[n]]

    def fold(self) -> None:
        """Open or close the card."""
        self.card.collapsed = not self.card.collapsed

    def fill(self) -> None:
        """Make the fields."""
        if self.fields:
            return
        self.fields = {
            name: pn.Row(field(self.model, name), styles=PLAIN, margin=(2, 4))
            for name in self.names
        }
        self._fields[:] = [*self.fields.values(), self.reset]
        self.mark()

    def mark(self) -> None:
        """Show which settings differ."""
        changed = self.changed
        self.count.param.update(label=f"{len(changed)} changed", visible=bool(changed))
        self.reset.disabled = not changed
        for name, row in self.fields.items():
            styles = MARKED if name in changed else PLAIN
            if row.styles != styles:
                row.styles = styles

    def restore(self) -> None:
        """Return the settings of this card to their defaults."""
        default = type(self.model)._accepted(self.model.settings_class())
        self.model.param.update(**{name: default[name] for name in self.names})

    def __panel__(self) -> Any:
        return self.card
