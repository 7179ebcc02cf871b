"""A frame's analyses are those of its pixels, inside its box, with its dark counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fibsem_dash.compare import fsc
from fibsem_dash.errors import ParameterError
from fibsem_dash.figures import save_figure
from fibsem_dash.flattening import fit_field
from fibsem_dash.frame import FIBSEMFrame
from fibsem_dash.image import (
    autocorrelation_snr,
    fit_background,
    noise_roi_statistics,
    noise_statistics,
)
from fibsem_dash.io import open_frame
from fibsem_dash.registration.canvas import Canvas
from fibsem_dash.registration.warp import RenderSettings, SourceFrame, render_slice
from tests.frame_cases import detectors

WriteFrame = Callable[..., Path]
BOX = (8, 64, 4, 100)
SCALING = np.array([[1e6, 2e6], [-500.0, 300.0], [0.1, 0.2], [0.1, 0.1]])


@pytest.fixture
def frame(write_frame: WriteFrame) -> FIBSEMFrame:
    return FIBSEMFrame(write_frame("frame", detectors(), Scaling=SCALING, PixelSize=4.0))


def test_snr_is_that_of_the_box(frame: FIBSEMFrame) -> None:
    image = frame.image("B")[8:72, 4:104]
    assert frame.snr("B", BOX).values == autocorrelation_snr(image).values
    reference = frame.snr("B", BOX, "linear", reference=True)
    assert reference.values == autocorrelation_snr(image, "linear", reference=True).values
    assert frame.snr("A", kind="scaled").values == pytest.approx(frame.snr("A").values)


@pytest.mark.filterwarnings("ignore::fibsem_dash.numerics.notes.AnalysisWarning")
def test_noise_is_measured_above_the_dark_count_of_the_header(frame: FIBSEMFrame) -> None:
    known = noise_statistics(frame.image("B"), 300.0, box=BOX)
    assert frame.noise("B", BOX).snr1 == known.snr1
    assert frame.noise("B", BOX, 0.0).dark_count == 0.0
    rois = [(0, 40, 0, 40), (60, 90, 30, 70)]
    assert (
        frame.noise_rois(rois).slope == noise_roi_statistics(frame.image(), rois, None, -500).slope
    )


def test_fsc_takes_rows_detectors_or_frames(frame: FIBSEMFrame, write_frame: WriteFrame) -> None:
    other = FIBSEMFrame(write_frame("other", detectors(1), PixelSize=4.0))
    two = frame.fsc(other, "A", BOX)
    crops = frame.image()[8:72, 4:104], other.image()[8:72, 4:104]
    assert two.bandwidth == fsc(*crops, pixel_size_nm=4.0).bandwidth
    assert two.resolution_nm > 0
    both = frame.fsc(other_detector="B", threshold="half-bit")
    known = fsc(frame.image("A"), frame.image("B"), "half-bit", pixel_size_nm=4.0)
    assert both.bandwidth == known.bandwidth
    rows = frame.fsc()
    assert rows.pixel_size_nm == 4.0
    assert rows.frequencies[-1] <= 0.2501
    assert 0 < rows.bandwidth < 0.25


def test_flattening_is_kept_saved_and_applied_like_a_run_does(
    frame: FIBSEMFrame, tmp_path: Path
) -> None:
    with pytest.raises(ParameterError, match="No background"):
        frame.flatten()
    field = frame.fit_background(degree=[2, 1], bins=8)
    fit = fit_background(frame.image("A"), 2, 8, dark_count=-500.0)
    np.testing.assert_array_equal(field.correction("A"), fit.correction())
    assert len(field.fits["B"].coefficients) == 3
    flat = frame.flatten("A")
    np.testing.assert_allclose(flat, (frame.image() + 500.0) * fit.correction() - 500.0)
    file = frame.save_flatten(tmp_path / "flat.npz")
    np.testing.assert_allclose(frame.flatten("A", correction=file), flat, rtol=1e-5)
    settings = RenderSettings(
        Canvas(frame.shape), "float32", flatten_file=str(file), dark_counts=frame.dark_counts
    )
    slice_of_a_run = render_slice((SourceFrame(str(frame.path), np.eye(3)),), settings)
    np.testing.assert_allclose(slice_of_a_run, flat, atol=0.01)
    for kind in ("scaled", "electrons"):
        known = frame.image("A", kind) * fit.correction()
        np.testing.assert_allclose(frame.flatten("A", kind), known)


def test_a_correction_of_one_detector_is_not_that_of_another(
    frame: FIBSEMFrame, tmp_path: Path
) -> None:
    frame.fit_background("A")
    with pytest.raises(ParameterError, match="not fitted"):
        frame.flatten("B")
    file = frame.save_flatten(tmp_path / "flat.npz")
    with pytest.raises(ParameterError, match="no correction"):
        frame.flatten("B", correction=file)


def test_shading_is_found_in_the_mean_of_several_frames(write_frame: WriteFrame) -> None:
    y, x = np.mgrid[0:96, 0:128]
    shading = 1.0 + 2e-3 * (x - 64) + 1e-5 * (y - 48) ** 2
    paths = []
    for k in range(4):
        rng = np.random.default_rng(k)
        image = np.rint((3000 + rng.normal(0, 300, shading.shape)) * shading - 500)
        paths.append(write_frame(f"f{k}", {"A": image.astype(np.int16)}, Scaling=SCALING))
    frames = [open_frame(path) for path in paths]
    factors = [fit_field(frames[:n]).correction() for n in (1, 4)]
    errors = [np.abs(f * shading / (f * shading).mean() - 1).max() for f in factors]
    assert errors[1] < errors[0]
    assert errors[1] < 0.01
    small = write_frame("small", {"A": np.zeros((9, 9), np.int16)})
    with pytest.raises(ParameterError, match="different shapes"):
        fit_field([frames[0], open_frame(small)])
    with pytest.raises(ParameterError, match="One degree"):
        fit_field(frames, degree=[1, 2])
    with pytest.raises(ParameterError):
        fit_field([])


def test_box_is_drawn_on_the_frame(frame: FIBSEMFrame, tmp_path: Path) -> None:
    drawn = frame.draw_box((8, 0, 4, 100), "B", line_width=2.0)
    assert drawn.axes[0].patches[-1].get_bbox().bounds == (3.5, 7.5, 100, 88)
    save_figure(drawn, tmp_path / "box.png", dpi=40)
    with pytest.raises(ParameterError):
        frame.draw_box((0, 1000, 0, 0))


@pytest.mark.real
def test_numbers_of_old_reports(shared: Path) -> None:
    frame = FIBSEMFrame(shared / "data" / "dat" / "gemini_v9.dat")
    assert frame.snr("A", reference=True).values == pytest.approx((99.2351, 90.7090, 80.6254), 1e-5)
    assert frame.snr("B", reference=True).values == pytest.approx((3.81408, 3.71295, 3.71144), 1e-5)
    noise = frame.noise("A", reference=True)
    found = (noise.fitted_dark_count, noise.snr0, noise.snr1)
    assert found == pytest.approx((-6741.689, 892.507, 450.762), 1e-5)
    noise = frame.noise("B", reference=True)
    found = (noise.fitted_dark_count, noise.snr0, noise.snr1)
    assert found == pytest.approx((-5303.660, 29.1495, 5183.646), 1e-5)
    fits = frame.fit_background(reference=True).fits
    assert fits["A"].intercept == pytest.approx(1184.790182, 1e-8)
    assert fits["B"].intercept == pytest.approx(495.088112, 1e-8)
    both = frame.fsc(other_detector="B", reference=True)
    assert both.bandwidth == pytest.approx(0.0204635, 1e-4)
