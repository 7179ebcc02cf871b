"""The volume of the phantom: the same continuous function wherever it is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, spline_filter

from fibsem_dash.phantom import FrameRenderer, PhantomSettings
from fibsem_dash.phantom.lattice import GrainField, SplineField, View, hash_lattice, uniform
from fibsem_dash.phantom.tissue import Tissue


def upright(shape: tuple[int, int], x: float = 0.0, y: float = 0.0, z: float = 0.0) -> View:
    return View(np.array([[1.0, 0.0, x], [0.0, 1.0, y]]), shape, z)


def test_hash_is_uniform_and_has_no_stripes() -> None:
    index = np.arange(-300, 300)
    value = uniform(hash_lattice(7, -3, index[:, None], index[None, :])) - 0.5
    assert abs(value.mean()) < 2e-3
    assert value.std() == pytest.approx(12**-0.5, rel=5e-3)
    spectrum = np.abs(np.fft.fft2(value)) ** 2
    # The power of white noise is exponential: of 3.6e5 values none lies far beyond 13 means.
    assert spectrum.max() < 25 * spectrum.mean()


def test_hash_planes_are_unrelated() -> None:
    index = np.arange(400)
    planes = [uniform(hash_lattice(7, z, index[:, None], index[None, :])).ravel() for z in range(3)]
    correlation = np.corrcoef(planes) - np.eye(3)
    assert np.abs(correlation).max() < 0.01


@pytest.mark.parametrize("field", [SplineField(3, (12, 8, 16)), GrainField(5, 1.2, 6.0)])
def test_field_has_unit_variance_at_every_depth(field: SplineField | GrainField) -> None:
    for z in (0.0, 2.7):
        drawn = field.draw(upright((600, 600), z=z))
        assert drawn.dtype == np.float32
        assert drawn.std() == pytest.approx(1.0, abs=0.08)
        assert abs(drawn.mean()) < 0.1


def test_spline_field_agrees_with_its_value_at_single_points() -> None:
    field = SplineField(11, (20, 24, 16))
    drawn = field.draw(upright((40, 50), x=-31.0, y=13.0, z=7.3))
    y, x = (g.ravel().astype(float) for g in np.mgrid[0:40, 0:50])
    exact = field.at(np.full(len(x), 7.3), y + 13.0, x - 31.0).reshape(40, 50)
    # Linear interpolation over 2 px of a spline with knots 16 px apart.
    assert np.abs(drawn - exact).max() < 0.02


def test_section_does_not_depend_on_the_window() -> None:
    tissue = Tissue(4)
    whole = tissue.draw(upright((160, 200), z=5.5))
    part = tissue.draw(upright((61, 83), x=70.0, y=40.0, z=5.5))
    crop = (slice(40, 101), slice(70, 153))
    np.testing.assert_allclose(part.stain, whole.stain[crop], atol=1e-4)
    np.testing.assert_allclose(part.relief, whole.relief[crop], atol=1e-4)


def test_seeds_give_unrelated_tissue() -> None:
    stains = [Tissue(seed).draw(upright((200, 200))).stain.ravel() for seed in (0, 1)]
    assert abs(np.corrcoef(stains)[0, 1]) < 0.2


def remaining_shift(moved: NDArray[np.float64], still: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shift (x, y) in pixels between two nearly equal images, by least squares on the gradient."""
    gy, gx = np.gradient(still)
    inner = (slice(3, -3), slice(3, -3))
    design = np.stack([gx[inner].ravel(), gy[inner].ravel()], axis=1)
    solution, *_ = np.linalg.lstsq(design, (moved - still)[inner].ravel(), rcond=None)
    return solution


def test_geometry_is_exact() -> None:
    """Frames drawn at one depth and warped back by their matrix coincide with frame 0."""
    settings = PhantomSettings(
        frames=30,
        size=(260, 301),
        seed=2,
        drift_px=1.3,
        scale_trend=4e-4,
        shear_trend=3e-4,
        jump=(10, 7.25),
    )
    renderer = FrameRenderer(settings)
    still = renderer.signal(0, depth_px=0.0)["A"].astype(float)
    y, x = np.mgrid[0:260, 0:301].astype(float)
    points = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    for index in (7, 29):
        matrix = renderer.matrices[index]
        drawn = renderer.signal(index, depth_px=0.0)["A"].astype(float)
        to_x, to_y, _ = matrix @ points
        back = map_coordinates(spline_filter(drawn), [to_y, to_x], prefilter=False, mode="mirror")
        back = back.reshape(still.shape)
        for rows in (slice(30, 130), slice(130, 230)):
            for columns in (slice(40, 150), slice(150, 260)):
                tile = (rows, columns)
                assert np.abs(remaining_shift(back[tile], still[tile])).max() < 0.01
        inner = (slice(30, 230), slice(40, 260))
        assert (back - still)[inner].std() < 0.02 * still.std()


def test_tissue_changes_slowly_with_depth() -> None:
    renderer = FrameRenderer(PhantomSettings(frames=30, size=300, drift_px=0, scale_trend=0))
    images = [renderer.signal(0, depth_px=z)["A"].ravel() for z in (0.0, 1.0, 8.0)]
    near, far = np.corrcoef(images)[0, 1:]
    assert near > 0.93
    assert 0.1 < far < 0.8
