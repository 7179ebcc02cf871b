"""What FIBSEM_dataset holds: attributes, the settings they mean, and the run behind them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from fibsem_dash.compat.dataset_files import read_parameters, write_parameters
from fibsem_dash.compat.dataset_settings import ATTRIBUTES, DEFAULTS_2022, NEWER, run_settings
from fibsem_dash.compat.keywords import take
from fibsem_dash.compat.output import beside_raw, results_folder
from fibsem_dash.compat.stacks import executor_of
from fibsem_dash.compute.notebook import NotebookMonitor, in_notebook
from fibsem_dash.dataset import FIBSEMDataset
from fibsem_dash.errors import ParameterError
from fibsem_dash.io import open_frame
from fibsem_dash.registration.stack_stage import build_name
from fibsem_dash.registration.warp import output_dtype

RUN_FOLDER = "registration"
_ARRAYS = ("transformation_matrix", "tr_matr_cum_residual", "npts", "error_abs_mean")


class DatasetState:
    """An ordered list of frames with the attributes of old notebooks.

    Parameters
    ----------
    fls : sequence of path-like
        The frames in order.
    data_dir : path-like, optional
        Folder for results: by position as in 2022, or by name as in 2025. Where it is left out or
        is that of the raw frames, ``fibsem_dash_results/<name of that folder>`` in the current
        folder; the attribute tells which.
    **kwargs : object
        Any of `fibsem_dash.compat.dataset_settings.ATTRIBUTES`, in the spelling of either
        generation; ``recall_parameters`` True with ``dump_filename`` to take what
        ``save_parameters`` wrote; ``generation``. Without the latter the call is one of 2022 where
        `data_dir` comes by position and no argument of 2025 is there.

    Notes
    -----
    Attributes may be changed at any time. What a method is told holds for the methods after it.
    The run folder is ``<data_dir>/registration``.
    """

    def __init__(self, fls: Sequence[str | os.PathLike[str]], *args: Any, **kwargs: Any) -> None:
        if len(args) > 1:
            raise ParameterError("FIBSEM_dataset takes fls, data_dir and named arguments")
        extras = {"data_dir": args[0] if args else None, "recall_parameters": False}
        if not args and kwargs.get("generation") is None:
            kwargs["generation"] = "2025"
        options = take("FIBSEM_dataset", kwargs, ATTRIBUTES | extras, NEWER)
        self.generation = options.generation
        defaults = ATTRIBUTES | (DEFAULTS_2022 if self.generation == "2022" else {})
        self.fls = [os.fspath(path) for path in fls]
        if not self.fls:
            raise ParameterError("fls", expected="at least one frame", found="an empty list")
        values = {
            name: getattr(options, name) if name in options.given else default
            for name, default in defaults.items()
        }
        for name, value in values.items():
            setattr(self, name, value)
        self.data_dir = str(self._results(options.data_dir))
        self._describe_frames()
        if options.recall_parameters:
            self.recall(self.dump_filename)
        self._dataset: FIBSEMDataset | None = None
        self._run_paths: list[str] = []
        self._name_stack(values["fnm_reg"])

    def _results(self, given: Any) -> Path:
        raw = sorted({Path(os.path.abspath(path)).parent for path in self.fls})
        if given and not beside_raw(Path(os.path.abspath(given)), raw):
            return results_folder(given, raw)
        base = results_folder(None, raw)
        chosen = results_folder(base / raw[0].name, raw)
        if given:
            print(f"Nothing is written beside raw frames; results go to {chosen}")
        return chosen

    def _describe_frames(self) -> None:
        """Set the attributes that come from the first and the middle frame."""
        first, middle = (open_frame(self.fls[k]) for k in (0, len(self.fls) // 2))
        self.nfrs = len(self.fls)
        self.ftype = int(first.format != "dat")
        self.YResolution, self.XResolution = middle.shape
        self.EightBit = int(first.dtype == np.uint8)
        self.DetA = first.detector_names.get("A") or "Detector A"
        self.DetB = first.detector_names.get("B") or ("None" if "B" not in first.detectors else "B")
        self.Sample_ID = self.Sample_ID or str(first.header.get("Sample_ID", ""))
        if self.Scaling is None:
            self.Scaling = middle.header.get("Scaling")
        if self.PixelSize is None and first.header.get("PixelSizeSource") == "default":
            self.PixelSize = 8.0
        self._dtype = first.dtype
        size = float(self.PixelSize or middle.pixel_size_nm)
        kinds = [(axis, np.float32) for axis in "xyz"]
        if self.voxel_size is None:
            self.voxel_size = np.rec.array([(size, size, size)], dtype=kinds)[0]
        self.FOVtrend_x, self.FOVtrend_y = np.zeros(self.nfrs), np.zeros(self.nfrs)
        self.tr_matr_cum_residual = np.tile(np.eye(3), (self.nfrs, 1, 1))
        self.fnms: list[str] = []
        self.fnms_matches: list[str] = []
        self.data_minmax: list[Any] = []

    def _name_stack(self, given: str) -> None:
        if given:
            return
        settings = run_settings(self.attributes())
        dtype, _ = output_dtype(settings.output.dtype, self._dtype)
        suffix = f"_{self.suffix}" if self.suffix else ""
        self.fnm_reg = f"{build_name(settings, dtype)}{suffix}.mrc"

    def attributes(self) -> dict[str, Any]:
        """Return the attributes that shape a run."""
        return {name: getattr(self, name) for name in ATTRIBUTES}

    # -- calls -----------------------------------------------------------------------------------

    def _take(
        self, method: str, kwargs: Mapping[str, Any], extras: Mapping[str, Any] | None = None
    ) -> SimpleNamespace:
        """Sort the arguments of a method, keep those that are attributes, and settle the run."""
        own = {"data_dir": self.data_dir, **(extras or {})}
        given = {"generation": self.generation, **kwargs}
        options = take(method, given, self.attributes() | own)
        for name in options.given & (ATTRIBUTES.keys() - set(extras or {})):
            setattr(self, name, getattr(options, name))
        return options

    @property
    def run_folder(self) -> Path:
        """Folder of the run: cache, tables and stacks."""
        return Path(self.data_dir) / RUN_FOLDER

    def run(self, **changes: Any) -> FIBSEMDataset:
        """Return the library's data set with the settings of the attributes."""
        settings = run_settings(self.attributes() | changes)
        stale = self._dataset is None or self._dataset.settings != settings
        if stale or self._run_paths != self.fls:
            self._dataset = FIBSEMDataset(self.fls, self.run_folder, settings)
            self._run_paths = list(self.fls)
        assert self._dataset is not None
        if self.disp_res and in_notebook():
            self._dataset.registration.monitor = NotebookMonitor()
        self._dataset.registration.executor = executor_of(
            self.DASK_client if self.use_DASK else None
        )
        return self._dataset

    def _file(self, suffix: str) -> Path:
        """Path of a file that is named after the stack."""
        stem = Path(self.fnm_reg).name.removesuffix(".mrc")
        return Path(self.data_dir) / f"{stem}{suffix}"

    # -- parameters on disk ----------------------------------------------------------------------

    def save_parameters(self, **kwargs: Any) -> str:
        """Write all parameters (JSON) and transforms (NPZ); return the path.

        ``dump_filename`` (2022: ``dump_file``): its suffix becomes .json, for old ones named a
        pickle, which is neither written nor read.
        """
        options = self._take("save_parameters", kwargs)
        written = "dump_filename" in options.given and options.dump_filename
        path = Path(options.dump_filename) if written else self._file("_params.json")
        path = Path(os.path.abspath(path)).with_suffix(".json")
        results_folder(path.parent, {Path(os.path.abspath(p)).parent for p in self.fls})
        kept = ("fls", "data_dir", "generation", *ATTRIBUTES)
        dropped = ("DASK_client", "voxel_size", "Scaling", "deformation_fields")
        parameters = {name: getattr(self, name) for name in kept if name not in dropped}
        arrays = {name: np.asarray(getattr(self, name)) for name in _ARRAYS if hasattr(self, name)}
        write_parameters(path, parameters, arrays)
        return str(path)

    def recall(self, path: str | os.PathLike[str]) -> None:
        """Take the parameters and transforms that `save_parameters` wrote; files stay as given."""
        parameters, arrays = read_parameters(Path(path))
        for name in ATTRIBUTES:
            if name in parameters:
                setattr(self, name, parameters[name])
        for name in _ARRAYS:
            if name in arrays:
                setattr(self, name, arrays[name])

    # Attributes that are set from ATTRIBUTES, for readers and type checkers.
    DASK_client: Any
    use_DASK: Any
    PixelSize: Any
    Sample_ID: Any
    Scaling: Any
    TransformType: Any
    disp_res: Any
    dump_filename: Any
    fnm_reg: Any
    ImgB_fraction: Any
    suffix: Any
    voxel_size: Any
    ftype: Any
    EightBit: Any
    thr_npt: Any
