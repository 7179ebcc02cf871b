"""The header of a frame as old notebooks met it: attributes and the printed list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fibsem_dash.io.raw_frame import RawFrame

_MICROSCOPE = """Notes SEMShiftX SEMShiftY DetA DetB DetC DetD Mag PixelSize WD EHT SEMApr
HighCurrent SEMCurr SEMRot ChamVac GunVac SEMStiX SEMStiY SEMAlnX SEMAlnY StageX StageY StageZ
StageT StageR StageM BrightnessA ContrastA BrightnessB ContrastB Mode FIBFocus FIBProb FIBCurr
FIBRot FIBAlnX FIBAlnY FIBStiX FIBStiY FIBShiftX FIBShiftY MillingXResolution MillingYResolution
MillingXSize MillingYSize MillingULAng MillingURAng MillingLineTime FIBFOV MillingPIDOn
MillingPIDMeasured MillingPIDTarget MillingPIDTargetSlope MillingPIDP MillingPIDI MillingPIDD
MachineID SEMSpecimenI Temperature FaradayCupI FIBSpecimenI BeamDump1I MillingYVoltage FocusIndex
FIBSliceNum BeamDump2I MillingI SEMSpecimenI FileLength"""
DAT_ORDER = (
    "FileMagicNum FileVersion FileType SWdate TimeStep ChanNum EightBit Scaling RestartFlag "
    "StageMove FirstPixelX FirstPixelY XResolution YResolution AIDelay Oversampling "
    "ZeissScanSpeed DecimatingFactor ScanRate FramelineRampdownRatio Xmin Xmax Detmin Detmax "
    f"AI1 AI2 AI3 AI4 Sample_ID {_MICROSCOPE}"
).split()
"""Fields in the order in which they are printed."""
TIF_ORDER = ("Sample_ID", "DetA", "DetB", "EightBit", "XResolution", "YResolution", "PixelSize")
_LABELS = {"FIBFOV": "FIBFOV (um)"}


def frame_attributes(frame: RawFrame, pixel_size_nm: float, sample_id: str) -> dict[str, Any]:
    """Return the attributes that come from the header.

    Parameters
    ----------
    frame : RawFrame
    pixel_size_nm : float
        For TIFF frames that do not tell theirs.
    sample_id : str
        For TIFF frames.
    """
    values: dict[str, Any] = dict(frame.header)
    values |= {"YResolution": frame.shape[0], "XResolution": frame.shape[1]}
    if frame.format == "dat":
        return values | _scaling(values)
    told = frame.header.get("PixelSizeSource") != "default"
    values |= {
        "FileVersion": -1,
        "EightBit": int(frame.dtype == np.uint8),
        "DetA": frame.detector_names.get("A") or "Detector A",
        "DetB": frame.detector_names.get("B") or "None",
        "Sample_ID": sample_id,
        "PixelSize": frame.pixel_size_nm if told else pixel_size_nm,
        "Scaling": np.array([[1.0, 1.0], [0.0, 0.0], [1.0, 1.0], [1.0, 1.0]]),
    }
    return values


def _scaling(values: Mapping[str, Any]) -> dict[str, Any]:
    """Scaling as old versions held it; ScalingS keeps what the file says."""
    stored = np.asarray(values["Scaling"], dtype=np.float64)
    changed: dict[str, Any] = {"Scaling": stored.copy(), "ScalingS": tuple(stored.T.ravel())}
    if values["FileVersion"] >= 8 and values["EightBit"] != 1:
        changed["Scaling"][3] = 0.1
        changed |= {"ElectronFactor1": 0.1, "ElectronFactor2": 0.1}
    return changed


def header_lines(values: Mapping[str, Any], tif: bool) -> list[str]:
    """Return the lines that ``print_header`` prints, of the fields that there are."""
    names = TIF_ORDER if tif else DAT_ORDER
    return [f"{_LABELS.get(name, name)}= {values[name]}" for name in names if name in values]
