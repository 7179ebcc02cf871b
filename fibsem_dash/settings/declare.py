"""The declaration of one setting."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def setting(
    default: Any,
    doc: str,
    *,
    bounds: tuple[float | None, float | None] | None = None,
    choices: tuple[Any, ...] | None = None,
    unit: str = "",
) -> Any:
    """Declare one setting as a dataclass field.

    Parameters
    ----------
    default : object
        Immutable default value.
    doc : str
        What it is and what happens when it grows.
    bounds : (float or None, float or None), optional
        Smallest and largest value that makes sense, both included.
    choices : tuple, optional
        The allowed values; of a tuple-valued setting, the allowed elements.
    unit : str
        Unit of a physical quantity.
    """
    meta = {"doc": doc, "bounds": bounds, "choices": choices, "unit": unit}
    return field(default=default, metadata=meta)
