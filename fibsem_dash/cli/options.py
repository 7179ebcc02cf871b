"""Options that several commands share, and what they make of settings."""

from __future__ import annotations

import argparse
from typing import Any

from fibsem_dash.errors import FormatError, ParameterError
from fibsem_dash.settings import ESTIMATORS, TRANSFORMS, RunSettings, from_dict, update


def add_compute_options(parser: argparse.ArgumentParser) -> None:
    """Add --workers and --scheduler."""
    group = parser.add_argument_group("where it runs")
    group.add_argument(
        "--workers",
        type=_count,
        metavar="N",
        help="worker processes on this machine; 0 runs in this process (default: one per core)",
    )
    group.add_argument(
        "--scheduler", metavar="ADDRESS", help="address of a running Dask scheduler, tcp://..."
    )


def add_settings_options(parser: argparse.ArgumentParser) -> None:
    """Add --config, --set and the shortcuts of the most used settings."""
    group = parser.add_argument_group("settings (`fibsem-dash settings` lists all)")
    group.add_argument("--config", metavar="FILE.yaml", help="settings as a YAML file")
    group.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="changes",
        help="change one setting; may be repeated",
    )
    group.add_argument(
        "--estimator", choices=ESTIMATORS, help="what finds the pair transforms (default sift)"
    )
    group.add_argument("--transform", metavar="NAME", help=f"one of {', '.join(TRANSFORMS)}")
    group.add_argument("--solver", metavar="NAME", help="RANSAC or LinReg")
    group.add_argument("--formats", metavar="LIST", help="files to write, separated by commas")


def settings_from(arguments: argparse.Namespace) -> RunSettings:
    """Build the settings: defaults, then --config, then --set and the shortcuts.

    Raises
    ------
    ParameterError
        For unknown names and values out of bounds.
    FormatError
        When the configuration is not YAML with settings.
    """
    settings = RunSettings()
    if arguments.config:
        settings = from_dict(load_config(arguments.config))
    changes: dict[str, Any] = {}
    for item in arguments.changes:
        key, equals, value = item.partition("=")
        if not equals:
            raise ParameterError("--set", expected="KEY=VALUE", found=item)
        changes[key.strip()] = value.strip()
    for name, key in (
        ("estimator", "estimation.estimator"),
        ("transform", "solver.transform"),
        ("solver", "solver.solver"),
        ("formats", "output.formats"),
    ):
        value = getattr(arguments, name)
        if value is not None:
            changes[key] = _TRANSFORM_ALIASES.get(value, value)
    return update(settings, changes)


_TRANSFORM_ALIASES = {
    "ShiftTransform": "shift",
    "XScaleShiftTransform": "x_scale_shift",
    "ScaleShiftTransform": "scale_shift",
    "AffineTransform": "affine",
    "RegularizedAffineTransform": "regularized_affine",
}
"""Class names of the models, which users know from notebooks."""


def load_config(path: str) -> dict[str, Any]:
    """Read settings from a YAML file, as data only.

    Raises
    ------
    FormatError
        When it is not YAML with groups of settings.
    AccessError
        When it cannot be read.
    """
    from fibsem_dash.io.plain_yaml import read_yaml

    data = read_yaml(path)
    if data is None:
        return {}
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise FormatError(
            "no settings", path=path, expected="groups of settings", found=type(data).__name__
        )
    return data


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return value
