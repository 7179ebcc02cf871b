"""What the rounding of positions costs in OpenCV, and what a slice costs by interpolation order.

    python benchmarks/bench_warp.py [--size 1024]

On a ramp linear interpolation is exact, so what differs from the ramp at the exact place is the
error of the position. The image beside it is a phantom-like texture of 12-bit grey levels.
"""

from __future__ import annotations

import argparse
import time

import cv2
import numpy as np

from fibsem_dash.registration.canvas import Canvas
from fibsem_dash.registration.warp import RenderSettings, cast, warp_image

MATRIX = np.array([[1.0007, 0.0003, 0.313], [-0.0002, 0.9994, 1.234], [0, 0, 1]])
EDGE = 8
RAMP = 10.0


def positions(size: int) -> None:
    y, x = np.mgrid[:size, :size].astype(np.float64)
    ramp = (RAMP * x).astype(np.float32)
    texture = cv2.GaussianBlur(np.random.default_rng(1).standard_normal((size, size)), (0, 0), 2.0)
    texture = np.rint(texture * 400 / texture.std()).astype(np.int16)
    exact = MATRIX[0, 0] * x + MATRIX[0, 1] * y + MATRIX[0, 2]
    settings = RenderSettings(Canvas((size, size)), "int16")
    inside = np.s_[EDGE:-EDGE, EDGE:-EDGE]
    ours = warp_image(ramp, MATRIX, settings) / RAMP
    theirs = _rounded(np.rint(ramp).astype(np.int16)) / RAMP
    print(f"{'positions, px':34}{'RMS':>10}{'largest':>10}")
    for name, found in (
        ("float32, as slices are made", ours),
        ("OpenCV's kernel for int16", theirs),
    ):
        error = (found - exact)[inside]
        print(f"{name:34}{np.sqrt((error**2).mean()):10.5f}{np.abs(error).max():10.5f}")
    fine = cast(warp_image(texture.astype(np.float32), MATRIX, settings), settings)
    error = (_rounded(texture).astype(float) - fine)[inside]
    print(
        f"\ntexture of standard deviation {texture.std():.0f}: the int16 kernel differs by "
        f"{np.sqrt((error**2).mean()):.2f} grey levels RMS, {np.abs(error).max():.0f} at most"
    )


def _rounded(image: np.ndarray) -> np.ndarray:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, MATRIX[:2], image.shape[::-1], flags=flags)


def orders(size: int) -> None:
    image = np.random.default_rng(1).normal(0, 400, (size, size)).astype(np.float32)
    print(f"\n{size} x {size}, processor time of one slice, best of 5")
    for order in range(6):
        settings = RenderSettings(Canvas((size, size)), "int16", order=order)
        times = []
        for _ in range(5):
            started = time.process_time()
            warp_image(image, MATRIX, settings)
            times.append(time.process_time() - started)
        print(f"order {order} {min(times) * 1e3:10.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=1024)
    size = parser.parse_args().size
    cv2.setNumThreads(1)
    positions(size)
    orders(size)


if __name__ == "__main__":
    main()
