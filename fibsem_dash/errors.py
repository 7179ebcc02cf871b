"""Errors that a user can act on.

One base class and few leaves. A message says what went wrong, where, what was expected, what was
found and what to do; the parts stay available as attributes so that a page can lay them out.
"""

from __future__ import annotations

from os import PathLike, fspath


class FibsemDashError(Exception):
    """Base of every error that is meant for the user.

    Parameters
    ----------
    what : str
        What went wrong, as a sentence without the final stop.
    path : path-like, optional
        File or folder that it happened with.
    expected, found : object, optional
        What should have been there and what was.
    remedy : str
        What the user can do about it, as a sentence.
    argument : str
        Name of the argument by which the remedy is done, such as ``"pattern"``; the command line
        adds its option to the message, pages have a field for it.
    """

    def __init__(
        self,
        what: str,
        *,
        path: str | PathLike[str] | None = None,
        expected: object = None,
        found: object = None,
        remedy: str = "",
        argument: str = "",
    ) -> None:
        self.what = what
        self.path = None if path is None else fspath(path)
        self.expected = expected
        self.found = found
        self.remedy = remedy
        self.argument = argument
        super().__init__(self._message())

    def _message(self) -> str:
        text = self.one_line() if self.path is None else f"{self.path}: {self.one_line()}"
        return f"{text}. {self.remedy}" if self.remedy else f"{text}."

    def one_line(self) -> str:
        """Return what went wrong without the path, for a table that has a column for the file."""
        text = self.what
        if self.expected is not None:
            text += f"; expected {self.expected}"
        if self.found is not None:
            text += f"{',' if self.expected is not None else ';'} found {self.found}"
        return text

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions with keyword-only arguments do not survive Dask's pickling by default.
        return _rebuild, (type(self), dict(self.__dict__))


def _rebuild(kind: type[FibsemDashError], state: dict[str, object]) -> FibsemDashError:
    error = kind.__new__(kind)
    error.__dict__.update(state)
    error.args = (error._message(),)
    return error


class FormatError(FibsemDashError, ValueError):
    """The content of a file is not what its format demands."""


class AccessError(FibsemDashError, OSError):
    """A file or folder is missing, unreadable, not writable, or its disk is full."""

    def __str__(self) -> str:
        return self._message()


class ParameterError(FibsemDashError, ValueError):
    """A setting or argument has a value that makes no sense."""


class RunError(FibsemDashError, RuntimeError):
    """A run folder or a job is in a state that does not allow what was asked."""
