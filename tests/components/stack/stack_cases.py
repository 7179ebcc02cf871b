"""What the tests of the Stack page share."""

from __future__ import annotations

import time

SHAPE = (12, 60, 80)


def wait_for(line, seconds=60.0):
    end = time.monotonic() + seconds
    while line.active and time.monotonic() < end:
        time.sleep(0.2)
        line.look()
    assert not line.active, "the job did not end"
