"""The warning that an analysis gives when its result should not be trusted as it stands."""

from __future__ import annotations

import warnings


class AnalysisWarning(UserWarning):
    """A result is missing or doubtful; the text says why and what to do."""


def warn_once_per_call(notes: tuple[str, ...], what: str) -> None:
    """Give one `AnalysisWarning` that holds all notes of one call, none where there are none.

    Parameters
    ----------
    notes : tuple of str
        Sentences without the final stop.
    what : str
        Name of the quantity that they are about.
    """
    if notes:
        warnings.warn(f"{what}: {'; '.join(notes)}.", AnalysisWarning, stacklevel=3)
