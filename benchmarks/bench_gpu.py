"""Frames per second of blocks, slices and measures on a graphics card beside the processor.

    python benchmarks/bench_gpu.py --size 2048

Without a card only the processor's column is filled. Reading and writing files are left out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from fibsem_dash.backend import Backend, array_module, cupy_available
from fibsem_dash.compare import compare_images
from fibsem_dash.compute.executor import run_in_worker
from fibsem_dash.features.blocks import match_blocks, prepare_frame
from fibsem_dash.image import intensity_range, to_8bit
from fibsem_dash.phantom import FrameRenderer, PhantomSettings
from fibsem_dash.registration.canvas import Canvas
from fibsem_dash.registration.warp import RenderSettings, cast, warp_image
from fibsem_dash.settings import BlockSettings

MATRIX = np.array([[1.001, 0.002, 3.317], [-0.001, 0.999, -4.614], [0.0, 0.0, 1.0]])


def rate(work: Callable[[], object], backend: Backend, repeats: int) -> float:
    """Return calls per second, the first left out: it compiles kernels."""

    def finish() -> None:
        if backend == "cupy":
            array_module("cupy").cuda.Device().synchronize()

    work()
    finish()
    started = time.perf_counter()
    for _ in range(repeats):
        work()
    finish()
    return repeats / (time.perf_counter() - started)


def measure(images: list[np.ndarray], backend: Backend, repeats: int) -> dict[str, float]:
    """Return frames per second by part of a run."""
    xp, settings = array_module(backend), BlockSettings()
    shape = images[0].shape
    render = RenderSettings(Canvas(shape), "int16", backend=backend)
    first = prepare_frame(images[0], settings, backend)
    slices = [xp.asarray(image.astype(np.int16)) for image in images]

    def pair() -> None:
        match_blocks(first, prepare_frame(images[1], settings, backend), settings)

    def slice_of_frame() -> None:
        frame = xp.asarray(images[0].astype(np.float32))
        cast(warp_image(frame, MATRIX, render), render)

    return {
        "pair by blocks": rate(pair, backend, repeats),
        "slice (warp, round)": rate(slice_of_frame, backend, repeats),
        "NSAD, NCC, NMI": rate(lambda: compare_images(*slices), backend, repeats),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=2048, help="side of a frame, px")
    parser.add_argument("--repeats", type=int, default=10)
    given = parser.parse_args()
    renderer = FrameRenderer(PhantomSettings(frames=2, size=given.size))
    raw = [renderer.frame(k)["A"] for k in range(2)]
    images = [to_8bit(image, *intensity_range(image)) for image in raw]
    # One thread, as a worker has.
    plain = run_in_worker(lambda repeats: measure(images, "numpy", repeats), given.repeats)
    columns = {"processor": plain}
    if cupy_available():
        columns["card"] = measure(images, "cupy", given.repeats)
    print(f"frames/s, frames of {given.size} x {given.size} px, one process")
    print(f"{'':22}" + "".join(f"{name:>12}" for name in columns))
    for part in columns["processor"]:
        print(f"{part:22}" + "".join(f"{column[part]:12.1f}" for column in columns.values()))
    if "card" not in columns:
        print("no card: CuPy is not installed, or sees none")


if __name__ == "__main__":
    main()
