"""Every kept case of the fuzzer is read or refused with our own error, in bounded memory and time.

The fuzzer itself is in `fuzz/`; what it finds is kept in `corpus/`, one folder per reader.
"""

from __future__ import annotations

import logging
import time
import tracemalloc
from pathlib import Path

import pytest

from fuzz.targets import TARGETS

CORPUS = Path(__file__).with_name("corpus")
CASES = sorted(path for path in CORPUS.rglob("*") if path.is_file())

LARGEST_PEAK_BYTES = 64_000_000
LONGEST_S = 10.0


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_kept_cases_are_read_or_refused(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    cases = [path for path in CASES if path.parent.name == name]
    assert cases
    for path in cases:
        tracemalloc.start()
        started = time.process_time()
        try:
            TARGETS[name](path.read_bytes())
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < LARGEST_PEAK_BYTES, path
        assert time.process_time() - started < LONGEST_S, path


def test_the_kept_cases_stay_small() -> None:
    assert sum(path.stat().st_size for path in CASES) < 1_000_000
