"""What a trial of one pair of frames found."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fibsem_dash.features import KeyPoints, Matches
from fibsem_dash.registration.trial_region import Region
from fibsem_dash.transforms import TransformEstimate, residuals
from fibsem_dash.transforms.matrices import Array

PARTS = ("read", "range", "key points", "matching", "solving")
"""Names of the timed parts, in order."""


@dataclass(frozen=True, eq=False)
class TrialFrame:
    """One frame of a trial.

    Attributes
    ----------
    path : str
        The file.
    image : (y, x) uint8 array
        What key points are taken from: the region in 8 bits.
    minimum, maximum : float
        Grey levels of the whole frame that became 0 and 255, counts.
    region : Region
        Place of the image in the frame.
    pixel_size_nm : float
        From the header.
    shape : (int, int)
        Size (y, x) of the whole frame, px.
    """

    path: str
    image: npt.NDArray[np.uint8]
    minimum: float
    maximum: float
    region: Region
    pixel_size_nm: float
    shape: tuple[int, int] = (0, 0)


@dataclass(frozen=True, eq=False)
class PairTrial:
    """All that a trial of one pair found; falsy where no transform was found.

    Points and matrix are in the pixels of whole frames, also where a region was tried.

    Attributes
    ----------
    first, second : TrialFrame
        The frames.
    first_points, second_points : KeyPoints
        Their key points.
    matches : Matches
        All candidates.
    used : (n,) bool array
        Candidates that the estimate chose from.
    estimate : TransformEstimate
        Its `inliers` refer to the used matches.
    n_matches : int
        Candidates that passed Lowe's test.
    seconds : dict
        Time by part, see `PARTS`; of a part that was kept, the time when it was made.
    kept : frozenset of str
        Parts that were not made anew.
    note : str
        What was left out, in words; empty when whole frames were tried.
    """

    first: TrialFrame
    second: TrialFrame
    first_points: KeyPoints
    second_points: KeyPoints
    matches: Matches
    used: npt.NDArray[np.bool_]
    estimate: TransformEstimate
    n_matches: int
    seconds: dict[str, float] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
    note: str = ""

    def __bool__(self) -> bool:
        return bool(self.estimate)

    @property
    def matrix(self) -> Array:
        """First frame's coordinates to the second's, (3, 3); NaN when failed."""
        return self.estimate.matrix

    @property
    def n_inliers(self) -> int:
        """Matches that the matrix rests on."""
        return self.estimate.n_inliers

    @property
    def inliers(self) -> npt.NDArray[np.bool_]:
        """Which of all candidates the matrix rests on, (n,) bool."""
        mask = np.zeros(len(self.matches), bool)
        mask[np.flatnonzero(self.used)] = self.estimate.inliers
        return mask

    @property
    def residual_vectors(self) -> Array:
        """Where the matrix puts a point minus where its match lies, of the inliers, (n, 2) px."""
        chosen = self.inliers
        if not self:
            return np.zeros((0, 2))
        src = self.matches.src[chosen].astype(np.float64)
        return residuals(self.matrix, src, self.matches.dst[chosen].astype(np.float64))

    @property
    def whole_over_part(self) -> float:
        """Pixels of a frame over those that were tried."""
        return float(np.prod(self.first.shape) / self.first.image.size)

    @property
    def pair_seconds(self) -> float:
        """Time that this pair adds to a run, where every frame is read and searched once.

        Where a part was tried, what grows with the pixels is scaled to the whole frame.
        """
        s = self.seconds
        per_pixel = s["key points"] / 2 + s["matching"] + s["solving"]
        return (s["read"] + s["range"]) / 2 + per_pixel * self.whole_over_part
