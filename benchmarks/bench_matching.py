"""Find where exact matching of key points stops being faster than the k-d trees.

Descriptors are those of two neighbouring frames of a phantom, cut to so many key points each, on
one thread as in a worker. `exact` is one matrix product, `trees` is FLANN with the default effort,
`BFMatcher` is OpenCV's own exact search. Same: share of the exact matches below Lowe's ratio that
the trees find too.

    python benchmarks/bench_matching.py [--size PX] [--repeat N]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from fibsem_dash.features import KeyPoints, extract_keypoints
from fibsem_dash.features.matching import BRUTE_FORCE_PAIRS, GUIDED_PAIRS, Matches, match_keypoints
from fibsem_dash.image.contrast import to_8bit
from fibsem_dash.phantom import FrameRenderer, PhantomSettings
from fibsem_dash.settings import MatchingSettings

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
NUMBERS = (1000, 2000, 4000, 6000, 8000, 11000, 16000, 24000)


def keypoints(size: int) -> list[KeyPoints]:
    renderer = FrameRenderer(PhantomSettings(frames=2, size=size))
    found = []
    for k in range(2):
        image = renderer.frame(k)["A"]
        low, high = np.quantile(image, [1e-3, 1 - 1e-3])
        found.append(extract_keypoints(to_8bit(image, float(low), float(high))))
    return found


def cut(points: KeyPoints, n: int) -> KeyPoints:
    chosen = np.argsort(-points.response, kind="stable")[:n]
    return KeyPoints(**{name: array[chosen] for name, array in points.to_arrays().items()})


def best_time(repeat: int, function: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        result = function(*arguments)
        times.append(time.perf_counter() - start)
    return min(times), result


def good_pairs(matches: Matches, ratio: float) -> set[tuple[int, int]]:
    below = matches.below(ratio)
    pairs = zip(matches.src_index[below], matches.dst_index[below], strict=True)
    return {(int(a), int(b)) for a, b in pairs}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=2048, metavar="PX")
    parser.add_argument("--repeat", type=int, default=3, metavar="N")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    everything = keypoints(options.size)
    most = min(map(len, everything))
    print(f"two frames of {options.size} x {options.size}, {most} key points or more, one thread")
    print(
        f"{'key points':>10s}{'exact ms':>10s}{'trees ms':>10s}{'BFMatcher ms':>14s}{'same':>8s}"
        f"{'guided ms':>11s}{'same':>8s}"
    )
    for n in [n for n in NUMBERS if n < most] + [most]:
        first, second = (cut(points, n) for points in everything)
        exact_s, exact = best_time(options.repeat, match, first, second, "brute_force")
        trees_s, trees = best_time(options.repeat, match, first, second, "flann")
        a, b = (points.descriptors.astype(np.float32) for points in (first, second))
        bf_s, _ = best_time(1, cv2.BFMatcher(cv2.NORM_L2).knnMatch, a, b, 2)
        wanted = good_pairs(exact, MatchingSettings().lowe_ratio)
        ratio = MatchingSettings().lowe_ratio
        same = len(wanted & good_pairs(trees, ratio)) / max(len(wanted), 1)
        guided_s, guided = best_time(options.repeat, match, first, second, "guided")
        near = len(wanted & good_pairs(guided, ratio)) / max(len(wanted), 1)
        print(
            f"{n:10d}{exact_s * 1e3:10.0f}{trees_s * 1e3:10.0f}{bf_s * 1e3:14.0f}{same:8.1%}"
            f"{guided_s * 1e3:11.0f}{near:8.1%}",
            flush=True,
        )
    print(
        f"'auto' is exact up to {GUIDED_PAIRS**0.5:.0f} key points in each frame, then guided; "
        f"without a rough transform exact up to {BRUTE_FORCE_PAIRS**0.5:.0f}, then trees"
    )


def match(first: KeyPoints, second: KeyPoints, matcher: str) -> Matches:
    return match_keypoints(first, second, MatchingSettings(matcher=matcher))


if __name__ == "__main__":
    if any(os.environ.get(name) != "1" for name in ONE_THREAD):
        # NumPy reads these when it is loaded, which has happened already.
        os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
        sys.exit(subprocess.call([sys.executable, *sys.argv]))
    main()
