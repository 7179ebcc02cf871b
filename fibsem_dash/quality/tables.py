"""Quality tables as arrays, from files of any known form, run folders and uploads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fibsem_dash.errors import FormatError, ParameterError
from fibsem_dash.quality.metrics import METRICS
from fibsem_dash.registration.run_store import RunStore

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]

LARGEST_UPLOAD_BYTES = 100_000_000
"""Largest content that is read from memory; 17 000 frames take 3 MB."""

SUFFIX = "_RegistrationQuality"
"""End of the name of a quality table, before .csv or .xlsx."""

_BOX_COLUMNS = ("xi_eval", "xa_eval", "yi_eval", "ya_eval")


@dataclass(frozen=True)
class QualityTable:
    """The quality of one registered stack along its slices.

    Attributes
    ----------
    label : str
        Name for people.
    frames : (n,) int64 array
        Second frame of each pair, increasing.
    columns : mapping of str to (n,) float64 array
        Measures by the names of `fibsem_dash.quality.METRICS`; NaN where a pair has none.
    boxes : (n, 4) int64 array or None
        Evaluation box (xi, xa, yi, ya) of each pair, px, half open.
    source : str
        File that it was read from.
    form : str
        "CSV", "XLSX", "CSV of 2022" or "XLSX of 2025".
    run_folder : str
        Run folder that the file lies in; empty where there is none.
    """

    label: str
    frames: npt.NDArray[np.int64]
    columns: Mapping[str, Array]
    boxes: npt.NDArray[np.int64] | None
    source: str
    form: str
    run_folder: str = ""

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the measures that the table holds, in the order in which they are shown."""
        return tuple(name for name in METRICS if name in self.columns)

    def column(self, metric: str) -> Array:
        """Return a measure, (n,) float64.

        Raises
        ------
        ParameterError
            For a measure that the table does not hold.
        """
        if metric not in self.columns:
            raise ParameterError(
                f"the table {self.label!r} has no {metric}",
                expected=" or ".join(self.metrics),
                found=metric,
            )
        return self.columns[metric]

    def box_at(self, frame: int) -> tuple[int, int, int, int] | None:
        """Return the box (xi, xa, yi, ya) of the pair whose second frame is `frame`."""
        place = int(np.searchsorted(self.frames, frame))
        if self.boxes is None or place >= len(self) or self.frames[place] != frame:
            return None
        xi, xa, yi, ya = (int(v) for v in self.boxes[place])
        return xi, xa, yi, ya

    def renamed(self, label: str) -> QualityTable:
        """Return the same table under another label."""
        return replace(self, label=label)

    def to_frame(self) -> pd.DataFrame:
        """Return the table with the columns of our files, for `write_csv` and `write_xlsx`."""
        import pandas as pd

        columns: dict[str, Any] = {"frame": self.frames}
        if self.boxes is not None:
            columns |= {name: self.boxes[:, k] for k, name in enumerate(_BOX_COLUMNS)}
        for name in self.metrics:
            if METRICS[name].column:
                columns[METRICS[name].column] = self.columns[name]
        return pd.DataFrame(columns)


def read_quality_table(
    path: str | os.PathLike[str], *, label: str = "", content: bytes | None = None
) -> QualityTable:
    """Read a quality table of any known form, as data only.

    Parameters
    ----------
    path : path-like
        A .csv or .xlsx file, or a run folder.
    label : str, optional
        Name for people; that of the run folder or of the file by default.
    content : bytes, optional
        Content of an uploaded file; `path` is then its name and nothing is read from disk.

    Returns
    -------
    QualityTable
        Rows in the order of their frames; of a frame that is there twice, the first row.

    Raises
    ------
    FormatError
        Not a quality table, an upload of more than `LARGEST_UPLOAD_BYTES`, or a run folder
        without one.
    AccessError
        The file is missing or may not be read.
    """
    from fibsem_dash.io.tables import read_quality

    if content is not None and len(content) > LARGEST_UPLOAD_BYTES:
        raise FormatError(
            "the file is too large for a quality table",
            path=path,
            expected=f"at most {LARGEST_UPLOAD_BYTES / 1e6:.0f} MB",
            found=f"{len(content) / 1e6:.0f} MB",
        )
    source = Path(path)
    if content is None and source.is_dir():
        source = find_quality_file(source)
    run = "" if content is not None else _run_folder_of(source)
    table = read_quality(source, content)
    return _from_frame(table, label or _default_label(source, run), str(source), run)


def find_quality_file(run_folder: str | os.PathLike[str]) -> Path:
    """Return the quality table of a run folder.

    Raises
    ------
    FormatError
        When the folder is no run folder or its run has not come that far.
    """
    store = RunStore(run_folder)
    names = [Path(str(name)).name for name in store.read().get("outputs") or []]
    candidates = [store.file(name) for name in names if name.endswith(f"{SUFFIX}.csv")]
    candidates += sorted(store.folder.glob(f"*{SUFFIX}.csv"))
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise FormatError(
        "the folder holds no quality table",
        path=run_folder,
        expected=f"a file *{SUFFIX}.csv",
        remedy="Choose a run folder whose registration has finished, or a CSV or XLSX file.",
    )


def _run_folder_of(source: Path) -> str:
    store = RunStore(source.parent)
    return str(store.folder) if store.exists else ""


def _default_label(source: Path, run: str) -> str:
    return Path(run).name if run else source.stem.removesuffix(SUFFIX)


def _from_frame(table: pd.DataFrame, label: str, source: str, run: str) -> QualityTable:
    numbers = np.asarray(table["frame"], np.float64)
    # A spreadsheet may end in rows without a frame number, such as means under the table.
    places = np.flatnonzero(np.isfinite(numbers))
    frames, first = np.unique(numbers[places].astype(np.int64), return_index=True)
    rows = places[first]
    columns = {
        name: np.asarray(table[metric.column], np.float64)[rows]
        for name, metric in METRICS.items()
        if metric.column and metric.column in table
    }
    if "NCC" in columns:
        with np.errstate(divide="ignore"):
            columns["SNR"] = columns["NCC"] / (1 - columns["NCC"])
    boxes = None
    if all(name in table for name in _BOX_COLUMNS):
        edges = np.column_stack([np.asarray(table[n], np.float64)[rows] for n in _BOX_COLUMNS])
        boxes = edges.astype(np.int64) if np.isfinite(edges).all() else None
    for array in (frames, boxes, *columns.values()):
        if array is not None:
            array.setflags(write=False)
    form = str(table.attrs.get("form", ""))
    return QualityTable(label, frames, MappingProxyType(columns), boxes, source, form, run)
