"""From raw counts to scaled values and electrons, by the rule of the file version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.errors import FormatError

ELECTRON_FACTOR = 0.1
"""Divisor that versions 8 and 9 apply to 16-bit electrons: the scaled value is 10 per electron."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """What one file says about the meaning of its counts.

    Parameters
    ----------
    version : int
        File version; -1 for images without calibration (TIFF): scaled values are the raw ones.
    eight_bit : bool
        Pixels are stored as uint8 of a .dat file.
    scan_rate_hz : float
        Pixels per second.
    scaling : ndarray (4, columns) float64
        As stored in the header.
    columns : mapping of str to int
        Column of each stored detector; a detector without one has no calibration.

    Notes
    -----
    With S0 to S3 for the rows of a detector's column, `scaled` gives

    ==================  ==================================================  =====================
    data                formula                                             unit
    ==================  ==================================================  =====================
    16-bit, v1 to v6    S0 + raw S1                                         volt
    16-bit, v7          (raw - S1) S2                                       electron, uncorrected
    16-bit, v8 and v9   (raw - S1) S2 S0 / ScanRate / 0.1                   10 per electron
    8-bit, any          raw ScanRate / (S0 S2 S3) + S1                      16-bit raw count
    ==================  ==================================================  =====================

    So the scaled values of an 8-bit and a 16-bit file of one version are in different units;
    `electrons` puts both on one scale.
    """

    version: int = -1
    eight_bit: bool = False
    scan_rate_hz: float = 0.0
    scaling: NDArray[np.float64] = field(default_factory=lambda: np.zeros((4, 0)))
    columns: Mapping[str, int] = field(default_factory=dict)

    def dark_count(self, detector: str) -> float:
        """Raw count at zero signal, 0.0 where the file does not say.

        Versions 1 to 6 store volts and no dark count; an 8-bit value is zero at zero signal.
        """
        if self.version < 7 or self.eight_bit or detector not in self.columns:
            return 0.0
        value = float(self.scaling[1, self.columns[detector]])
        return value if np.isfinite(value) else 0.0

    def scaled(self, raw: NDArray[Any], detector: str, *, reference: bool = False) -> NDArray[Any]:
        """Scaled values of raw counts by the formula of the file version (see the class).

        Parameters
        ----------
        raw : ndarray of any shape
            Raw counts of the detector.
        detector : str
            Letter of the detector.
        reference : bool, default False
            True gives 8-bit data as the reference software does: evaluated in float32 and
            truncated toward zero to int32. Other data are the same either way.

        Returns
        -------
        ndarray
            float64 of the same shape (int32 for 8-bit data with ``reference=True``).

        Raises
        ------
        FormatError
            The header has no calibration for this detector, or one that divides by zero.
        """
        if self.version < 0:
            return raw.astype(np.float64)
        s0, s1, s2, s3 = self._column(detector)
        if self.eight_bit:
            factor = self._ratio(self.scan_rate_hz, s0 * s2 * s3, detector)
            if reference:
                return self._truncated(raw, detector)
            return np.asarray(raw * factor + s1, dtype=np.float64)
        if self.version <= 6:
            return s0 + raw.astype(np.float64) * s1
        signal = (raw.astype(np.float64) - s1) * s2
        if self.version == 7:
            return signal
        rate = self._ratio(1.0, self.scan_rate_hz, detector)
        return signal * s0 * rate / ELECTRON_FACTOR

    def electrons(self, raw: NDArray[Any], detector: str) -> NDArray[np.float64]:
        """Compute electrons per pixel, (raw - S1) S2 S0 / ScanRate, or raw / S3 for 8-bit data.

        Parameters
        ----------
        raw : ndarray of any shape
            Raw counts of the detector.
        detector : str
            Letter of the detector.

        Returns
        -------
        ndarray of float64, same shape

        Raises
        ------
        FormatError
            The file cannot say: a TIFF, a version below 7 (volts), or a calibration that divides
            by zero.
        """
        if self.version < 7:
            raise FormatError(
                "The file holds no calibration in electrons",
                expected="a .dat file of version 7 or later",
                found="a TIFF" if self.version < 0 else f"version {self.version}",
                remedy="Use raw or scaled values",
            )
        s0, s1, s2, s3 = self._column(detector)
        if self.eight_bit:
            return np.asarray(raw * self._ratio(1.0, s3, detector), dtype=np.float64)
        rate = self._ratio(s0, self.scan_rate_hz, detector)
        return (raw.astype(np.float64) - s1) * s2 * rate

    def _truncated(self, raw: NDArray[Any], detector: str) -> NDArray[np.int32]:
        s0, s1, s2, s3 = self._column(detector)
        values = raw.astype(np.float32) * np.float32(self.scan_rate_hz)
        scaled = values / np.float32(s0 * s2 * s3) + np.float32(s1)
        return np.asarray(scaled).astype(np.int32)

    def _column(self, detector: str) -> tuple[float, float, float, float]:
        if detector not in self.columns:
            raise FormatError(
                f"The header holds no scaling for detector {detector}",
                expected="detector A or B" if self.version >= 7 else None,
                remedy="Use the raw values",
            )
        s0, s1, s2, s3 = (float(value) for value in self.scaling[:, self.columns[detector]])
        return s0, s1, s2, s3

    def _ratio(self, numerator: float, denominator: float, detector: str) -> float:
        if denominator == 0 or not np.isfinite(denominator):
            raise FormatError(
                f"The header's scaling of detector {detector} divides by {denominator}",
                remedy="Use the raw values",
            )
        return numerator / denominator
