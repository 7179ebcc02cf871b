"""What a run folder holds, as far as its run has come."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibsem_dash.errors import FibsemDashError, FormatError
from fibsem_dash.io.tables import read_csv
from fibsem_dash.quality import QualityTable, read_quality_table
from fibsem_dash.registration.run_store import RunStore
from fibsem_dash.settings import RunSettings, setting_fields

if TYPE_CHECKING:
    import pandas as pd

STACK_SUFFIXES = (".mrc", ".tif", ".tiff", ".zarr", ".h5")
"""Ends of the names of stacks among the outputs of a run."""


@dataclass(frozen=True)
class SettingRow:
    """One setting of a run: its name, value and default as text, whether they differ, and help."""

    name: str
    value: str
    default: str
    changed: bool
    unit: str
    doc: str


@dataclass(frozen=True)
class RunFacts:
    """Record and tables of a run folder.

    Attributes
    ----------
    folder : Path
    record : mapping
        run.json.
    frames, pairs, transforms : pandas.DataFrame or None
        Tables; None where the run has not written them.
    quality : QualityTable or None
    """

    folder: Path
    record: Mapping[str, Any]
    frames: pd.DataFrame | None
    pairs: pd.DataFrame | None
    transforms: pd.DataFrame | None
    quality: QualityTable | None

    @property
    def failed(self) -> list[tuple[str, str, str]]:
        """Failed pairs as (frame, file, reason)."""
        return _with_status(self.pairs, "failed")

    @property
    def excluded(self) -> list[tuple[str, str, str]]:
        """Frames left out as (frame, file, reason)."""
        return _with_status(self.frames, "excluded")

    @property
    def gate_facts(self) -> dict[str, float]:
        """Numbers that gates look at, where they are known."""
        facts: dict[str, float] = {}
        if self.pairs is not None:
            facts["failed_pairs"] = len(self.failed)
        if self.frames is not None:
            facts["excluded_frames"] = len(self.excluded)
            facts["frames"] = len(self.frames) - len(self.excluded)
        return facts

    @property
    def stack_path(self) -> Path | None:
        """The registered stack, if it is there."""
        names = [Path(str(name)).name for name in self.record.get("outputs") or []]
        stacks = [self.folder / name for name in names if name.endswith(STACK_SUFFIXES)]
        # An OME-Zarr stack is a folder.
        return next((path for path in stacks if path.exists()), None)

    def settings(self) -> list[SettingRow]:
        """Return all settings, in the order of the stages."""
        settings = self.record.get("settings")
        groups = settings if isinstance(settings, dict) else {}
        defaults = RunSettings()
        rows = []
        for group, field in setting_fields():
            recorded = groups.get(group)
            values = recorded if isinstance(recorded, dict) else {}
            default = _text(getattr(getattr(defaults, group), field.name))
            known = field.name in values
            value = _text(values[field.name]) if known else "not recorded"
            meta = field.metadata
            rows.append(
                SettingRow(
                    f"{group}.{field.name}", value, default, known and value != default,
                    str(meta.get("unit", "")), str(meta.get("doc", "")),
                )
            )  # fmt: skip
        return rows


def _with_status(table: pd.DataFrame | None, status: str) -> list[tuple[str, str, str]]:
    if table is None or "status" not in table:
        return []
    chosen = table[table["status"] == status]
    if "reason" not in chosen:
        chosen = chosen.assign(reason="")
    rows = chosen[["frame", "file", "reason"]].to_numpy(object)
    return [(str(frame), str(name), _reason(text)) for frame, name, text in rows]


def _reason(text: object) -> str:
    return text if isinstance(text, str) else ""


def _text(value: Any) -> str:
    if dataclasses.is_dataclass(value) or isinstance(value, tuple):
        value = list(value) if isinstance(value, tuple) else str(value)
    if value is None:
        return "automatic"
    if isinstance(value, str):
        return value or "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float):
        return f"{value:g}"
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value) or "none"
    return json.dumps(value)


def read_run(folder: str | os.PathLike[str]) -> RunFacts:
    """Read record and tables of a run folder.

    Raises
    ------
    FormatError
        For a folder that is no run folder, or a record that cannot be read.
    AccessError
        For files that may not be read.
    """
    store = RunStore(folder)
    if not store.exists:
        raise FormatError(
            "this is not a run folder", path=folder, expected="a folder with run.json",
            remedy="Choose a folder that a registration was written to.",
        )  # fmt: skip
    tables = [
        read_csv(path) if path.is_file() else None
        for path in (store.file(f"{name}.csv") for name in ("frames", "pairs", "transforms"))
    ]
    try:
        quality = read_quality_table(store.folder)
    except FibsemDashError:
        # A run that was stopped has none yet.
        quality = None
    return RunFacts(store.folder, store.read(), tables[0], tables[1], tables[2], quality)
