"""`fibsem-dash settings`: every setting with default, bounds and meaning."""

from __future__ import annotations

import argparse
import textwrap
from typing import Any

from fibsem_dash.cli.options import add_settings_options, settings_from
from fibsem_dash.settings import setting_fields, to_dict


def add_parser(commands: Any, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "settings",
        parents=[common],
        help="list all settings of a registration",
        description="List all settings of a registration with their values, bounds and meaning.",
    )
    parser.add_argument("--yaml", action="store_true", help="as a file for --config")
    add_settings_options(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return its exit code."""
    values = to_dict(settings_from(arguments))
    if arguments.yaml:
        import yaml

        print(yaml.safe_dump(values, sort_keys=False, default_flow_style=None), end="")
        return 0
    group_before = ""
    for group, item in setting_fields():
        if group != group_before:
            print(f"\n{group}" if group_before else group)
            group_before = group
        value = values[group][item.name]
        unit = f" {item.metadata['unit']}" if item.metadata["unit"] else ""
        print(f"  {group}.{item.name} = {_shown(value)}{unit}{_limits(item.metadata)}")
        doc = item.metadata["doc"]
        print(textwrap.fill(doc, 78, initial_indent="      ", subsequent_indent="      "))
    return 0


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "none" if value is None else str(value).lower() if value in (True, False) else str(value)


def _limits(meta: Any) -> str:
    if meta["choices"]:
        return "   (" + " | ".join(map(str, meta["choices"])) + ")"
    if meta["bounds"]:
        return "   ({} to {})".format(*meta["bounds"])
    return ""
