"""Fuzz one reader, guided by coverage: ``python -m fuzz.run TARGET [--seconds N]``.

Needs atheris (pip install atheris), which is no dependency of the project.
"""

from __future__ import annotations

import argparse
import logging
import resource
import sys
from pathlib import Path

import atheris

READERS = ["tifffile", "mrcfile", "yaml", "openpyxl", "csv", "zipfile", "zarr"]

with atheris.instrument_imports(include=["fibsem_dash", *READERS]):
    # Readers that are loaded when they are first needed would not be instrumented.
    import zarr  # noqa: F401

    from fuzz.targets import TARGETS

KEPT = Path(__file__).resolve().parents[1] / "tests" / "fuzz" / "corpus"
MEMORY_BYTES = 2**30
"""Address space on top of what the modules take."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fuzz.run", description=__doc__)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--work", default="fuzz-out", help="folder for new cases and findings")
    arguments, rest = parser.parse_known_args()
    # tifffile tells of every damage in its log.
    logging.disable(logging.CRITICAL)
    work = Path(arguments.work) / arguments.target
    (work / "corpus").mkdir(parents=True, exist_ok=True)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, resource.RLIM_INFINITY))
    options = [
        sys.argv[0],
        str(work / "corpus"),
        str(KEPT / arguments.target),
        f"-max_total_time={arguments.seconds}",
        f"-artifact_prefix={work}/",
        "-timeout=20",
        "-rss_limit_mb=4000",
        "-max_len=30000",
        "-print_final_stats=1",
        *rest,
    ]
    atheris.Setup(options, TARGETS[arguments.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
