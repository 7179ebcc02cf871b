"""Settings of a single pair that differ from those of the run, tried live."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import panel as pn

from components.widgets.settings_form import field
from fibsem_dash.params import RunParams
from fibsem_dash.settings import RunSettings, update

SHOWN = {
    "sift": ("contrast_threshold", "sigma", "n_octave_layers", "kp_max_num"),
    "matching": ("lowe_ratio", "grow_ratio"),
    "solver": ("transform", "solver", "drmax", "max_iter", "min_matches"),
}
"""Settings that help a pair which failed, by group."""


class PairSettings(pn.viewable.Viewer):  # type: ignore[misc]
    """Fields of the settings that one pair may have of its own.

    Parameters
    ----------
    on_change : callable
        Called after every change by the user.
    """

    def __init__(self, on_change: Callable[[], None], **values: Any) -> None:
        super().__init__(**values)
        self.of_run = RunSettings()
        self.params = RunParams(self.of_run)
        self._on_change = on_change
        self._quiet = False
        for group, names in SHOWN.items():
            self.params.groups[group].param.watch(lambda *_e: self._changed(), list(names))

    def _changed(self) -> None:
        if not self._quiet:
            self._on_change()

    def start(self, settings: RunSettings, changes: Mapping[str, Any]) -> None:
        """Show the settings of a run, with those of a pair in them."""
        self.of_run = settings
        wanted = update(settings, changes) if changes else settings
        self._quiet = True
        try:
            for group in SHOWN:
                model = self.params.groups[group]
                model.param.update(**type(model)._accepted(getattr(wanted, group)))
        finally:
            self._quiet = False

    @property
    def settings(self) -> RunSettings:
        """Settings that the pair is tried with."""
        groups = {group: self.params.groups[group].to_settings() for group in SHOWN}
        return dataclasses.replace(self.of_run, **groups)

    @property
    def changes(self) -> dict[str, Any]:
        """What differs from the run, by ``group.setting``."""
        now = self.settings
        return {
            f"{group}.{item.name}": getattr(getattr(now, group), item.name)
            for group in SHOWN
            for item in dataclasses.fields(getattr(now, group))
            if getattr(getattr(now, group), item.name)
            != getattr(getattr(self.of_run, group), item.name)
        }

    def __panel__(self) -> Any:
        return pn.Column(
            *(field(self.params.groups[g], name) for g, names in SHOWN.items() for name in names),
            margin=0,
        )
