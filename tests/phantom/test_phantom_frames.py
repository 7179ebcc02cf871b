"""Frames of the phantom: determinism, drift, noise and artefacts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from fibsem_dash.errors import ParameterError
from fibsem_dash.phantom import BrightnessChange, FrameRenderer, PhantomSettings
from fibsem_dash.phantom.detector import DETECTORS, curtains
from fibsem_dash.phantom.geometry import frame_matrices

SMALL = PhantomSettings(frames=6, size=(72, 97), seed=5)


def test_frames_are_pure_functions_of_settings_and_number() -> None:
    first = FrameRenderer(SMALL)
    forwards = [first.frame(k) for k in (1, 4)]
    backwards = [FrameRenderer(SMALL).frame(k) for k in (4, 1)][::-1]
    for a, b in zip(forwards, backwards, strict=True):
        assert a.keys() == {"A", "B"}
        for letter in a:
            assert a[letter].dtype == np.int16
            assert a[letter].shape == (72, 97)
            np.testing.assert_array_equal(a[letter], b[letter])
    assert not np.array_equal(forwards[0]["A"], forwards[1]["A"])


def test_a_shorter_phantom_is_the_beginning_of_a_longer_one() -> None:
    long = FrameRenderer(replace(SMALL, frames=40))
    short = FrameRenderer(SMALL)
    np.testing.assert_array_equal(long.matrices[:6], short.matrices)
    np.testing.assert_array_equal(long.frame(3)["B"], short.frame(3)["B"])


def test_matrices_follow_the_settings() -> None:
    settings = PhantomSettings(
        frames=400, size=200, drift_px=0.7, scale_trend=1e-4, shear_trend=5e-5
    )
    matrices = frame_matrices(settings)
    np.testing.assert_array_equal(matrices[0], np.eye(3))
    assert matrices[300, 0, 0] == pytest.approx(1.03)
    assert matrices[300, 1, 1] == pytest.approx(0.97)
    assert matrices[300, 0, 1] == pytest.approx(0.015)
    assert matrices[300, 1, 0] == 0
    steps = np.diff((matrices @ [99.5, 99.5, 1.0])[:, :2], axis=0)
    assert steps.std() == pytest.approx(0.7, rel=0.1)


def test_jump_displaces_everything_from_its_frame_on() -> None:
    plain, jumped = frame_matrices(SMALL), frame_matrices(replace(SMALL, jump=(3, 12.5)))
    np.testing.assert_array_equal(jumped[:3], plain[:3])
    difference = jumped[3:] - plain[3:]
    np.testing.assert_allclose(difference[:, 0, 2], 12.5)
    difference[:, 0, 2] = 0
    np.testing.assert_allclose(difference, 0, atol=1e-12)


def test_counts_look_like_a_raw_frame() -> None:
    frame = FrameRenderer(PhantomSettings(frames=1, size=512)).frame(0)
    for detector in DETECTORS:
        low, high = np.quantile(frame[detector.letter], [1e-3, 1 - 1e-3])
        assert detector.dark < low < high < 0
    spans = [np.ptp(np.quantile(frame[letter], [1e-3, 1 - 1e-3])) for letter in "AB"]
    assert 1500 < spans[0] < 3000
    assert spans[1] < 0.6 * spans[0]


def test_key_points_per_megapixel() -> None:
    image = FrameRenderer(PhantomSettings(frames=1, size=512)).frame(0)["A"].astype(float)
    low, high = np.quantile(image, [1e-3, 1 - 1e-3])
    grey = np.clip((image - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    assert 2000 < 4 * len(cv2.SIFT_create().detect(grey, None)) < 10000


def test_noise_is_that_of_counted_electrons() -> None:
    settings = replace(SMALL, size=256, blank=(0,), curtain=0.0)
    frame = FrameRenderer(settings).frame(0)
    quiet = FrameRenderer(replace(settings, noise=0.0)).frame(0)
    for detector in DETECTORS:
        mean = quiet[detector.letter] - detector.dark
        noise = frame[detector.letter].astype(float) - quiet[detector.letter]
        electrons = noise**2 * detector.electrons_per_count / mean
        assert electrons.mean() == pytest.approx(1.0, abs=0.03)


def test_noise_factor_scales_the_deviation() -> None:
    settings = replace(SMALL, size=128)
    quiet = FrameRenderer(replace(settings, noise=0.0)).frame(1)["A"].astype(float)
    once = FrameRenderer(settings).frame(1)["A"] - quiet
    thrice = FrameRenderer(replace(settings, noise=3.0)).frame(1)["A"] - quiet
    assert thrice.std() == pytest.approx(3 * once.std(), rel=0.02)


def test_blank_frame_has_the_mean_but_no_structure() -> None:
    plain = FrameRenderer(replace(SMALL, size=128))
    blank = FrameRenderer(replace(SMALL, size=128, blank=(2,)))
    np.testing.assert_array_equal(blank.frame(1)["A"], plain.frame(1)["A"])
    empty, full = blank.frame(2)["A"].astype(float), plain.frame(2)["A"].astype(float)
    assert empty.mean() == pytest.approx(full.mean(), abs=0.03 * (full.mean() + 6512))
    smooth_empty, smooth_full = (cv2.GaussianBlur(image, (0, 0), 2) for image in (empty, full))
    assert smooth_empty.std() < 0.3 * smooth_full.std()


def test_curtains_are_vertical_and_only_where_asked() -> None:
    settings = replace(SMALL, size=200, noise=0.0, curtain=0.1, curtain_frames=(2,))
    plain = FrameRenderer(replace(settings, curtain=0.0))
    curtained = FrameRenderer(settings)
    np.testing.assert_array_equal(curtained.frame(1)["A"], plain.frame(1)["A"])
    dark = DETECTORS[0].dark
    streaks = (curtained.frame(2)["A"] - dark) / (plain.frame(2)["A"] - dark) - 1
    bottom = streaks[-20:]
    assert bottom.std() == pytest.approx(0.1, rel=0.35)
    assert np.abs(np.diff(bottom, axis=0)).mean() < 0.1 * np.abs(np.diff(bottom, axis=1)).mean()
    everywhere = FrameRenderer(replace(settings, curtain_frames=None)).frame(1)["A"]
    assert not np.array_equal(everywhere, plain.frame(1)["A"])


def test_curtains_differ_from_frame_to_frame() -> None:
    settings = replace(SMALL, size=300)
    first, second = curtains(settings, 0), curtains(settings, 1)
    assert abs(np.corrcoef(first[-1], second[-1])[0, 1]) < 0.4


def test_brightness_step_and_ramp() -> None:
    settings = replace(SMALL, noise=0.0)
    plain = FrameRenderer(settings)
    step = FrameRenderer(replace(settings, brightness_change=(2, 1.5, 100.0)))
    np.testing.assert_array_equal(step.frame(1)["A"], plain.frame(1)["A"])
    expected = (plain.frame(2)["A"] + 6512.0) * 1.5 - 6512.0 + 100.0
    np.testing.assert_allclose(step.frame(2)["A"], expected, atol=1.5)
    ramp = BrightnessChange(2, gain=2.0, offset=40.0, ramp=3)
    gains = [ramp.at(k)[0] for k in range(1, 7)]
    assert gains == pytest.approx([1.0, 1.25, 1.5, 1.75, 2.0, 2.0])
    assert ramp.at(5)[1] == 40.0


@pytest.mark.parametrize(
    "change",
    [
        {"frames": 0},
        {"frames": 2.5},
        {"frames": True},
        {"size": 8},
        {"size": (64, 64, 2)},
        {"size": "large"},
        {"size": 10**6},
        {"seed": -1},
        {"format": "dat7"},
        {"drift_px": -1.0},
        {"drift_px": float("nan")},
        {"scale_trend": 0.2},
        {"shear_trend": -0.2},
        {"noise": -0.1},
        {"noise": "loud"},
        {"blank": (6,)},
        {"blank": 3},
        {"jump": (0, 5.0)},
        {"jump": (2,)},
        {"jump": (2, float("inf"))},
        {"jump": 2},
        {"curtain": 1.5},
        {"curtain_frames": (-1,)},
        {"brightness_change": (9, 1.0)},
        {"brightness_change": (1, 0.0)},
        {"brightness_change": (1, 1.0, 0.0, 0, 0)},
        {"brightness_change": 3},
        {"pixel_size_nm": 0},
        {"slice_nm": -8},
    ],
)
def test_bad_settings_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ParameterError) as caught:
        replace(SMALL, **change)
    assert next(iter(change)) in str(caught.value)
    assert caught.value.expected
    assert caught.value.remedy
