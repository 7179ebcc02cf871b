"""Settings from and to plain data: names resolved, types converted, limits checked."""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from fibsem_dash.errors import ParameterError
from fibsem_dash.settings.stages import RunSettings


def to_dict(settings: Any) -> dict[str, Any]:
    """Return settings as plain nested dictionaries with lists, ready for JSON or YAML."""

    def plain(value: Any) -> Any:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return [plain(v) for v in value] if isinstance(value, tuple) else value

    result: dict[str, Any] = plain(settings)
    return result


def from_dict(data: Mapping[str, Any]) -> RunSettings:
    """Build run settings from nested dictionaries as `to_dict` makes them.

    Missing groups and settings keep their defaults.

    Raises
    ------
    ParameterError
        For an unknown name (the nearest is proposed) or a value outside its bounds or choices.
    """
    return update(
        RunSettings(),
        {
            f"{group}.{key}": value
            for group, values in _groups_of(data)
            for key, value in values.items()
        },
    )


def _groups_of(data: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    groups = {item.name for item in dataclasses.fields(RunSettings)}
    for group, values in data.items():
        if values is None and group in groups:
            continue
        if not isinstance(values, Mapping):
            yield from ((name, {key: values}) for name, key in [resolve_name(group)])
        else:
            yield group, values


def setting_fields() -> Iterator[tuple[str, dataclasses.Field[Any]]]:
    """Yield (group, field) of every setting, in the order of the stages."""
    for group in dataclasses.fields(RunSettings):
        for item in dataclasses.fields(getattr(RunSettings(), group.name)):
            yield group.name, item


def resolve_name(name: str) -> tuple[str, str]:
    """Split ``group.setting``; a bare setting name is enough where only one group has it.

    Raises
    ------
    ParameterError
        When no setting, or more than one, has this name.
    """
    known = [(group, item.name) for group, item in setting_fields()]
    if "." in name:
        group, _, key = name.partition(".")
        matches = [pair for pair in known if pair == (group, key)]
    else:
        matches = [pair for pair in known if pair[1] == name]
    if len(matches) == 1:
        return matches[0]
    full_names = [f"{group}.{key}" for group, key in known]
    if matches:
        options = ", ".join(f"{group}.{key}" for group, key in matches)
        raise ParameterError(f"'{name}' is ambiguous", expected=f"one of {options}")
    near = difflib.get_close_matches(name, full_names + [key for _, key in known], n=1, cutoff=0.5)
    remedy = f"Did you mean '{near[0]}'?" if near else "See `fibsem-dash settings` for the list."
    raise ParameterError(f"unknown setting '{name}'", remedy=remedy)


def update(settings: RunSettings, changes: Mapping[str, Any]) -> RunSettings:
    """Return settings with some values changed.

    Parameters
    ----------
    settings : RunSettings
        What to start from.
    changes : mapping of str to object
        New values by ``group.setting`` or unambiguous setting name; text is converted to the type
        of the setting.

    Raises
    ------
    ParameterError
        For an unknown name or a value outside its bounds or choices.
    """
    for name, value in changes.items():
        group, key = resolve_name(name)
        current = getattr(settings, group)
        item = next(f for f in dataclasses.fields(current) if f.name == key)
        checked = check_value(item, value, f"{group}.{key}", type(current))
        new_group = dataclasses.replace(current, **{key: checked})
        settings = dataclasses.replace(settings, **{group: new_group})
    return settings


def value_type(item: dataclasses.Field[Any], owner: type) -> tuple[type, bool]:
    """Return the Python type of a setting and whether it may be None."""
    hint, optional = _hint_of(item, owner)
    return typing.get_origin(hint) or hint, optional


def _hint_of(item: dataclasses.Field[Any], owner: type) -> tuple[Any, bool]:
    hint = typing.get_type_hints(owner)[item.name]
    if not (isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union):
        return hint, False
    optional = type(None) in typing.get_args(hint)
    return next(arg for arg in typing.get_args(hint) if arg is not type(None)), optional


def check_value(item: dataclasses.Field[Any], value: Any, name: str, owner: type) -> Any:
    """Convert and check one value of a setting.

    Raises
    ------
    ParameterError
        When the value has the wrong type or lies outside the bounds or choices.
    """
    hint, optional = _hint_of(item, owner)
    kind = typing.get_origin(hint) or hint
    if optional and (value is None or (isinstance(value, str) and _means_none(value))):
        return None
    try:
        converted = _convert(hint, value)
    except (TypeError, ValueError, OverflowError):
        raise ParameterError(
            f"setting {name}", expected=_wanted(item, kind), found=repr(value)
        ) from None
    default: Any = item.default
    # Settings whose default is empty hold any number of values.
    fixed_length = isinstance(default, tuple) and default and not item.metadata["choices"]
    if fixed_length and len(converted) != len(default):
        raise ParameterError(
            f"setting {name}", expected=f"{len(default)} values", found=repr(value)
        )
    _check_limits(item, converted, name, kind)
    return converted


def _means_none(text: str) -> bool:
    return text.strip().lower() in ("", "none", "null")


def _convert(hint: Any, value: Any) -> Any:
    """Convert a value to a type such as ``int`` or ``tuple[float, ...]``."""
    if typing.get_origin(hint) is not tuple:
        return _CONVERTERS[hint](value)
    element = typing.get_args(hint)[0]
    return tuple(_convert(element, v) for v in _items(value))


def _check_limits(item: dataclasses.Field[Any], value: Any, name: str, kind: type) -> None:
    choices, bounds = item.metadata["choices"], item.metadata["bounds"]
    elements = value if kind is tuple else (value,)
    if choices is not None and any(v not in choices for v in elements):
        raise ParameterError(f"setting {name}", expected=_wanted(item, kind), found=repr(value))
    if bounds is not None:
        low, high = bounds
        inside = all((low is None or v >= low) and (high is None or v <= high) for v in elements)
        if not inside:
            raise ParameterError(f"setting {name}", expected=_wanted(item, kind), found=repr(value))


def _wanted(item: dataclasses.Field[Any], kind: type) -> str:
    if item.metadata["choices"] is not None:
        prefix = "some of " if kind is tuple else "one of "
        return prefix + ", ".join(map(str, item.metadata["choices"]))
    text = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}.get(
        kind, "a list of numbers" if item.default != () else "a list of texts"
    )
    if item.metadata["bounds"] is not None:
        text += " from {} to {}".format(*item.metadata["bounds"])
    return text


def _to_bool(value: Any) -> bool:
    if isinstance(value, str):
        words = {"true": True, "yes": True, "on": True, "1": True}
        words |= {"false": False, "no": False, "off": False, "0": False}
        if value.strip().lower() not in words:
            raise ValueError(value)
        return words[value.strip().lower()]
    if value not in (0, 1):
        raise ValueError(value)
    return bool(value)


def _to_int(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError(value)
    return int(value)


def _to_float(value: Any) -> float:
    number = float(value)
    if isinstance(value, bool) or not math.isfinite(number):
        raise ValueError(value)
    return number


def _items(value: Any) -> list[Any]:
    """Return the elements of a list, also of one that is written as text."""
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("[["):
            return _items(json.loads(text))
        return [v.strip() for v in text.strip("[]()").split(",") if v.strip()]
    if isinstance(value, Mapping):
        raise TypeError(value)
    return list(value)


def _to_str(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


_CONVERTERS: dict[type, Any] = {
    bool: _to_bool,
    int: _to_int,
    float: _to_float,
    str: _to_str,
}
