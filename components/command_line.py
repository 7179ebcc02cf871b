"""Commands as they are typed, for the shell of this machine."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence


def quoted_command(parts: Sequence[str], windows: bool = os.name == "nt") -> str:
    r"""Return a command with its arguments quoted for the shell.

    Parameters
    ----------
    parts : sequence of str
        Program and arguments.
    windows : bool
        Quote for cmd.exe and PowerShell, which take single quotes or backslashes for themselves in
        other ways than POSIX shells; by default where this runs on Windows.

    Examples
    --------
    >>> quoted_command(["fibsem-dash", "info", r"C:\data\f 1.dat"], windows=True)
    'fibsem-dash info "C:\\data\\f 1.dat"'
    >>> quoted_command(["fibsem-dash", "info", "/data/f 1.dat"], windows=False)
    "fibsem-dash info '/data/f 1.dat'"
    """
    return subprocess.list2cmdline(parts) if windows else shlex.join(parts)
