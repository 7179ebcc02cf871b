"""A server in a process of its own, for stories in a browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

PROJECT = Path(__file__).resolve().parents[1]


class Server:
    """A server in a process of its own.

    Parameters
    ----------
    root, runs : Path
        Frames that it may show, and its run root.
    port : int
        0 takes a free one.
    """

    def __init__(self, root: Path, runs: Path, port: int = 0) -> None:
        command = [sys.executable, "-m", "components.server", "--port", str(port)]
        self.process = subprocess.Popen(
            [*command, "--run-root", str(runs), "--", str(root)],
            cwd=PROJECT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self.address = ""
        for line in self.process.stdout or ():
            self.lines.append(line)
            if found := re.search(r"is at (http://\S+)", line):
                self.address = found[1]
                break
        # The pipe must be emptied, or a server that says much would stand still.
        self._drain = threading.Thread(
            target=lambda: self.lines.extend(self.process.stdout or ()), daemon=True
        )
        self._drain.start()
        if not self.address:
            self.stop()
            raise AssertionError("the server did not start:\n" + "".join(self.lines))

    @property
    def port(self) -> int:
        return int(urlsplit(self.address).port or 0)

    def stop(self, kill: bool = False) -> None:
        """End the process; killed, it cannot clean up."""
        if self.process.poll() is None:
            (self.process.kill if kill else self.process.terminate)()
        self.process.wait(20)
        self._drain.join(5)
        if self.process.stdout and not self._drain.is_alive():
            self.process.stdout.close()
