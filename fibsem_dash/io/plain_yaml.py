"""YAML as data only, of bounded size, depth and cost."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import yaml

from fibsem_dash.errors import FormatError
from fibsem_dash.io.atomic import reading

LARGEST_YAML_BYTES = 100_000
"""Longer files are not read; one with every setting has about 3000 bytes."""
DEEPEST = 20
"""Lists and groups inside each other."""
LONGEST_WORD = 4000
"""Characters without a blank between: some forms of numbers take a time that grows with their
square."""


def parse_yaml(content: bytes | str, path: str | os.PathLike[str] | None = None) -> Any:
    """Read one YAML document as plain data: numbers, text, dates, lists and mappings.

    Anchors are refused: nine lines of them can stand for a billion values.

    Parameters
    ----------
    content : bytes or str
        The document; bytes are UTF-8.
    path : path-like, optional
        Names the file in errors.

    Raises
    ------
    FormatError
        Not YAML, too long, too deep, with anchors, or with tags that ask for more than data.
    """
    if len(content) > LARGEST_YAML_BYTES:
        raise FormatError(
            "too large for a YAML file of settings",
            path=path,
            expected=f"at most {LARGEST_YAML_BYTES} bytes",
            found=len(content),
        )
    try:
        text = content.decode("utf-8") if isinstance(content, bytes) else content
        if re.search(rf"\S{{{LONGEST_WORD}}}", text):
            raise ValueError(f"a word of more than {LONGEST_WORD} characters")
        _check_events(text)
        return yaml.safe_load(text)
    except (
        yaml.YAMLError,
        ValueError,
        TypeError,
        OverflowError,
        RecursionError,
        AttributeError,
        LookupError,
    ) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise FormatError("not a YAML file", path=path, found=lines[0][:200]) from None


def read_yaml(path: str | os.PathLike[str]) -> Any:
    """Read a YAML file as `parse_yaml` does.

    Raises
    ------
    FormatError
        As there.
    AccessError
        When it cannot be read.
    """
    with reading(path), Path(path).open("rb") as file:
        # One byte more tells that there is more.
        content = file.read(LARGEST_YAML_BYTES + 1)
    return parse_yaml(content, path)


def _check_events(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if getattr(event, "anchor", None) is not None:
            raise ValueError("anchors (& and *) are not read")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise ValueError(f"more than {DEEPEST} levels")
