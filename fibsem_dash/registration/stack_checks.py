"""What would stop the last stage, found before the first: files, names, types, boxes."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np

from fibsem_dash.backend import Backend, array_module
from fibsem_dash.compute.executor import Executor
from fibsem_dash.compute.progress import Monitor
from fibsem_dash.errors import FormatError, ParameterError
from fibsem_dash.io.stack_files import check_stack_type
from fibsem_dash.io.tables import read_csv
from fibsem_dash.registration import boxes
from fibsem_dash.registration.warp import load_flatten, output_dtype
from fibsem_dash.settings import ComputeSettings, OutputSettings, RunSettings


def load_brightness(path: str) -> dict[int, tuple[float, float]]:
    """Read the brightness correction: (scale, offset) by frame from a CSV file.

    Raises
    ------
    FormatError
        When columns are missing or hold other things than numbers.
    """
    if not path:
        return {}
    table = read_csv(path)
    wanted = {"frame", "scale", "offset"}
    if not wanted <= set(table.columns):
        found = ", ".join(map(str, table.columns))
        raise FormatError("no brightness correction", path=path, expected=wanted, found=found)
    numbers = table[["frame", "scale", "offset"]]
    if not all(dtype.kind in "if" for dtype in numbers.dtypes) or numbers.isna().any(axis=None):
        raise FormatError("no brightness correction", path=path, expected="numbers in every row")
    return {
        int(frame): (float(scale), float(offset))
        for frame, scale, offset in numbers.itertuples(index=False)
    }


def check_output(
    settings: RunSettings, frame_shape: tuple[int, int], frame_dtype: str | None = None
) -> None:
    """Find out before hours of work what would stop the last stage.

    Parameters
    ----------
    settings : RunSettings
        Uses output and quality.
    frame_shape : (int, int)
        Size (y, x) of a frame, px.
    frame_dtype : str, optional
        Type of its pixels; without it the formats are not checked.

    Raises
    ------
    ParameterError
        When the evaluation box lies outside the frames, or a format cannot hold the voxels.
    FormatError, AccessError
        When a file with corrections cannot be used.
    """
    load_flatten(settings.output.flatten_file)
    load_brightness(settings.output.brightness_file)
    if not settings.output.formats:
        raise ParameterError("output.formats", expected="at least one format", found="none")
    if frame_dtype is not None:
        dtype, _ = output_dtype(settings.output.dtype, np.dtype(frame_dtype))
        for name in settings.output.formats:
            check_stack_type(f".{name}", dtype)
    stop = settings.quality.stop_box if settings.quality.sliding else None
    boxes.box_bounds(2, frame_shape, settings.quality.box, stop_box=stop)


def check_name(output: OutputSettings) -> None:
    """Refuse a name that would leave the run folder.

    Raises
    ------
    ParameterError
        When `output.file_name` is not a plain file name.
    """
    if output.file_name and (
        Path(output.file_name).name != output.file_name or output.file_name.startswith(".")
    ):
        raise ParameterError(
            "output.file_name",
            expected="a file name without folder or suffix",
            found=output.file_name,
        )


def check_backend(compute: ComputeSettings, executor: Executor, monitor: Monitor) -> None:
    """Have a worker look for its card, before hours of work end for want of one.

    Parameters
    ----------
    compute : ComputeSettings
        Its backend; nothing is done for "numpy".
    executor : Executor
        Where the run will compute, which may be another machine.
    monitor : Monitor
        May cancel.

    Raises
    ------
    ParameterError
        Where CuPy or a card is missing.
    """
    if compute.backend != "numpy":
        list(executor.run(_find_card, [cast(Backend, compute.backend)], monitor))


def _find_card(backend: Backend) -> None:
    array_module(backend)
