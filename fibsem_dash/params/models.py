"""Param classes generated from the settings dataclasses, and back."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import param

from fibsem_dash import settings
from fibsem_dash.facts import facts_html
from fibsem_dash.settings import RunSettings, value_type


class SettingsParams(param.Parameterized):
    """A Param model of one group of settings.

    Subclasses are made by `model_of`; each parameter has the default, bounds, choices, unit and
    text of the setting of the same name.
    """

    settings_class: ClassVar[type]

    @classmethod
    def from_settings(cls, values: Any) -> SettingsParams:
        """Build the model with the values of a settings object."""
        return cls(**cls._accepted(values))

    @classmethod
    def _accepted(cls, values: Any) -> dict[str, Any]:
        """Values as the parameters take them: lists where settings hold tuples."""
        accepted = {}
        for item in dataclasses.fields(values):
            value = getattr(values, item.name)
            takes_list = isinstance(cls.param[item.name], (param.List, param.ListSelector))
            accepted[item.name] = list(value) if takes_list and value is not None else value
        return accepted

    def to_settings(self) -> Any:
        """Return a frozen settings object with the current values."""
        values = {name: getattr(self, name) for name in self._names()}
        frozen = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return self.settings_class(**frozen)

    def _repr_html_(self) -> str:
        """Table of the settings, for notebooks; forms are shown by `components.notebook`."""
        rows = [
            (name, f"{getattr(self, name)!r}: {self.param[name].doc}") for name in self._names()
        ]
        return facts_html(type(self).__name__, rows)

    @classmethod
    def _names(cls) -> list[str]:
        return [f.name for f in dataclasses.fields(cls.settings_class)]

    def reset(self) -> None:
        """Return every setting to its default."""
        self.param.update(**self._accepted(self.settings_class()))


def parameter_of(item: dataclasses.Field[Any], owner: type) -> Any:
    """Return the Param parameter of one setting."""
    kind, optional = value_type(item, owner)
    meta = item.metadata
    unit = f" ({meta['unit']})" if meta["unit"] else ""
    common: dict[str, Any] = {
        "default": item.default,
        "doc": meta["doc"] + unit,
        "label": label_of(item.name),
    }
    if kind is bool:
        return param.Boolean(**common)
    if kind in (int, float):
        number = param.Integer if kind is int else param.Number
        return number(bounds=meta["bounds"], allow_None=optional, **common)
    if kind is tuple and meta["choices"]:
        return param.ListSelector(
            default=list(common["default"]),
            objects=list(meta["choices"]),
            doc=common["doc"],
            label=common["label"],
        )
    if kind is tuple and common["default"] == ():
        return param.List(**(common | {"default": []}))
    if kind is tuple and optional:
        return param.List(allow_None=True, **common)
    if kind is tuple:
        return param.Tuple(**common)
    if meta["choices"]:
        return param.Selector(objects=list(meta["choices"]), **common)
    return param.String(**common)


def label_of(name: str) -> str:
    """Return the label of a setting: its name in words, abbreviations in capitals."""
    words = name.split("_")
    capitals = {"fov": "FOV", "nmi": "NMI", "fsc": "FSC", "l2": "L2", "kp": "key point", "b": "B"}
    capitals |= {"thr": "threshold", "num": "number", "dtype": "data type"}
    text = " ".join(capitals.get(word, word) for word in words if word != "nm")
    return text[:1].upper() + text[1:]


def model_of(settings_class: type, name: str) -> type[SettingsParams]:
    """Make the Param class of one group of settings."""
    members: dict[str, Any] = {
        f.name: parameter_of(f, settings_class) for f in dataclasses.fields(settings_class)
    }
    members["settings_class"] = settings_class
    members["__doc__"] = settings_class.__doc__
    return type(name, (SettingsParams,), members)


InputParams = model_of(settings.InputSettings, "InputParams")
DataRangeParams = model_of(settings.DataRangeSettings, "DataRangeParams")
SiftParams = model_of(settings.SiftSettings, "SiftParams")
MatchingParams = model_of(settings.MatchingSettings, "MatchingParams")
EstimationParams = model_of(settings.EstimationSettings, "EstimationParams")
BlockParams = model_of(settings.BlockSettings, "BlockParams")
SolverParams = model_of(settings.SolverSettings, "SolverParams")
ChainParams = model_of(settings.ChainSettings, "ChainParams")
OutputParams = model_of(settings.OutputSettings, "OutputParams")
QualityParams = model_of(settings.QualitySettings, "QualityParams")
ComputeParams = model_of(settings.ComputeSettings, "ComputeParams")

GROUPS: dict[str, type[SettingsParams]] = {
    "input": InputParams,
    "data_range": DataRangeParams,
    "sift": SiftParams,
    "matching": MatchingParams,
    "estimation": EstimationParams,
    "blocks": BlockParams,
    "solver": SolverParams,
    "chain": ChainParams,
    "output": OutputParams,
    "quality": QualityParams,
    "compute": ComputeParams,
}
"""Model of each group of `RunSettings`."""


class RunParams:
    """The Param models of all groups of a registration, as attributes of the groups' names.

    Parameters
    ----------
    values : RunSettings, optional
        Where to start; the defaults otherwise.
    """

    def __init__(self, values: RunSettings | None = None) -> None:
        values = values or RunSettings()
        self.groups: dict[str, SettingsParams] = {
            name: model.from_settings(getattr(values, name)) for name, model in GROUPS.items()
        }

    def __getattr__(self, name: str) -> SettingsParams:
        try:
            group: SettingsParams = self.__dict__["groups"][name]
        except KeyError:
            raise AttributeError(name) from None
        return group

    def _repr_html_(self) -> str:
        """Tables of all groups, for notebooks."""
        return "".join(group._repr_html_() for group in self.groups.values())

    def to_settings(self) -> RunSettings:
        """Return frozen settings with the current values of every group."""
        return RunSettings(**{name: group.to_settings() for name, group in self.groups.items()})
