"""Frames with two detectors whose signal-to-noise ratios are known."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter


def detectors(seed: int = 0, shape: tuple[int, int] = (96, 128)) -> dict[str, np.ndarray]:
    """One texture in both detectors, SNR 4 in A and 1 in B, int16."""
    texture = gaussian_filter(np.random.default_rng(7).standard_normal(shape), 4.0, mode="wrap")
    signal = 200.0 * texture / texture.std()
    rng = np.random.default_rng(seed)
    return {
        letter: np.rint(level + signal + rng.normal(0, noise, shape)).astype(np.int16)
        for letter, level, noise in (("A", 2000, 100.0), ("B", 1500, 200.0))
    }
