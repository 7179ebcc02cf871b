"""The page's own copy of the settings: presets, YAML, and the step to the run."""

from __future__ import annotations

import dataclasses
from typing import Any

import yaml

from components.session import Session
from fibsem_dash.errors import FormatError
from fibsem_dash.io.plain_yaml import parse_yaml
from fibsem_dash.params import RunParams
from fibsem_dash.params.models import SettingsParams
from fibsem_dash.settings import RunSettings, from_dict, resolve_name, to_dict, update

TUNED = ("sift", "matching", "solver")
"""Groups that are tuned on a copy until they are used for the run."""

PRESETS: dict[str, dict[str, Any]] = {
    "Defaults": {},
    "Quick look (2000 key points)": {"sift.kp_max_num": 2000},
    "Noisy images": {"sift.sigma": 2.4, "sift.contrast_threshold": 0.03},
    "Low contrast": {"sift.contrast_threshold": 0.015, "sift.n_octave_layers": 4},
    "Shift only": {"solver.transform": "shift"},
    "As older reports (LinReg, legacy)": {
        "solver.solver": "LinReg",
        "solver.sampling": "legacy",
        "matching.matcher": "flann",
        "matching.grow_ratio": 0.0,
    },
}
"""Starting points by name, as changes of the defaults of the tuned groups."""


def settings_yaml(settings: RunSettings) -> str:
    """Return settings as the YAML that `--config` of the command line reads."""
    return yaml.safe_dump(to_dict(settings), sort_keys=False, default_flow_style=None)


def settings_from_yaml(content: bytes) -> tuple[RunSettings, tuple[str, ...]]:
    """Read settings from YAML; return them and the groups that the file mentions.

    Raises
    ------
    FormatError
        When it is not YAML with groups of settings.
    ParameterError
        For unknown names and values out of bounds.
    """
    data = parse_yaml(content)
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise FormatError(
            "no settings in this file", expected="groups of settings", found=type(data).__name__
        )
    known = {f.name for f in dataclasses.fields(RunSettings)}
    groups = [key if key in known else resolve_name(key)[0] for key in data]
    return from_dict(data), tuple(dict.fromkeys(groups))


class TunedSettings:
    """The tuned groups of the page, apart from those of the run.

    Attributes
    ----------
    params : RunParams
        The page's copy; only its groups `TUNED` are shown.
    others : dict
        Groups that came with a file and wait for "use for the run".
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.params = RunParams(session.settings.to_settings())
        self.others: dict[str, Any] = {}

    @property
    def groups(self) -> list[SettingsParams]:
        """The tuned groups."""
        return [self.params.groups[name] for name in TUNED]

    def settings(self) -> RunSettings:
        """Return the settings of the run with the tuned groups in them."""
        tuned = {name: self.params.groups[name].to_settings() for name in TUNED}
        return dataclasses.replace(self.session.settings.to_settings(), **tuned)

    def take(self, settings: RunSettings, groups: tuple[str, ...] = TUNED) -> None:
        """Take groups of some settings into the copy."""
        for name in groups:
            values = getattr(settings, name)
            if name in TUNED:
                model = self.params.groups[name]
                model.param.update(**type(model)._accepted(values))
            elif values != self.session.settings.groups[name].to_settings():
                self.others[name] = values
            else:
                self.others.pop(name, None)

    def take_preset(self, name: str) -> None:
        """Take a preset into the copy."""
        self.take(update(RunSettings(), PRESETS[name]))

    def take_yaml(self, content: bytes) -> str:
        """Take a file into the copy; return in words what it held."""
        settings, groups = settings_from_yaml(content)
        self.take(settings, groups)
        here = [name for name in groups if name in TUNED]
        text = f"Loaded: {', '.join(here) or 'nothing for this page'}."
        if self.others:
            text += f" Also {', '.join(self.others)}, which take effect with 'Use for the run'."
        return text

    def yaml(self) -> str:
        """Return what would be saved: all settings, those of this page as they are here."""
        return settings_yaml(dataclasses.replace(self.settings(), **self.others))

    @property
    def differs(self) -> bool:
        """Whether the run would use other settings than the page shows."""
        return bool(self.others) or self.settings() != self.session.settings.to_settings()

    def use_for_run(self) -> None:
        """Copy the page's settings over to the run."""
        values = {name: self.params.groups[name].to_settings() for name in TUNED} | self.others
        for name, group in values.items():
            model = self.session.settings.groups[name]
            model.param.update(**type(model)._accepted(group))
        self.others = {}
        self.session.param.trigger("settings_changed")
