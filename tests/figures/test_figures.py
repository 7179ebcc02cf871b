"""Figures show the curves of their results, name units, and draw whatever a result holds."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fibsem_dash.compare import fsc
from fibsem_dash.errors import ParameterError
from fibsem_dash.figures import (
    draw_background,
    draw_box,
    draw_fsc,
    draw_noise,
    draw_noise_rois,
    draw_quality,
    draw_snapshot,
    draw_snr,
)
from fibsem_dash.figures.snapshot import wrap_notes
from fibsem_dash.figures.style import format_length, format_number, reduced, round_length
from fibsem_dash.image import (
    autocorrelation_snr,
    fit_background,
    noise_roi_statistics,
    noise_statistics,
)
from fibsem_dash.numerics.notes import AnalysisWarning


def lines(figure: Any) -> dict[str, Any]:
    """Lines of all axes by label."""
    return {line.get_label(): line for axes in figure.axes for line in axes.lines}


def line_of(figure: Any, beginning: str) -> Any:
    return next(line for label, line in lines(figure).items() if label.startswith(beginning))


def labels(figure: Any) -> set[str]:
    return {text for axes in figure.axes for text in (axes.get_xlabel(), axes.get_ylabel()) if text}


def rendered(figure: Any) -> Any:
    """Draw for real: what cannot be laid out fails here."""
    figure.canvas.draw()
    return figure


def quietly(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AnalysisWarning)
        return function(*args, **options)


def test_snr_shows_the_autocorrelations(texture: np.ndarray) -> None:
    result = autocorrelation_snr(texture)
    figure = rendered(draw_snr(result, texture, title="$1 and $2", pixel_size_nm=4.0))
    for name in ("x", "y", "radial"):
        direction = getattr(result, name)
        np.testing.assert_array_equal(lines(figure)[name].get_ydata(), direction.autocorrelation)
        np.testing.assert_array_equal(lines(figure)[name].get_xdata(), direction.lags)
        assert line_of(figure, f"{name}: {format_number(direction.snr)}")
    assert labels(figure) == {"Lag (px)", "Autocorrelation (1 at lag 0)"}


def test_noise_shows_variance_against_signal(texture: np.ndarray) -> None:
    result = noise_statistics(texture, -6000.0)
    figure = rendered(draw_noise(result, pixel_size_nm=4.0))
    shown = lines(figure)["bins of equal signal"]
    np.testing.assert_array_equal(shown.get_xdata(), result.means)
    np.testing.assert_array_equal(shown.get_ydata(), result.variances)
    fit = line_of(figure, "line through the bins")
    np.testing.assert_allclose(
        fit.get_ydata(), result.slope * fit.get_xdata() + result.intercept, rtol=1e-12
    )
    dark = line_of(figure, "line through the dark count")
    np.testing.assert_allclose(np.interp(-6000.0, dark.get_xdata(), dark.get_ydata()), 0, atol=1e-6)
    assert {"Signal (counts)", "Variance of the noise (counts²)", "Noise (counts)"} <= labels(
        figure
    )


def test_noise_in_regions_shows_each_region(texture: np.ndarray) -> None:
    rois = [(2, 30, 3, 30), (40, 80, 20, 60)]
    result = noise_roi_statistics(texture, rois, dark_count=-6000.0)
    figure = rendered(draw_noise_rois(result, texture, histogram_roi=(0, 60, 0, 60)))
    for k in range(2):
        point = lines(figure)[f"region {k + 1}"]
        assert (point.get_xdata()[0], point.get_ydata()[0]) == (
            result.means[k],
            result.variances[k],
        )
    assert "Mean signal (counts)" in labels(figure)


@pytest.mark.parametrize("fit_power", [None, 3.0])
def test_fsc_shows_curve_threshold_and_bandwidth(
    texture: np.ndarray, fit_power: float | None
) -> None:
    second = texture + np.random.default_rng(1).normal(0, 50, texture.shape)
    result = fsc(texture, second, pixel_size_nm=4.0, fit_power=fit_power)
    figure = rendered(draw_fsc(result, (texture, second)))
    for label, values in (
        ("correlation of each ring", result.correlation),
        ("smoothed", result.smoothed),
        ("threshold", result.criterion),
    ):
        np.testing.assert_array_equal(lines(figure)[label].get_xdata(), result.frequencies)
        np.testing.assert_array_equal(lines(figure)[label].get_ydata(), values)
    assert line_of(figure, "bandwidth").get_xdata()[0] == result.bandwidth
    assert ("fit" in lines(figure)) == (fit_power is not None)
    curves = figure.axes[-1]
    assert curves.get_xlabel() == "Spatial frequency (cycles per pixel)"
    assert curves.child_axes[0].get_xlabel() == "Spatial frequency (1/µm)"


def test_background_shows_cross_sections(texture: np.ndarray) -> None:
    fit = fit_background(texture, bins=8, dark_count=-6000.0, rois=[(0, 64, 0, 80)])
    figure = rendered(draw_background(fit, x_section=100, y_section=20))
    along_x, along_y = figure.axes[2], figure.axes[3]
    np.testing.assert_array_equal(along_x.lines[0].get_ydata(), fit.blocks[2])
    np.testing.assert_array_equal(along_x.lines[1].get_ydata(), fit.fitted[2])
    np.testing.assert_array_equal(along_y.lines[0].get_ydata(), fit.blocks[:, 12])
    # The middle of the first block of 8 pixels.
    assert along_x.lines[0].get_xdata()[0] == 3.5
    assert along_x.get_ylabel() == "Signal (counts above dark)"


def test_box_is_outlined_around_its_pixels(texture: np.ndarray) -> None:
    figure = rendered(draw_box([texture, texture], (10, 30, 20, 60), titles=["a", "b"]))
    assert len(figure.axes) == 2
    for axes in figure.axes:
        x, y, width, height = axes.patches[-1].get_bbox().bounds
        assert (x, y, width, height) == (9.5, 19.5, 20, 40)
        assert axes.get_xlabel() == "x (px)"
    with pytest.raises(ParameterError):
        draw_box([texture], [(0, 1, 0, 1), (0, 1, 0, 1)])
    with pytest.raises(ParameterError):
        draw_box([], (0, 1, 0, 1))


def test_snapshot_shows_table_notes_and_every_detector(texture: np.ndarray) -> None:
    images = {"A": texture, "B": texture[::-1]}
    figure = rendered(
        draw_snapshot(
            images,
            {"A": (-5600, -5200), "B": (-5500, -5300)},
            [("EHT", "1.2 kV"), ("Sample", "x" * 80)],
            title="frame.dat",
            notes="$cost $5 \n" * 3,
            captions={"A": ("InLens", "contrast 3 %")},
            pixel_size_nm=4.0,
        )
    )
    assert [axes.get_label() for axes in figure.axes] == ["A", "B"]
    texts = [text.get_text() for text in figure.texts]
    assert {"EHT", "1.2 kV", "Detector A: InLens", "Detector B"} <= set(texts)
    assert "grey levels −5600 (white) to −5200 (black) counts" in texts
    with pytest.raises(ParameterError):
        draw_snapshot({}, {})


def test_texts_of_a_snapshot_do_not_overlap(texture: np.ndarray) -> None:
    rows = [(f"label {k}", "w" * 40) for k in range(13)]
    images = {"A": texture[:, :80], "B": texture[:, :80]}
    limits = {"A": (-32768.0, 32767.0), "B": (-32768.0, 32767.0)}
    remark = "0.001 and 0.001 of the pixels beyond them; brightness 32.0 %; contrast 32.0 %"
    captions = dict.fromkeys("AB", ("A name of 18 signs", remark))
    notes = "word " * 300
    figure = rendered(
        draw_snapshot(images, limits, rows, title="t", notes=notes, captions=captions)
    )
    texts = [text for text in figure.texts if text.get_text()]
    boxes = [text.get_window_extent() for text in texts]
    for k, box in enumerate(boxes):
        hit = [texts[n].get_text() for n in range(k + 1, len(boxes)) if box.overlaps(boxes[n])]
        assert not hit, texts[k].get_text()
        assert 0 <= box.x0 < box.x1 <= figure.bbox.width
    assert all(not box.overlaps(axes.bbox) for box in boxes for axes in figure.axes)


def test_notes_are_wrapped_and_cut() -> None:
    assert wrap_notes("", 20) == []
    assert wrap_notes("one two three\nfour", 8) == ["one two", "three", "four"]
    cut = wrap_notes("word " * 100, 20)
    assert len(cut) == 4
    assert cut[-1].endswith("…")
    assert all(len(line) <= 20 for line in cut)


def test_quality_shows_every_run() -> None:
    frames = np.arange(1, 9)
    runs = {
        name: {"frame": frames, "NCC": np.linspace(0.5, top, 8), "NSAD": np.full(8, np.nan)}
        for name, top in (("one", 0.8), ("two", 0.9))
    }
    figure = rendered(draw_quality(runs))
    assert len(figure.axes) == 2
    np.testing.assert_array_equal(
        line_of(figure.axes[1].figure, "two: 0.7").get_ydata(), runs["two"]["NCC"]
    )
    with pytest.raises(ParameterError):
        draw_quality({"empty": {"frame": frames}})


@pytest.mark.parametrize("image", [np.zeros((40, 50)), np.full((40, 50), 7, np.uint8)])
def test_results_without_a_number_are_drawn(image: np.ndarray) -> None:
    rendered(draw_snr(quietly(autocorrelation_snr, image), image))
    rendered(draw_noise(quietly(noise_statistics, image)))
    rois = quietly(noise_roi_statistics, image, [(0, 20, 0, 20)], dark_count=9.0)
    rendered(draw_noise_rois(rois))
    rendered(draw_fsc(fsc(image, image), (image, image)))
    rendered(draw_background(quietly(fit_background, image)))
    rendered(draw_box([image], (0, 50, 0, 40)))
    rendered(draw_snapshot({"A": image}, {"A": (0.0, 0.0)}))


def test_missing_pixels_are_drawn(texture: np.ndarray) -> None:
    holes = texture.astype(float)
    holes[10:30, 20:60] = np.nan
    rendered(draw_snr(quietly(autocorrelation_snr, holes), holes))
    rendered(draw_noise(quietly(noise_statistics, holes, mask=holes < -5300)))
    rendered(draw_fsc(fsc(holes, holes), (holes, holes)))
    rendered(draw_background(quietly(fit_background, holes, bins=4)))
    nothing = np.full((30, 30), np.nan)
    rendered(draw_box([nothing], (0, 30, 0, 30)))


def test_notes_of_a_result_are_shown(texture: np.ndarray) -> None:
    notes = ("a reason $x", "long " * 120)
    result = dataclasses.replace(autocorrelation_snr(texture), notes=notes)
    shown = rendered(draw_snr(result)).get_supxlabel()
    assert shown.startswith("a reason $x\nlong")
    assert shown.count("\n") == 3


def test_large_images_are_averaged_down() -> None:
    large = np.arange(3000 * 10, dtype=np.float64).reshape(10, 3000)
    small = reduced(large)
    assert small.shape[1] == 2000
    np.testing.assert_allclose(small.mean(), large.mean(), rtol=1e-4)
    assert reduced(small) is small


@pytest.mark.parametrize(
    ("length", "rounded", "text"),
    [
        (199.0, 100.0, "100 nm"),
        (200.0, 200.0, "200 nm"),
        (6000.0, 5000.0, "5 µm"),
        (0.7, 0.5, "0.5 nm"),
    ],
)
def test_scale_bars_have_round_lengths(length: float, rounded: float, text: str) -> None:
    assert round_length(length) == pytest.approx(rounded)
    assert format_length(round_length(length)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), "—"),
        (float("-inf"), "−∞"),
        (-6160.65, "−6161"),
        (12345.6, "12346"),
        (0.123456, "0.1235"),
        (1e12, "1e+12"),
    ],
)
def test_numbers_carry_their_digits(value: float, text: str) -> None:
    assert format_number(value) == text
