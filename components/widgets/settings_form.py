"""Forms from Param models: label, help, bounds and unit come from the setting."""

from __future__ import annotations

from typing import Any

import panel as pn
import panel_material_ui as pmui
import param

from components.pages.base import CONTROL_WIDTH, card
from fibsem_dash.params import SettingsParams

WIDTH = CONTROL_WIDTH - 56
"""Width of one field, px."""


def field(model: SettingsParams, name: str) -> Any:
    """Return the widget of one setting, linked both ways."""
    parameter = model.param[name]
    options: dict[str, Any] = {"width": WIDTH, "description": parameter.doc, "margin": (4, 8)}
    if isinstance(parameter, param.Boolean):
        return pmui.Switch.from_param(parameter, **options)
    if isinstance(parameter, param.ListSelector):
        return pmui.MultiChoice.from_param(parameter, **options)
    if isinstance(parameter, param.Selector):
        return pmui.Select.from_param(parameter, **options)
    if isinstance(parameter, param.Integer):
        return pmui.IntInput.from_param(parameter, **options)
    if isinstance(parameter, param.Number):
        return pmui.FloatInput.from_param(parameter, step=_step(parameter), **options)
    if isinstance(parameter, (param.Tuple, param.List)):
        return pmui.LiteralInput.from_param(parameter, **options)
    return pmui.TextInput.from_param(parameter, **options)


def _step(parameter: param.Number) -> float:
    value = abs(parameter.default or 0.0)
    return float(f"{value / 10:.0e}") if value else 0.1


def settings_card(
    title: str, model: SettingsParams, names: list[str] | None = None, collapsed: bool = False
) -> pmui.Card:
    """Return a card with the fields of a group of settings and a button for the defaults."""
    shown = names or [n for n in model.param if n != "name"]
    reset = pmui.Button(
        label="Defaults", icon="restart_alt", variant="text", size="small", width=120
    )
    reset.on_click(lambda _event: model.reset())
    fields = [field(model, name) for name in shown]
    return card(title, pn.Column(*fields, reset), collapsed=collapsed)
