"""Key points of tissue and of its neighbour."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from fibsem_dash.features import KeyPoints, extract_keypoints


@pytest.fixture(scope="session")
def texture() -> np.ndarray:
    """Image with key points of many sizes, (300, 340) uint8."""
    rng = np.random.default_rng(4)
    image = sum(
        cv2.GaussianBlur(rng.normal(0, 1, (300, 340)), (0, 0), sigma) * sigma
        for sigma in (1.5, 3.0, 6.0)
    )
    return cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


@pytest.fixture(scope="session")
def keypoints(texture: np.ndarray) -> KeyPoints:
    return extract_keypoints(texture)


@pytest.fixture
def make_keypoints() -> Callable[..., KeyPoints]:
    """Key points with random descriptors: make_keypoints(n, seed=k)."""

    def make(n: int, seed: int = 0) -> KeyPoints:
        rng = np.random.default_rng(seed)
        numbers = np.arange(n, dtype=np.float32)
        return KeyPoints(
            xy=rng.uniform(0, 500, (n, 2)).astype(np.float32),
            size=numbers + 1,
            angle=numbers,
            response=numbers,
            octave=np.zeros(n, np.int32),
            descriptors=rng.integers(0, 256, (n, 128)).astype(np.uint8),
        )

    return make
