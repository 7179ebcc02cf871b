"""A registration in a process of its own, to be killed: FOLDER WORKERS|SCHEDULER FRAME ..."""

from __future__ import annotations

import sys

from fibsem_dash.compute.cluster import open_executor
from fibsem_dash.errors import FibsemDashError
from fibsem_dash.registration.pipeline import Registration


def main() -> int:
    folder, place, *frames = sys.argv[1:]
    scheduler = place if ":" in place else None
    try:
        with open_executor(None if scheduler else int(place), scheduler) as executor:
            Registration(frames, folder, executor=executor).run()
    except FibsemDashError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
