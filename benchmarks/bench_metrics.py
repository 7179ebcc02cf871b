"""Time the analyses of one and two images against the plain NumPy formula, on one core.

    python benchmarks/bench_metrics.py [--size 1024] [--repeat 7]

Columns: milliseconds of the project's function and of the plain formula (processor time, which is
wall time on an idle core; each the best of the repeats, the two taken in turns), their ratio, and
the bytes of the images per second.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
import warnings
from collections.abc import Callable

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.signal import convolve2d

from fibsem_dash.compare import compare_images, fsc, ncc, nmi, nsad
from fibsem_dash.image import (
    autocorrelation_snr,
    fit_background,
    histogram_and_cdf,
    intensity_range,
    noise_statistics,
    to_8bit,
)
from fibsem_dash.numerics.kernel import default_kernel


def make_pair(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Two views of one texture with the noise of counted electrons, int16 as from a microscope."""
    rng = np.random.default_rng(0)
    texture = gaussian_filter(rng.standard_normal((size, size)), 4.0, mode="wrap")
    electrons = np.clip(40.0 + 12.0 * texture / texture.std(), 1.0, None)
    return tuple((-6000 + 10 * rng.poisson(electrons)).astype(np.int16) for _ in range(2))


def plain_range(a):
    counts, edges = np.histogram(a, 256)
    cdf = np.cumsum(counts) / a.size
    return edges[np.argmin(np.abs(cdf - 1e-3))], edges[np.argmin(np.abs(cdf - 0.999))]


def plain_quantiles(a):
    return np.quantile(a, [1e-3, 0.999])


def plain_8bit(a):
    return ((np.clip(a, -5900, -5200) - -5900.0) / 700.0 * 255).astype(np.uint8)


def plain_nsad(a, b):
    p, c = a.astype(np.float64), b.astype(np.float64)
    middle = np.abs(c / 2 + p / 2)
    return np.abs(c - p).mean() / (middle.mean() - middle.min())


def plain_ncc(a, b):
    p, c = a.astype(np.float64), b.astype(np.float64)
    p, c = p - p.mean(), c - c.mean()
    return (c * p).mean() / np.sqrt((c * c).mean() * (p * p).mean())


def plain_nmi(a, b, bins):
    table = np.histogram2d(a.ravel(), b.ravel(), bins)[0] + np.finfo(float).eps
    table /= table.sum()
    q1, q2 = table.sum(axis=1), table.sum(axis=0)
    joint, one, two = ((q * np.log(q)).sum() for q in (table, q1, q2))
    return (one + two) / joint - 1


def plain_sector_means(data, centre):
    """Ring means over the sectors 0-90 degrees and their copies, edges excluded."""
    y, x = np.indices(data.shape)
    radius = np.sqrt((x - centre[1]) ** 2 + (y - centre[0]) ** 2).astype(int)
    angle = np.degrees(np.arctan2(y - centre[0], x - centre[1]))
    keep = np.zeros(data.shape, bool)
    for k in range(-4, 4):
        keep |= (angle > max(90 * k, -180.000001)) & (angle < min(90 * (k + 1), 180.000001))
    ring, values = radius[keep], data[keep]
    total = np.bincount(ring, values.real)
    if np.iscomplexobj(values):
        total = total + 1j * np.bincount(ring, values.imag)
    with np.errstate(invalid="ignore"):
        return total / np.bincount(ring)


def plain_fsc(a, b):
    """Ring means of the two powers and of the product, as the formula is written."""
    shift, back = np.fft.fftshift, np.fft.ifftshift
    f1, f2 = (shift(np.fft.fft2(back(image.astype(np.float64)))) for image in (a, b))
    centre = np.unravel_index(np.argmax(np.abs(f1 + f2) ** 2), a.shape)
    c1 = plain_sector_means(np.abs(f1) ** 2, centre)
    c2 = plain_sector_means(np.abs(f2) ** 2, centre)
    common = plain_sector_means(f1 * np.conj(f2), centre)
    with np.errstate(invalid="ignore"):
        return np.abs(common) / np.sqrt(c1 * c2)


def plain_fsc_rings(a, b):
    """The shortest way to write it: no sectors, centre known, rings made once."""
    f1, f2 = (np.fft.fft2(image.astype(np.float64)) for image in (a, b))
    y = np.fft.fftfreq(a.shape[0], 1 / a.shape[0])[:, None]
    x = np.fft.fftfreq(a.shape[1], 1 / a.shape[1])[None, :]
    ring = np.hypot(y, x).astype(int).ravel()
    common = np.bincount(ring, (f1 * np.conj(f2)).real.ravel())
    c1 = np.bincount(ring, (np.abs(f1) ** 2).ravel())
    c2 = np.bincount(ring, (np.abs(f2) ** 2).ravel())
    return common / np.sqrt(c1 * c2)


def plain_snr(a):
    image = a.astype(np.float64) - a.mean()
    table = np.abs(np.fft.fftshift(np.fft.ifft2(np.abs(np.fft.fft2(image)) ** 2)))
    table /= table.max()
    cy, cx = a.shape[0] // 2, a.shape[1] // 2
    y, x = np.indices(a.shape)
    ring = np.sqrt((x - cx) ** 2 + (y - cy) ** 2).astype(int)
    radial = np.bincount(ring.ravel(), table.ravel()) / np.bincount(ring.ravel())
    profiles = table[cy, cx:], table[cy:, cx], radial
    return [(4 * p[1] - p[2]) / 3 for p in profiles]


def plain_noise(a):
    image = a.astype(np.float64)
    smooth = convolve2d(image, default_kernel(), mode="same")[1:-1, 1:-1]
    noise = image[1:-1, 1:-1] - smooth
    low, high = plain_range(smooth)
    edges = np.linspace(low, high, 100)
    means, variances = [], []
    for start, stop in itertools.pairwise(edges):
        inside = (smooth >= start) & (smooth < stop)
        means.append(smooth[inside].mean())
        variances.append(noise[inside].var())
    return np.polyfit(means, variances, 1)


def plain_background(a):
    bins = 10
    rows, columns = a.shape[0] // bins, a.shape[1] // bins
    crop = a[: rows * bins, : columns * bins].astype(np.float64)
    blocks = crop.reshape(rows, bins, columns, bins).mean(axis=(1, 3))
    y, x = np.mgrid[0:rows, 0:columns]
    terms = [np.ones_like(x), x, y, x * x, x * y, y * y]
    matrix = np.stack([term.ravel() for term in terms], axis=1)
    c = np.linalg.lstsq(matrix, blocks.ravel(), rcond=None)[0]
    y, x = (grid / bins for grid in np.mgrid[0 : a.shape[0], 0 : a.shape[1]])
    return blocks.mean() / (c[0] + c[1] * x + c[2] * y + c[3] * x * x + c[4] * x * y + c[5] * y * y)


def plain_all(a, b):
    return plain_nsad(a, b), plain_ncc(a, b), plain_nmi(a, b, 2048)


def best_of(repeat: int, *calls: Callable[[], object]) -> list[float]:
    """Least seconds of each call, the calls taken in turns so that all see the same machine."""
    seconds = [float("inf")] * len(calls)
    for call in calls:
        call()
    for _ in range(repeat):
        for index, call in enumerate(calls):
            start = time.process_time()
            call()
            seconds[index] = min(seconds[index], time.process_time() - start)
    return seconds


def use_one_core() -> None:
    """Keep all libraries on one core; BLAS takes its number of threads when it is loaded."""
    names = "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"
    if any(os.environ.get(name) != "1" for name in names):
        os.environ.update(dict.fromkeys(names, "1"))
        os.execv(sys.executable, [sys.executable, *sys.argv])
    cv2.setNumThreads(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=1024, help="side of the images in pixels")
    parser.add_argument("--repeat", type=int, default=7, help="best of so many runs")
    options = parser.parse_args()
    use_one_core()
    a, b = make_pair(options.size)
    one, two = a.nbytes, a.nbytes + b.nbytes
    wide, other = a.astype(np.float64), b.astype(np.float64)
    rows = [
        ("levels, quantile", one, lambda: intensity_range(a), lambda: plain_quantiles(a)),
        (
            "levels, reference",
            one,
            lambda: intensity_range(a, method="reference"),
            lambda: plain_range(a),
        ),
        ("histogram, 256 bins", one, lambda: histogram_and_cdf(a), lambda: np.histogram(a, 256)),
        ("8 bits", one, lambda: to_8bit(a, -5900, -5200), lambda: plain_8bit(a)),
        ("NSAD", two, lambda: nsad(a, b), lambda: plain_nsad(a, b)),
        ("NCC", two, lambda: ncc(a, b), lambda: plain_ncc(a, b)),
        ("NMI, 256 bins", two, lambda: nmi(a, b, 256), lambda: plain_nmi(a, b, 256)),
        ("NMI, 2048 bins", two, lambda: nmi(a, b), lambda: plain_nmi(a, b, 2048)),
        (
            "NMI, 256 bins, float64",
            4 * two,
            lambda: nmi(wide, other, 256),
            lambda: plain_nmi(wide, other, 256),
        ),
        ("FSC, reference", two, lambda: fsc(a, b, reference=True), lambda: plain_fsc(a, b)),
        ("FSC", two, lambda: fsc(a, b), lambda: plain_fsc(a, b)),
        ("FSC, to plain rings", two, lambda: fsc(a, b), lambda: plain_fsc_rings(a, b)),
        ("NSAD + NCC + NMI", two, lambda: compare_images(a, b), lambda: plain_all(a, b)),
        (
            "SNR, reference",
            one,
            lambda: autocorrelation_snr(a, reference=True),
            lambda: plain_snr(a),
        ),
        ("SNR, not wrapped", one, lambda: autocorrelation_snr(a), lambda: plain_snr(a)),
        (
            "noise, reference",
            one,
            lambda: noise_statistics(a, -6000, reference=True),
            lambda: plain_noise(a),
        ),
        ("noise", one, lambda: noise_statistics(a, -6000), lambda: plain_noise(a)),
        (
            "background and factor",
            one,
            lambda: fit_background(a, dark_count=-6000).correction(),
            lambda: plain_background(a),
        ),
    ]
    print(f"{options.size} x {options.size} int16, one core, best of {options.repeat}\n")
    print(f"{'':24}{'ms':>9}{'plain ms':>11}{'ratio':>8}{'GB/s':>8}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, size, fast, plain in rows:
            ours, theirs = best_of(options.repeat, fast, plain)
            print(
                f"{name:24}{ours * 1e3:9.2f}{theirs * 1e3:11.2f}{theirs / ours:8.1f}"
                f"{size / ours / 1e9:8.2f}"
            )


if __name__ == "__main__":
    main()
