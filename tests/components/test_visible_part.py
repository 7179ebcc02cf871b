"""What an image view reads of a large frame."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("panel_material_ui")

from components.widgets import image_view
from components.widgets.image_view import visible_part

SHAPE = (600, 800)


@pytest.fixture
def ramp() -> np.ndarray:
    """Grey levels that tell the column, big-endian as in a file."""
    return np.tile(np.arange(SHAPE[1], dtype=">i2"), (SHAPE[0], 1))


@pytest.mark.parametrize("limit", [10**9, 480_000, 100_000, 10_000, 1])
@pytest.mark.parametrize("bounds", [(0, 800, 0, 600), (100.5, 723.2, -50, 700), (3, 9, 4, 8)])
def test_pixels_lie_where_they_are_in_the_frame(
    ramp: np.ndarray, bounds: tuple[float, ...], limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_view, "SMOOTH_PIXELS", limit)
    part, (xi, xa, yi, ya) = visible_part(SHAPE, lambda r, c: ramp[r, c], bounds, 100)
    assert part.dtype.isnative
    assert max(part.shape) <= 100
    assert (xi, yi) == (max(int(bounds[0]), 0), max(int(bounds[2]), 0))
    width = (xa - xi) / part.shape[1]
    centres = xi + (np.arange(part.shape[1]) + 0.5) * width - 0.5
    # A sampled pixel is the first of its block.
    assert np.abs(part[0] - centres).max() <= width / 2 + 0.5
    assert ya - yi >= min(bounds[3], SHAPE[0]) - yi


def test_large_parts_are_sampled_and_small_ones_averaged(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(1).normal(0, 100, (1200, 1200)).astype("f4")
    spread = {}
    for limit in (10**9, 160_000, 1):
        monkeypatch.setattr(image_view, "SMOOTH_PIXELS", limit)
        part, _ = visible_part(noise.shape, lambda r, c: noise[r, c], (0, 1200, 0, 1200), 200)
        assert part.shape == (200, 200)
        spread[limit] = part.std()
    # 36, 4 and 1 pixels a mean.
    assert spread[10**9] == pytest.approx(100 / 6, rel=0.05)
    assert spread[160_000] == pytest.approx(100 / 2, rel=0.05)
    assert spread[1] == pytest.approx(100, rel=0.05)
