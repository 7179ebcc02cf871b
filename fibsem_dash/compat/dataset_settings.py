"""Attributes of FIBSEM_dataset, their defaults in both generations, and the settings they mean."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np

from fibsem_dash.compat.transform_types import RegularizedAffineTransform, model_name
from fibsem_dash.errors import ParameterError
from fibsem_dash.settings import METRICS, RunSettings, update
from fibsem_dash.transforms.models import default_l2_matrix

_BOX = (0, 0, 0, 0)
ATTRIBUTES: dict[str, Any] = {
    "ftype": 0,
    "PixelSize": None,
    "voxel_size": None,
    "Scaling": None,
    "ImgB_fraction": 0.0,
    "Sample_ID": "",
    "EightBit": None,
    "DASK_client": None,
    "use_DASK": True,
    "DASK_client_retries": 3,
    "thr_min": 1e-3,
    "thr_max": 1e-3,
    "nbins": 256,
    "sliding_minmax": True,
    "SIFT_nfeatures": 0,
    "SIFT_nOctaveLayers": 3,
    "SIFT_contrastThreshold": 0.04,
    "SIFT_edgeThreshold": 10,
    "SIFT_sigma": 1.6,
    "kp_max_num": -1,
    "TransformType": RegularizedAffineTransform,
    "l2_param": None,
    "l2_matrix": None,
    "targ_vector": np.array([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
    "solver": "RANSAC",
    "RANSAC_initial_fraction": 0.005,
    "Lowe_Ratio_Threshold": 0.7,
    "drmax": 1.5,
    "max_iter": 1000,
    "BFMatcher": False,
    "save_matches": True,
    "save_res_png": True,
    "save_asI8": False,
    "dtp": None,
    "mrc_mode": None,
    "zbin_2x": None,
    "zbin_factor": None,
    "eval_metrics": ["NSAD", "NCC", "NMI"],
    "fnm_types": ["mrc"],
    "flipY": False,
    "preserve_scales": True,
    "fit_params": None,
    "int_order": False,
    "subtract_linear_fit": [True, True],
    "subtract_FOVtrend_from_fit": [True, True],
    "pad_edges": True,
    "perform_transformation": True,
    "perform_deformation": False,
    "deformation_type": "post_1DY",
    "deformation_sigma": 50,
    "deformation_fields": None,
    "fnm_reg": "",
    "suffix": "",
    "dump_filename": "",
    "disp_res": True,
    "verbose": False,
    "memory_profiling": False,
    "invert_data": False,
    "flatten_image": False,
    "image_correction_file": "",
    "add_offset": False,
    "offset": None,
    "fill_value": 0.0,
    "Mill_Volt_Rate_um_per_V": None,
    "evaluation_box": _BOX,
    "sliding_evaluation_box": False,
    "start_evaluation_box": _BOX,
    "stop_evaluation_box": _BOX,
    "thr_npt": 10,
}
"""Everything a data set can be told, with the defaults of 2025; None is read from the frames."""

DEFAULTS_2022: dict[str, Any] = {"drmax": 2.0, "zbin_2x": True, "flipY": True}
"""Defaults of 2022 that were others."""

NEWER = frozenset(
    {name for name in ATTRIBUTES if name.startswith("SIFT_")}
    | {"zbin_factor", "eval_metrics", "fnm_types", "DASK_client_retries", "flipY"}
    | {"RANSAC_initial_fraction", "subtract_FOVtrend_from_fit", "perform_deformation"}
)
"""Arguments that came after 2022."""

_ABSENT = {
    "perform_deformation": "residual deformation fields",
    "add_offset": "an offset that is added and taken away again",
}


def run_settings(values: Mapping[str, Any]) -> RunSettings:
    """Return the settings of a run for the attributes of a data set.

    Raises
    ------
    ParameterError
        For a value that makes no sense, or something that the library does not do.
    """
    for name, what in _ABSENT.items():
        if values[name]:
            raise ParameterError(f"{name}: this version does not have {what}", found=values[name])
    changes: dict[str, Any] = {
        "data_range.thr_min": values["thr_min"],
        "data_range.thr_max": values["thr_max"],
        "data_range.nbins": values["nbins"],
        "data_range.method": "reference",
        "data_range.sliding": values["sliding_minmax"],
        "sift.n_features": values["SIFT_nfeatures"],
        "sift.n_octave_layers": values["SIFT_nOctaveLayers"],
        "sift.contrast_threshold": values["SIFT_contrastThreshold"],
        "sift.edge_threshold": float(values["SIFT_edgeThreshold"]),
        "sift.sigma": values["SIFT_sigma"],
        "sift.kp_max_num": values["kp_max_num"],
        "matching.matcher": "brute_force" if values["BFMatcher"] else "auto",
        "matching.lowe_ratio": values["Lowe_Ratio_Threshold"],
        "solver.transform": model_name(values["TransformType"]),
        "solver.l2_matrix": _rows(values),
        "solver.targ_vector": tuple(float(v) for v in np.ravel(values["targ_vector"])),
        "solver.solver": values["solver"],
        "solver.initial_fraction": values["RANSAC_initial_fraction"],
        "solver.drmax": values["drmax"],
        "solver.max_iter": values["max_iter"],
        "solver.min_matches": max(int(values["thr_npt"]), 1),
        **_chain(values),
        **_output(values),
        **_quality(values),
    }
    return update(RunSettings(), changes)


def _rows(values: Mapping[str, Any]) -> tuple[tuple[float, ...], ...]:
    matrix = values["l2_matrix"]
    if matrix is None:
        strength = values["l2_param"]
        matrix = default_l2_matrix(1e-5 if strength is None else float(strength))
    return tuple(tuple(float(v) for v in row) for row in np.asarray(matrix, np.float64))


def _chain(values: Mapping[str, Any]) -> dict[str, Any]:
    linear_x, linear_y = _two(values["subtract_linear_fit"])
    trend_x, trend_y = _two(values["subtract_FOVtrend_from_fit"])
    changes: dict[str, Any] = {
        "chain.preserve_scales": values["preserve_scales"],
        "chain.subtract_linear_x": linear_x,
        "chain.subtract_linear_y": linear_y,
        "chain.subtract_fov_trend_x": trend_x,
        "chain.subtract_fov_trend_y": trend_y,
        "output.pad": values["pad_edges"],
    }
    fit = values["fit_params"]
    if fit is None or fit is False or str(fit[0]) == "None":
        return changes
    method = str(fit[0]) if fit[0] in ("PF", "SG") else "LF"
    changes["chain.fit_method"] = method
    if method == "PF":
        changes["chain.fit_order"] = int(fit[1])
    if method == "SG":
        changes |= {
            f"{group}.{name}": int(number)
            for group, names in (
                ("chain", ("fit_window", "fit_order")),
                ("data_range", ("window", "order")),
            )
            for name, number in zip(names, fit[1:3], strict=True)
        }
    return changes


def _two(value: Any) -> tuple[bool, bool]:
    first, second = (value, value) if isinstance(value, bool) else value
    return bool(first), bool(second)


def _output(values: Mapping[str, Any]) -> dict[str, Any]:
    order = values["int_order"]
    flatten = values["image_correction_file"] if values["flatten_image"] else ""
    return {
        "output.file_name": stem_of(values["fnm_reg"]),
        "output.formats": tuple(values["fnm_types"]) or ("mrc",),
        "output.perform_transformation": values["perform_transformation"],
        # False was the default and meant "nearest", by mistake.
        "output.order": 1 if order is False else int(order),
        "output.fill_value": float(values["fill_value"]),
        "output.detector_b_fraction": values["ImgB_fraction"],
        "output.flatten_file": str(flatten),
        "output.invert": values["invert_data"],
        "output.z_bin": z_bin(values),
        "output.flip_y": values["flipY"],
        "output.dtype": _dtype(values),
        "input.pixel_size_nm": values["PixelSize"],
    }


def z_bin(values: Mapping[str, Any]) -> int:
    """Return how many frames make one slice."""
    if values["zbin_factor"] is not None:
        return int(values["zbin_factor"])
    return 2 if values["zbin_2x"] else 1


def _dtype(values: Mapping[str, Any]) -> str:
    if values["save_asI8"] or values["mrc_mode"] == 0:
        return "uint8"
    if values["dtp"] is None:
        return "auto"
    name = np.dtype(values["dtp"]).name
    return "uint8" if name == "int8" else name


def _quality(values: Mapping[str, Any]) -> dict[str, Any]:
    sliding = bool(values["sliding_evaluation_box"])
    box = values["start_evaluation_box"] if sliding else values["evaluation_box"]
    unknown = [name for name in values["eval_metrics"] if name not in METRICS]
    if unknown:
        raise ParameterError("eval_metrics", expected=" or ".join(METRICS), found=unknown)
    return {
        "quality.metrics": tuple(values["eval_metrics"]),
        "quality.box": tuple(int(v) for v in box),
        "quality.sliding": sliding,
        "quality.stop_box": tuple(int(v) for v in values["stop_evaluation_box"]),
        "quality.reference": True,
    }


def stem_of(name: str) -> str:
    """Return the name of a stack without folder and suffix."""
    path = PurePath(str(name))
    return path.stem if path.suffix in (".mrc", ".h5", ".zarr", ".tif") else path.name
