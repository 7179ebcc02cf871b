"""Keyword arguments as old notebooks spell them, of both generations, checked."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from types import SimpleNamespace
from typing import Any, Literal

from fibsem_dash.errors import ParameterError

Generation = Literal["2022", "2025"]

ALIASES = {
    "threshold_min": "thr_min",
    "threshold_max": "thr_max",
    "perfrom_transformation": "perform_transformation",
    "dump_file": "dump_filename",
    "invert": "invert_data",
    "frames": "frame_inds",
}
"""Spellings of 2022, and of notebooks, with their names of 2025."""


def take(
    function: str,
    given: Mapping[str, Any],
    accepted: Mapping[str, Any],
    newer: Collection[str] = (),
) -> SimpleNamespace:
    """Sort the keyword arguments of a call.

    Parameters
    ----------
    function : str
        Name for messages.
    given : mapping of str to object
        Keyword arguments as they were written; blanks around a name are dropped, as old notebooks
        have some.
    accepted : mapping of str to object
        Every argument with its default.
    newer : collection of str
        Those that came after 2022.

    Returns
    -------
    types.SimpleNamespace
        All accepted arguments; `given`, the names that were written; and `generation`, "2022" or
        "2025": that of the keyword ``generation``, else 2025 where one of `newer` was written.

    Raises
    ------
    ParameterError
        For an argument that the function does not have, with the nearest that it has, or one that
        is given in both spellings.
    """
    values = {**accepted, "generation": None}
    written: dict[str, str] = {}
    for key, value in given.items():
        name = key.strip()
        name = name if name in values else ALIASES.get(name, name)
        if name not in values:
            raise ParameterError(
                f"{function}() has no argument {key!r}", remedy=_suggestion(key, values)
            )
        if name in written:
            raise ParameterError(f"{function}() was given {written[name]!r} and {key!r}, the same")
        written[name] = key
        values[name] = value
    generation = values["generation"] or ("2025" if set(newer) & set(written) else "2022")
    if generation not in ("2022", "2025"):
        raise ParameterError("generation", expected="'2022' or '2025'", found=generation)
    return SimpleNamespace(**{**values, "generation": generation, "given": frozenset(written)})


def _suggestion(key: str, values: Mapping[str, Any]) -> str:
    folded = {name.casefold(): name for name in (*ALIASES, *values)}
    near = difflib.get_close_matches(key.casefold(), folded, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {folded[near[0]]!r}?"
    return "It takes " + ", ".join(sorted(values))
