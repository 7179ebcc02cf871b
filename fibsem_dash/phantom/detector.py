"""Detectors of the phantom: from stain to raw counts, with shot noise and artefacts."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fibsem_dash.phantom.lattice import Image
from fibsem_dash.phantom.options import PhantomSettings
from fibsem_dash.phantom.tissue import Section

_NOISE_STREAM, _CURTAIN_STREAM = 2, 3


@dataclass(frozen=True)
class Detector:
    """One detector and its calibration.

    Parameters
    ----------
    letter, name : str
        ``"A"`` or ``"B"``, and the name in the file header.
    dark : float
        Raw counts without any signal.
    pedestal, stain, relief : float
        Counts above the dark count of empty resin, per unit of stain and of surface relief.
    electrons_per_count : float
        Electrons that make one raw count.
    shade : tuple of float
        Relative change of the brightness from the centre to the right edge, to the lower edge,
        and, on top, to both.
    """

    letter: str
    name: str
    dark: float
    pedestal: float
    stain: float
    relief: float
    electrons_per_count: float
    shade: tuple[float, float, float]

    def signal(self, section: Section) -> Image:
        """Return the counts above the dark count without noise, float32 (y, x)."""
        signal = section.stain * np.float32(self.stain)
        signal += np.float32(self.pedestal)
        signal += section.relief * np.float32(self.relief)
        floor = np.float32(0.1 * self.pedestal)
        np.maximum(signal, floor, out=signal)
        return signal

    def field(self, shape: tuple[int, int]) -> Image:
        """Factor by which the brightness varies over the field, float32 (y, x), about 1."""
        y = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
        x = np.linspace(-1, 1, shape[1], dtype=np.float32)[None, :]
        right, down, corner = (np.float32(value) for value in self.shade)
        one, half = np.float32(1), np.float32(0.5)
        factor: Image = one + right * x + down * y + half * corner * (x * x + y * y)
        return factor


# In-lens secondary electrons show the stain strongly; the energy-selective detector has a weaker
# and noisier contrast, a smoother surface and another zero level.
DETECTORS = (
    Detector("A", "InLens", -6512.0, 190.0, 2500.0, 10.0, 1.8, (0.05, -0.09, -0.05)),
    Detector("B", "ESB @ 600 V", -5785.0, 310.0, 1040.0, 6.0, 2.6, (-0.07, 0.03, 0.04)),
)


def raw_counts(
    detector: Detector, signal: Image, settings: PhantomSettings, index: int
) -> NDArray[np.int16]:
    """Record a noise-free signal as raw counts.

    Parameters
    ----------
    detector : Detector
        What records it.
    signal : ndarray, float32, shape (y, x)
        Counts above the dark count.
    settings : PhantomSettings
        Noise, curtains, brightness and seed are used.
    index : int
        Frame number; gives noise and curtains of their own to each frame.

    Returns
    -------
    ndarray, int16, shape (y, x)
        Raw counts. The variance of the noise is proportional to the signal, as counted electrons
        have it.
    """
    bright = signal * detector.field(settings.shape)
    if settings.curtain > 0 and (
        settings.curtain_frames is None or index in settings.curtain_frames
    ):
        bright *= 1 + np.float32(settings.curtain) * curtains(settings, index)
    if settings.noise > 0:
        stream = [settings.seed, _NOISE_STREAM, index, ord(detector.letter)]
        rng = np.random.Generator(np.random.SFC64(stream))
        spread = np.sqrt(np.maximum(bright, 0) * np.float32(1 / detector.electrons_per_count))
        spread *= rng.standard_normal(bright.shape, dtype=np.float32)
        bright += np.float32(settings.noise) * spread
    gain, offset = (1.0, 0.0) if settings.change is None else settings.change.at(index)
    counts = np.rint(bright * np.float32(gain) + np.float32(detector.dark + offset))
    raw: NDArray[np.int16] = np.clip(counts, -32768, 32767).astype(np.int16)
    return raw


def curtains(settings: PhantomSettings, index: int) -> Image:
    """Vertical streaks of unit standard deviation that begin at random heights, float32 (y, x)."""
    height, width = settings.shape
    rng = np.random.default_rng([settings.seed, _CURTAIN_STREAM, index])
    streaks = np.zeros((1, width), np.float32)
    for sigma, share in ((0.8, 0.6), (5.0, 0.8)):
        white = rng.standard_normal((1, width), dtype=np.float32)
        # Unit variance again after the smoothing of white noise along one axis.
        power = np.float32(share * np.sqrt(2 * np.sqrt(np.pi) * sigma))
        streaks += power * cv2.GaussianBlur(white, (0, 0), sigmaX=sigma, sigmaY=0.1)
    onset = rng.uniform(-0.8, 0.8, (1, max(width // 24, 2))).astype(np.float32)
    onset = cv2.resize(onset, (width, 1), interpolation=cv2.INTER_LINEAR)
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    # What throws a curtain lies somewhere in the section; below it the streak stays.
    image: Image = streaks * np.clip((y - onset) * 5, 0, 1)
    return image
