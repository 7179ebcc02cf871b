"""Small images whose analyses are drawn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter


@pytest.fixture(scope="session")
def texture() -> np.ndarray:
    """Counted electrons on a smooth texture, (80, 120) int16."""
    rng = np.random.default_rng(5)
    smooth = gaussian_filter(rng.standard_normal((80, 120)), 3.0)
    electrons = 60.0 + 15.0 * smooth / smooth.std()
    return (-6000 + 10 * rng.poisson(electrons.clip(1))).astype(np.int16)
