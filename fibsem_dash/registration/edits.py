"""Decisions about single frames and pairs, kept beside the settings of a run and honoured by it."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem_dash.errors import FormatError, ParameterError
from fibsem_dash.io.atomic import reading, write_json
from fibsem_dash.settings import RunSettings, resolve_name, update
from fibsem_dash.transforms.matrices import Array

EDITS_FILE = "edits.json"
"""Name of the file in the run folder."""

SCHEMA_VERSION = 1
"""Version of its layout."""

RETRY_GROUPS = ("sift", "matching", "solver")
"""Groups of settings that a single pair can have of its own."""

SOURCES = ("sift", "manual", "retried", "accepted")
"""How the transform of a pair came to be: column `source` of pairs.csv."""

BY_HAND = "excluded by hand"
"""Why a frame is left out that the edits exclude."""

Rows = tuple[tuple[float, float, float], tuple[float, float, float]]


@dataclass(frozen=True)
class PairEdit:
    """What was decided about one pair of frames.

    Attributes
    ----------
    first, second : str
        Files of the pair as `frame_names` calls them.
    accepted : bool
        Taken as it is: a failed pair no longer counts as a problem and takes no frame out.
    matrix : two rows of three floats, optional
        Set by hand: first frame's coordinates to the second's, px.
    settings : tuple of (str, object)
        Settings of this pair that differ from the run's, as ("solver.drmax", 3.0).
    """

    first: str
    second: str
    accepted: bool = False
    matrix: Rows | None = None
    settings: tuple[tuple[str, Any], ...] = ()

    @property
    def source(self) -> str:
        """One of `SOURCES`."""
        if self.matrix is not None:
            return "manual"
        if self.accepted:
            return "accepted"
        return "retried" if self.settings else "sift"

    def whole_matrix(self) -> Array:
        """Return the matrix set by hand, (3, 3) float64."""
        return np.array([*(self.matrix or ()), (0.0, 0.0, 1.0)])


@dataclass(frozen=True)
class RunEdits:
    """All decisions of a run; every change gives a new value, so a history can keep the old ones.

    Attributes
    ----------
    excluded : tuple of str
        Files that are left out, as `frame_names` calls them, in order.
    pairs : tuple of PairEdit
        At most one for each pair.

    Examples
    --------
    >>> edits = RunEdits().exclude("f3.dat").retry("f1.dat", "f2.dat", {"drmax": 3})
    >>> edits.excluded, edits.find("f1.dat", "f2.dat").settings
    (('f3.dat',), (('solver.drmax', 3.0),))
    """

    excluded: tuple[str, ...] = ()
    pairs: tuple[PairEdit, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.excluded or self.pairs)

    def applied_to(self, paths: Sequence[str | os.PathLike[str]]) -> tuple[list[int], list[str]]:
        """Return the numbers of the frames to leave out, and the names that no frame has."""
        numbers = {name: k for k, name in enumerate(frame_names(paths))}
        named = {*self.excluded, *(n for p in self.pairs for n in (p.first, p.second))}
        chosen = sorted(numbers[name] for name in self.excluded if name in numbers)
        return chosen, sorted(named - numbers.keys())

    def find(self, first: str, second: str) -> PairEdit | None:
        """Return what was decided about a pair, if anything."""
        return next((p for p in self.pairs if (p.first, p.second) == (first, second)), None)

    def exclude(self, *names: str) -> RunEdits:
        """Leave files out."""
        return dataclasses.replace(self, excluded=tuple(sorted({*self.excluded, *names})))

    def include(self, *names: str) -> RunEdits:
        """Take files back in."""
        rest = tuple(name for name in self.excluded if name not in names)
        return dataclasses.replace(self, excluded=rest)

    def retry(self, first: str, second: str, changes: Mapping[str, Any]) -> RunEdits:
        """Estimate a pair with other settings of matching, solver or SIFT.

        Raises
        ------
        ParameterError
            For an unknown setting, one of another stage, or a value out of bounds.
        """
        return self._with(PairEdit(first, second, settings=_pair_settings(changes)))

    def set_matrix(self, first: str, second: str, matrix: npt.ArrayLike) -> RunEdits:
        """Set the transform of a pair by hand: (2, 3) or (3, 3), first to second frame, px.

        Raises
        ------
        ParameterError
            When it is no affine matrix that can be inverted.
        """
        return self._with(PairEdit(first, second, matrix=_rows(matrix)))

    def accept(self, first: str, second: str) -> RunEdits:
        """Take a pair as it is."""
        old = self.find(first, second) or PairEdit(first, second)
        return self._with(dataclasses.replace(old, accepted=True))

    def reset(self, first: str, second: str) -> RunEdits:
        """Forget what was decided about a pair."""
        rest = tuple(p for p in self.pairs if (p.first, p.second) != (first, second))
        return dataclasses.replace(self, pairs=rest)

    def _with(self, edit: PairEdit) -> RunEdits:
        others = self.reset(edit.first, edit.second).pairs
        ordered = sorted((*others, edit), key=lambda p: (p.first, p.second))
        return dataclasses.replace(self, pairs=tuple(ordered))

    def to_dict(self) -> dict[str, Any]:
        """Return the decisions as plain data, as edits.json holds them."""
        pairs = []
        for edit in self.pairs:
            entry: dict[str, Any] = {"first": edit.first, "second": edit.second}
            if edit.accepted:
                entry["accepted"] = True
            if edit.matrix is not None:
                entry["matrix"] = [list(row) for row in edit.matrix]
            if edit.settings:
                entry["settings"] = dict(edit.settings)
            pairs.append(entry)
        return {"schema_version": SCHEMA_VERSION, "excluded": list(self.excluded), "pairs": pairs}

    @classmethod
    def from_dict(cls, data: object) -> RunEdits:
        """Check plain data as `to_dict` makes it, and build the decisions.

        Raises
        ------
        ParameterError
            For anything that `to_dict` would not have made.
        """
        _check_keys(data, {"schema_version", "excluded", "pairs"}, {"schema_version"})
        assert isinstance(data, Mapping)
        if data["schema_version"] != SCHEMA_VERSION or data["schema_version"] is True:
            raise ParameterError(
                "schema_version", expected=SCHEMA_VERSION, found=repr(data["schema_version"])
            )
        excluded, pairs = data.get("excluded", []), data.get("pairs", [])
        if not isinstance(excluded, list) or not isinstance(pairs, list):
            raise ParameterError("excluded and pairs", expected="lists")
        result = cls().exclude(*(_name(item) for item in excluded))
        edits = [_pair_edit(entry) for entry in pairs]
        twice = [pair for pair, n in Counter((e.first, e.second) for e in edits).items() if n > 1]
        if twice:
            raise ParameterError("a pair is named twice", found=" - ".join(twice[0]))
        for edit in edits:
            result = result._with(edit)
        return result


def _pair_edit(entry: object) -> PairEdit:
    _check_keys(entry, {"first", "second", "accepted", "matrix", "settings"}, {"first", "second"})
    assert isinstance(entry, Mapping)
    accepted, changes = entry.get("accepted", False), entry.get("settings", {})
    if not isinstance(accepted, bool):
        raise ParameterError("accepted", expected="true or false", found=repr(accepted))
    if not isinstance(changes, Mapping):
        raise ParameterError("settings of a pair", expected="names with values")
    matrix = entry.get("matrix")
    if matrix is not None and changes:
        raise ParameterError("a pair has a matrix set by hand and settings", expected="one of both")
    return PairEdit(
        _name(entry["first"]),
        _name(entry["second"]),
        accepted,
        None if matrix is None else _rows(matrix),
        _pair_settings(changes) if changes else (),
    )


def _check_keys(data: object, known: set[str], needed: set[str]) -> None:
    keys = set(data) if isinstance(data, Mapping) else None
    if keys is None or keys - known or needed - keys:
        found = type(data).__name__ if keys is None else ", ".join(sorted(map(str, keys)))
        raise ParameterError("edits", expected=", ".join(sorted(known)), found=found)


def _name(item: object) -> str:
    if not isinstance(item, str) or not item:
        raise ParameterError("the name of a frame", expected="a file name", found=repr(item))
    return item


def _pair_settings(changes: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    settings = update(RunSettings(), changes)
    checked = []
    for group, key in {resolve_name(name) for name in changes}:
        if group not in RETRY_GROUPS:
            raise ParameterError(
                f"{group}.{key} cannot differ between pairs",
                expected=f"a setting of {', '.join(RETRY_GROUPS)}",
            )
        checked.append((f"{group}.{key}", getattr(getattr(settings, group), key)))
    if not checked:
        raise ParameterError("no other settings to try", expected="at least one")
    return tuple(sorted(checked))


def _rows(matrix: npt.ArrayLike) -> Rows:
    try:
        values = np.array(matrix, np.float64)
    except (TypeError, ValueError):
        values = np.empty(0)
    whole = values.shape == (3, 3) and values[2].tolist() == [0.0, 0.0, 1.0]
    if not (values.shape == (2, 3) or whole) or not np.isfinite(values).all():
        raise ParameterError(
            "the matrix of a pair", expected="two rows of three finite numbers", found=matrix
        )
    determinant = float(np.linalg.det(values[:2, :2]))
    if not 1e-3 < determinant < 1e3:
        raise ParameterError(
            "the matrix of a pair turns the frame over or shrinks it to nothing",
            expected="a determinant between 0.001 and 1000",
            found=f"{determinant:.3g}",
        )
    (a, b, c), (d, e, f) = values[:2].tolist()
    return (a, b, c), (d, e, f)


def frame_names(paths: Sequence[str | os.PathLike[str]]) -> list[str]:
    """Return the names by which edits call frames: file names, with folders where they repeat."""
    names = [os.path.basename(p) for p in paths]
    counts = Counter(names)
    if len(counts) == len(names):
        return names
    root = os.path.commonpath([os.path.dirname(os.path.abspath(p)) for p in paths])
    return [
        name if counts[name] == 1 else Path(os.path.relpath(os.path.abspath(p), root)).as_posix()
        for name, p in zip(names, paths, strict=True)
    ]


def resolve_frames(items: Sequence[str], paths: Sequence[str | os.PathLike[str]]) -> list[str]:
    """Turn file names or numbers (from 0, column `frame` of frames.csv) into names of frames.

    Raises
    ------
    ParameterError
        When there is no such frame.
    """
    names = frame_names(paths)
    known = set(names)
    result = []
    for item in items:
        text = str(item)
        if text in known:
            result.append(text)
        elif text.isdecimal() and int(text) < len(names):
            result.append(names[int(text)])
        else:
            raise ParameterError(
                "no such frame",
                expected=f"a file name of the input list or a number from 0 to {len(names) - 1}",
                found=text,
            )
    return result


def run_edits(folder: str | os.PathLike[str]) -> RunEdits:
    """Read the edits of a run folder; none where it has no such file; errors as `read_edits`."""
    file = Path(folder) / EDITS_FILE
    return read_edits(file) if file.exists() else RunEdits()


def read_edits(path: str | os.PathLike[str]) -> RunEdits:
    """Read edits from a file such as edits.json of a run folder.

    Raises
    ------
    FormatError
        When the content is not what `write_edits` writes.
    AccessError
        When it cannot be read.
    """
    file = Path(path)
    with reading(file):
        content = file.read_bytes()
    try:
        return RunEdits.from_dict(json.loads(content))
    except ParameterError as error:
        problem = error.one_line()
    except (ValueError, RecursionError):
        problem = "something that is not JSON"
    raise FormatError(
        "not the edits of a run",
        path=file,
        expected=f"what {EDITS_FILE} of a run folder holds",
        found=problem,
        remedy="Correct the file, or remove it to go on without edits.",
    )


def write_edits(folder: str | os.PathLike[str], edits: RunEdits) -> None:
    """Write the edits into a run folder, whole or not at all; without any, the file goes.

    Raises
    ------
    AccessError
        When it cannot be written.
    """
    file = Path(folder) / EDITS_FILE
    with reading(file):
        if not edits:
            file.unlink(missing_ok=True)
            return
    write_json(file, edits.to_dict())
