"""Header telemetry of the phantom's frames, as a microscope would have recorded it."""

from __future__ import annotations

import math

import numpy as np

from fibsem_dash.phantom.detector import DETECTORS
from fibsem_dash.phantom.lattice import Points
from fibsem_dash.phantom.options import PhantomSettings

SCAN_RATE_HZ = 2.0e6
REFERENCE_RATE_HZ = 2.0e6
# How far the milling beam moves on the sample per volt of its deflection.
_MILLING_NM_PER_V = 31235.258870176065
_TELEMETRY_STREAM = 4
_SAMPLE = "Phantom"


def dat_header(settings: PhantomSettings, index: int, matrix: Points) -> dict[str, object]:
    """Header fields of one .dat frame.

    Parameters
    ----------
    settings : PhantomSettings
        Of the phantom; the format decides between version 8 and 9.
    index : int
        Frame number.
    matrix : ndarray, float64, shape (3, 3)
        True matrix of the frame.

    Returns
    -------
    dict
        Field name to value, for `fibsem_dash.io.dat.write_dat`.
    """
    rng = np.random.default_rng([settings.seed, _TELEMETRY_STREAM, index])
    jitter = rng.standard_normal(5)
    height, width = settings.shape
    milled_nm = index * settings.slice_nm
    header: dict[str, object] = {
        "SWdate": "01/01/2022",
        "ScanRate": SCAN_RATE_HZ,
        "Scaling": _scaling(),
        "DetA": DETECTORS[0].name,
        "DetB": DETECTORS[1].name,
        "Notes": f"{_SAMPLE}, synthetic tissue, 3.0nA /{settings.pixel_size_nm:g}nm @ 15nA, "
        f"seed {settings.seed}",
        "MachineID": "Phantom-1",
        "PixelSize": settings.pixel_size_nm,
        "Mag": 1.1e8 / (settings.pixel_size_nm * width),
        "EHT": 1.2,
        "SEMCurr": 3.0e-9,
        "WD": 5.0 + (milled_nm + 1.5 * jitter[0]) * 1e-6,
        "MillingYVoltage": 2.5 - (milled_nm + 1.5 * jitter[1]) / _MILLING_NM_PER_V,
        "SEMSpecimenI": -1.75 + 0.02 * math.sin(index / 40) + 0.003 * jitter[2],
        "Temperature": 70.2 + 0.2 * math.sin(index / 150) + 0.02 * jitter[3],
        "FocusIndex": 1.0 + 0.01 * jitter[4],
        "FIBSliceNum": index + 1,
        "MillingLinesPerImage": 1,
        "MillingI": 15.0,
        "FIBFOV": settings.pixel_size_nm * width * 1.2e-3,
        "StageM": 5.0,
    }
    if settings.format == "dat9":
        # The microscope follows the sample by part of the drift, in whole pixels.
        shift = matrix[:2, :2] @ np.array([(width - 1) / 2, (height - 1) / 2]) + matrix[:2, 2]
        header |= {
            "Sample_ID": _SAMPLE,
            "FirstPixelX": -(width // 2) - round(float(shift[0] - (width - 1) / 2) / 3),
            "FirstPixelY": -(height // 2) - round(float(shift[1] - (height - 1) / 2) / 3),
        }
    return header


def _scaling() -> Points:
    """Return reference rate, dark count, electrons per count and 8-bit factor of both detectors.

    At the reference rate (raw - dark) * gain is the number of electrons, so that the scaled value
    of a version 8 or 9 frame is ten times that.
    """
    columns = [
        (REFERENCE_RATE_HZ, d.dark, d.electrons_per_count * SCAN_RATE_HZ / REFERENCE_RATE_HZ, 0.1)
        for d in DETECTORS
    ]
    return np.array(columns).T
