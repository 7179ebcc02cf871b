"""What the form of a run says: its stages, its ways to find transforms, its starting points."""

from __future__ import annotations

from typing import Any

STAGES = (
    ("input", "Input", "Which frames take part, and the size of their pixels"),
    ("data_range", "Data range", "Grey levels that the 8-bit images for SIFT span"),
    ("sift", "Key points", "How many points are found in a frame, and how certain they are"),
    ("matching", "Matching", "Which key points of neighbouring frames are taken for the same"),
    ("estimation", "Block pairs", "How many following frames each frame is compared with"),
    ("blocks", "Blocks", "Size, spacing and reach of the blocks whose displacements are measured"),
    ("solver", "Pair transforms", "Model of the motion between two frames and how it is fitted"),
    ("chain", "Chain", "Which slow drifts are taken out of the positions of all frames"),
    ("output", "Output", "Canvas, interpolation, type and corrections of the voxels"),
    ("quality", "Quality", "Which measures of the result are taken, and where"),
    ("compute", "Computing", "Processors or graphics cards"),
)
"""Group, title and line of each card, in the order of the stages."""

PRESETS: dict[str, dict[str, Any]] = {
    "Defaults": {},
    "Quick look: few key points, shifts only": {
        "sift.kp_max_num": 2000, "solver.transform": "shift", "output.order": 0,
    },
    "Fast: blocks, key points where they fail": {"estimation.estimator": "auto"},
    "Noisy images": {"sift.sigma": 2.4, "sift.contrast_threshold": 0.03},
    "Low contrast": {"sift.contrast_threshold": 0.015, "sift.n_octave_layers": 4},
    "All formats and measures": {
        "output.formats": "mrc,zarr,h5,tif", "quality.metrics": "NSAD,NCC,NMI,FSC",
    },
    "As older reports": {
        "solver.solver": "LinReg", "solver.sampling": "legacy", "matching.matcher": "flann",
        "matching.grow_ratio": 0.0, "data_range.method": "reference",
        "chain.shift_refit": "first_order", "output.pad_mode": "forward",
        "quality.reference": True,
    },
}  # fmt: skip
"""Starting points by name, as changes of the defaults."""

USED_BY = {
    "sift": ("sift", "auto"), "matching": ("sift", "auto"),
    "estimation": ("blocks", "auto"), "blocks": ("blocks", "auto"),
}  # fmt: skip
"""Estimators that use a group; the other groups are always used."""

ESTIMATOR_WORDS = {
    "sift": "Key points: finds large rotations and steps too.",
    "blocks": "Blocks: correlates small blocks of neighbours; several times faster.",
    "auto": "Blocks, and key points for the pairs where blocks fail.",
}
"""What each way of finding the transforms of pairs is good for."""
