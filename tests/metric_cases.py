"""Images with known answers, made from the recipes of the golden files."""

from __future__ import annotations

import copy
import json
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter


@lru_cache(maxsize=1)
def synthetic_images() -> SimpleNamespace:
    """Two noisy views of one texture (true SNR 4), a Poisson image, a shaded image, pure noise."""
    rng = np.random.default_rng(0)
    texture = gaussian_filter(rng.standard_normal((512, 512)), 4.0, mode="wrap")
    texture = texture / texture.std()
    signal = 1000.0 + 200.0 * texture
    first = signal + 100.0 * rng.standard_normal((512, 512))
    second = signal + 100.0 * rng.standard_normal((512, 512))
    branch = copy.deepcopy(rng)
    noise = branch.standard_normal((512, 512)), branch.standard_normal((512, 512))
    electrons = np.clip(40.0 + 12.0 * texture, 1.0, None)
    poisson = -6000.0 + 10.0 * rng.poisson(electrons)
    y, x = np.mgrid[0:512, 0:512]
    shading = 1.0 + 2e-4 * (x - 256) - 1e-6 * (x - 256) ** 2 + 1e-4 * (y - 256)
    return SimpleNamespace(
        img1=first,
        img2=second,
        imgp=poisson,
        imgf=first * shading,
        shading=shading,
        signal=signal,
        electrons=electrons,
        noise=noise,
    )


@lru_cache(maxsize=1)
def synthetic_stack() -> np.ndarray:
    """Twelve int16 frames of 256 x 256 pixels with small shifts between them."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:288, 0:288].astype(np.float64)
    base = 1000 + 300 * np.sin(x / 11) * np.cos(y / 17) + 200 * np.sin((x + y) / 29)
    for a, b, c, d in rng.uniform(0, 1, size=(40, 4)):
        distance = (x - a * 288) ** 2 + (y - b * 288) ** 2
        base = base + (d - 0.5) * 1200 * np.exp(-distance / (2 * (3 + 9 * c) ** 2))
    shifts = np.clip(np.cumsum(rng.integers(-2, 3, size=(12, 2)), axis=0), -14, 14)
    frames = []
    for dy, dx in shifts:
        crop = base[16 + dy : 272 + dy, 16 + dx : 272 + dx]
        noisy = np.rint(crop + 120 * rng.standard_normal((256, 256)))
        frames.append(np.clip(noisy, -32768, 32767).astype(np.int16))
    return np.stack(frames)


def golden(shared: Path, name: str) -> Any:
    """Content of a golden file, with its words for NaN and infinity as numbers."""
    return _numbers(json.loads((shared / "golden" / name).read_text()))


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _numbers(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_numbers(part) for part in value]
    return float(value) if value in ("nan", "inf", "-inf") else value


@lru_cache(maxsize=1)
def gemini_detectors(shared: Path) -> dict[str, np.ndarray]:
    """Raw pixels of both detectors of the 1000 x 1000 frame: big-endian pairs after the header."""
    content = (shared / "data" / "dat" / "gemini_v9.dat").read_bytes()
    pixels = np.frombuffer(content, ">i2", count=2_000_000, offset=1024).reshape(1000, 1000, 2)
    return {"A": pixels[..., 0].astype(np.int16), "B": pixels[..., 1].astype(np.int16)}
