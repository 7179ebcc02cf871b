"""Stacks of known drift cut out of aligned slices: other regions, noise, seeds, directions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tifffile


@dataclass(frozen=True)
class TissueCase:
    """How a stack is made.

    Attributes
    ----------
    name : str
        Tells it from others.
    size : int
        Side of a frame, px.
    seed : int
        Of drift and noise.
    drift : float
        Standard deviation of the random step along each axis, px per frame.
    noise : float
        Standard deviation of white noise, counts; the slices span about 2550.
    stretch : float
        Growth of the scale along x, and decrease along y, per frame.
    region : (int, int)
        Where the middle of the frames lies from that of the slices (x, y), px.
    backwards : bool
        Whether the last slice comes first.
    """

    name: str
    size: int = 400
    seed: int = 11
    drift: float = 1.2
    noise: float = 40.0
    stretch: float = 1e-4
    region: tuple[int, int] = (0, 0)
    backwards: bool = False


CASES = (
    TissueCase("centre"),
    TissueCase("seed 5", seed=5),
    TissueCase("seed 9", seed=9),
    TissueCase("seed 21", seed=21),
    TissueCase("seed 22, drift 2.5", seed=22, drift=2.5),
    TissueCase("backwards", seed=23, backwards=True),
    TissueCase("stretch 1e-3", seed=24, stretch=1e-3),
    TissueCase("noise x 2", seed=25, noise=80),
    TissueCase("noise x 4", noise=160),
    TissueCase("noise x 4, seed 26", seed=26, noise=160),
    TissueCase("480 px", seed=27, size=480),
    TissueCase("300 px", seed=28, size=300),
    *(
        TissueCase(f"300 px, {name}", seed=30 + k, size=300, drift=1.0, region=region)
        for k, (name, region) in enumerate(
            {
                "upper left": (-90, -90),
                "upper right": (90, -90),
                "lower left": (-90, 90),
                "lower right": (90, 90),
            }.items()
        )
    ),
)

TILES = tuple(
    TissueCase(f"tile {x:+}, {y:+}", size=160, seed=40 + k, drift=0.8, region=(x, y))
    for k, (y, x) in enumerate((y, x) for y in (-160, 0, 160) for x in (-160, 0, 160))
)
"""Nine regions that have no pixel in common: most of CASES see the same tissue."""


def write_case(slices: Path, out: Path, case: TissueCase) -> None:
    """Write frames as TIFF files of 16 bits, and truth.json with the matrices from frame 0.

    Parameters
    ----------
    slices : Path
        Folder of aligned slices, 8-bit PNG or TIFF files in order of their names.
    out : Path
        Folder of the frames; it exists.
    case : TissueCase
        What to make.
    """
    paths = sorted(path for path in slices.iterdir() if path.suffix in {".png", ".tif"})
    if case.backwards:
        paths.reverse()
    rng = np.random.default_rng(case.seed)
    shift = np.cumsum(rng.normal(0, case.drift, (len(paths), 2)), 0)
    shift = np.clip(shift - shift[0], -45, 45)
    truth = []
    for i, path in enumerate(paths):
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(np.float32)
        corner = (np.array(image.shape[::-1]) - case.size) / 2 + case.region
        grown = case.stretch * i
        matrix = np.array([[1 + grown, 0, shift[i, 0]], [0, 1 - grown, shift[i, 1]], [0, 0, 1.0]])
        inverse = np.linalg.inv(matrix)
        inverse[:2, 2] += corner
        frame = cv2.warpAffine(
            image,
            inverse[:2],
            (case.size, case.size),
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        )
        counts = -6000 + 10 * frame + rng.normal(0, case.noise, frame.shape)
        tifffile.imwrite(out / f"{i:04}.tif", np.round(counts).astype(np.int16))
        truth.append(matrix.tolist())
    (out / "truth.json").write_text(json.dumps({"T": truth}))
