"""Time the writing of a stack in each format beside MRC, in one process.

Run: python benchmarks/stack_formats.py [--slices 96] [--size 2048] [--folder DIR]
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

from fibsem_dash.io import open_stack
from fibsem_dash.io.pyramid import BlockWriter, block_starts, build_block
from fibsem_dash.io.stack_files import WRITERS, create_stack


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=96)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--folder", default=None, help="where the files go for a moment")
    arguments = parser.parse_args()
    shape = (arguments.slices, arguments.size, arguments.size)
    rng = np.random.default_rng(1)
    # Smooth structure with the noise of a detector: a few bits of every value cannot be packed.
    smooth = np.kron(rng.normal(0, 300, (arguments.size // 32,) * 2), np.ones((32, 32)))
    tile = rng.normal(0, 40, shape[1:])
    images = [np.rint(smooth + np.roll(tile, 17 * k, 0)).astype(np.int16) for k in range(8)]
    megabytes = np.prod(shape) * 2 / 1e6
    print(f"{shape} int16, {megabytes:.0f} MB")
    base: dict[str, float] = {}
    folder = Path(tempfile.mkdtemp(dir=arguments.folder))
    try:
        # Once for nothing: the first to write pays for memory that the others find ready.
        write(".tif", folder / "a.tif", shape, images)
        (folder / "a.tif").unlink()
        for suffix in WRITERS:
            times = write(suffix, folder / f"a{suffix}", shape, images)
            size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 1e6
            base = base or times
            text = ", ".join(
                f"{name} {seconds:.2f} s"
                + (
                    f" ({seconds / base[name]:.1f} x MRC)"
                    if name in base and base[name] > 0.005
                    else ""
                )
                for name, seconds in times.items()
            )
            print(f"{suffix:6} {text}, {size:.0f} MB on disk")
            for path in folder.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    finally:
        shutil.rmtree(folder)


def write(
    suffix: str, path: Path, shape: tuple[int, int, int], images: list[np.ndarray]
) -> dict[str, float]:
    """Write, and read back slice by slice; return wall and processor seconds by step."""
    steps: dict[str, float] = {}
    wall, cpu = time.perf_counter(), time.process_time()

    def note(name: str) -> None:
        nonlocal wall, cpu
        steps[f"{name}"] = time.perf_counter() - wall
        steps[f"{name} cpu"] = time.process_time() - cpu
        wall, cpu = time.perf_counter(), time.process_time()

    create_stack(suffix, path.with_suffix(".warm"), (1, 8, 8), np.dtype("int16"), (8, 8, 8))
    wall, cpu = time.perf_counter(), time.process_time()
    writer = create_stack(suffix, path, shape, np.dtype("int16"), (8.0, 8.0, 8.0))
    for z in range(0, shape[0], writer.depth):
        stop = min(z + writer.depth, shape[0])
        slab = np.stack([images[k % len(images)] for k in range(z, stop)])
        writer.write_slices(z, slab)
    note("slices")
    if isinstance(writer, BlockWriter):
        for level in range(1, len(writer.levels)):
            for start in block_starts(writer.levels[level].shape, writer.block_shape(level)):
                build_block(writer, level, start)
    note("pyramid")
    os.sync()
    note("sync")
    with open_stack(path) as stack:
        for k in range(len(stack)):
            if not np.array_equal(stack[k], images[k % len(images)]):
                raise SystemExit(f"{path} does not hold what was written")
    note("read")
    return steps


if __name__ == "__main__":
    main()
