"""Undo and redo of the edits of a run."""

from __future__ import annotations

from dataclasses import dataclass, field

from fibsem_dash.registration.edits import RunEdits


@dataclass
class EditHistory:
    """Undo and redo over values of `RunEdits`.

    Attributes
    ----------
    current : RunEdits
        The value that holds.
    limit : int
        Most steps that can be undone.
    """

    current: RunEdits = field(default_factory=RunEdits)
    limit: int = 100
    _past: list[RunEdits] = field(default_factory=list)
    _future: list[RunEdits] = field(default_factory=list)

    @property
    def can_undo(self) -> bool:
        """Whether there is an older value."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether a step was undone."""
        return bool(self._future)

    def push(self, edits: RunEdits) -> RunEdits:
        """Make a value the current one; what was undone before is forgotten."""
        if edits != self.current:
            self._past = [*self._past, self.current][-self.limit :]
            self._future = []
            self.current = edits
        return self.current

    def undo(self) -> RunEdits:
        """Go back one step, if there is one; return the value that holds now."""
        if self._past:
            self._future.append(self.current)
            self.current = self._past.pop()
        return self.current

    def redo(self) -> RunEdits:
        """Take back the last undo, if there was one; return the value that holds now."""
        if self._future:
            self._past.append(self.current)
            self.current = self._future.pop()
        return self.current
