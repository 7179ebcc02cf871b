"""The last stage: plan the output stack, have the workers write it, collect its quality."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from fibsem_dash.backend import Backend
from fibsem_dash.compute.executor import Executor, batch_size, batches_of
from fibsem_dash.compute.progress import Monitor
from fibsem_dash.io.stack_files import WRITERS, companions
from fibsem_dash.io.tables import write_csv
from fibsem_dash.registration import boxes
from fibsem_dash.registration.cache import content_key, file_identity
from fibsem_dash.registration.canvas import Canvas, fit_canvas
from fibsem_dash.registration.data_range import StackRange
from fibsem_dash.registration.frames import FrameInfo, slice_distance_nm
from fibsem_dash.registration.pairs import PairResult
from fibsem_dash.registration.pyramid_stage import build_pyramids
from fibsem_dash.registration.run_store import RunStore, check_space
from fibsem_dash.registration.stack import (
    SliceJob,
    SliceResult,
    StackBatch,
    finish_target,
    slice_key,
    write_batch,
)
from fibsem_dash.registration.stack_checks import load_brightness
from fibsem_dash.registration.stack_target import StackTarget, discard_partials, open_target
from fibsem_dash.registration.tables import quality_table
from fibsem_dash.registration.warp import (
    RenderSettings,
    SourceFrame,
    load_flatten,
    output_dtype,
    output_range,
)
from fibsem_dash.settings import RunSettings
from fibsem_dash.transforms.matrices import Array

CLASS_NAMES = {
    "shift": "ShiftTransform",
    "x_scale_shift": "XScaleShiftTransform",
    "scale_shift": "ScaleShiftTransform",
    "affine": "AffineTransform",
    "regularized_affine": "RegularizedAffineTransform",
}
"""Names of the transform models in file names, as users know them."""


@dataclass(frozen=True)
class StackSummary:
    """The registered stack.

    Attributes
    ----------
    files : tuple of str
        File names in the run folder: the stacks, what goes with them, and the quality table last.
    shape : (int, int, int)
        (z, y, x).
    dtype : str
        Type of a voxel.
    voxel_size_nm : (float, float, float)
        (z, y, x), nm.
    z_source : str
        Where the distance between slices comes from, in words.
    median_quality : dict
        Median of each measure; NaN for a single slice.
    """

    files: tuple[str, ...]
    shape: tuple[int, int, int]
    dtype: str
    voxel_size_nm: tuple[float, float, float]
    z_source: str
    median_quality: dict[str, float]

    @property
    def stacks(self) -> tuple[str, ...]:
        """File names of the stacks."""
        return tuple(name for name in self.files if name.endswith(tuple(WRITERS)))

    @property
    def quality_table(self) -> str:
        """File name of the quality table."""
        return self.files[-1]


@dataclass(frozen=True)
class StackPlan:
    """Everything about the stack that is known before the first pixel is read."""

    jobs: tuple[SliceJob, ...]
    render: RenderSettings
    shape: tuple[int, int, int]
    dtype: np.dtype[np.generic]
    voxel_size_nm: tuple[float, float, float]
    z_source: str
    name: str
    label: str
    key: str

    @property
    def n_bytes(self) -> int:
        """Size of the voxels."""
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize


def write_stack(
    store: RunStore,
    frames: Sequence[FrameInfo],
    matrices: Array,
    pairs: Sequence[PairResult],
    levels: StackRange,
    settings: RunSettings,
    executor: Executor,
    monitor: Monitor,
    count: Callable[[str, int, int], None],
) -> StackSummary:
    """Write the registered stack and its quality table into the run folder.

    Parameters
    ----------
    store : RunStore
        The run folder.
    frames : sequence of FrameInfo
        Frames that are used, in order.
    matrices : (n, 3, 3) array
        ``C_j`` of each.
    pairs : sequence of PairResult
        Pairs of neighbours among them.
    levels : StackRange
        Grey levels; their global range is scaled to 8 bit where the output is.
    settings : RunSettings
        Uses input, output and quality.
    executor : Executor
        Where the slices are made.
    monitor : Monitor
        Progress and cancel.
    count : callable
        Told (stage, reused, computed).
    """
    plan = plan_stack(frames, matrices, levels, settings)
    targets = tuple(
        open_target(
            store.cache,
            store.file(f"{plan.name}.{name}"),
            plan.key,
            plan.shape,
            plan.dtype,
            plan.voxel_size_nm,
            (plan.label,),
        )
        for name in settings.output.formats
    )
    discard_partials(store.cache, targets)
    check_space(store.folder, sum(target.missing_bytes for target in targets))
    results = _write_slices(store, plan, targets, settings, executor, monitor)
    written = sum(r.written for r in results)
    count("stack", len(results) - written, written)
    monitor.finish("stack")
    unfinished = [(t.writer, t.token) for t in targets if not t.complete]
    build_pyramids(unfinished, executor, monitor, str(store.cache.folder))
    for target in targets:
        finish_target(store.cache, target, results, plan.voxel_size_nm)
    return _summarise(store, plan, results, pairs, settings)


def _write_slices(
    store: RunStore,
    plan: StackPlan,
    targets: tuple[StackTarget, ...],
    settings: RunSettings,
    executor: Executor,
    monitor: Monitor,
) -> list[SliceResult]:
    monitor.start("stack", len(plan.jobs))
    # Depths are powers of two: batches of the greatest hold whole slabs of all formats.
    depth = max(target.writer.depth for target in targets)
    size = -(-batch_size(len(plan.jobs), executor.n_workers) // depth) * depth
    batches = [
        StackBatch(
            jobs=tuple(part),
            previous=plan.jobs[part[0].index - 1] if part[0].index else None,
            render=plan.render,
            quality=settings.quality,
            targets=targets,
            cache_folder=str(store.cache.folder),
        )
        for part in batches_of(plan.jobs, size)
    ]
    results: list[SliceResult] = []
    for done in executor.run(write_batch, batches, monitor):
        results += done
        monitor.advance("stack", len(done))
        monitor.tally("stack", reused=sum(not r.written for r in done))
    return sorted(results, key=lambda r: r.index)


def _summarise(
    store: RunStore,
    plan: StackPlan,
    results: Sequence[SliceResult],
    pairs: Sequence[PairResult],
    settings: RunSettings,
) -> StackSummary:
    metrics = settings.quality.metrics
    table = quality_table(plan.jobs, results, pairs, settings.output.z_bin, metrics)
    quality = f"{plan.name}_RegistrationQuality.csv"
    write_csv(store.file(quality), table)
    medians = {
        name: float(table[name].median()) if table[name].notna().any() else float("nan")
        for name in metrics
    }
    return StackSummary(
        files=(*output_files(plan.name, settings.output.formats), quality),
        shape=plan.shape,
        dtype=str(plan.dtype),
        voxel_size_nm=plan.voxel_size_nm,
        z_source=plan.z_source,
        median_quality=medians,
    )


def plan_stack(
    frames: Sequence[FrameInfo], matrices: Array, levels: StackRange, settings: RunSettings
) -> StackPlan:
    """Decide size, type, place and content of every slice.

    Raises
    ------
    ParameterError
        When settings do not fit the frames.
    """
    output = settings.output
    frame_shape = frames[0].shape
    used = matrices if output.perform_transformation else np.tile(np.eye(3), (len(frames), 1, 1))
    canvas = Canvas(frame_shape)
    if output.pad:
        canvas = fit_canvas(used, frame_shape, output.pad_mode)
    render = render_settings(frames[0], canvas, levels, settings)
    dtype = np.dtype(render.dtype)
    render_key = _render_key(render)
    pixel = settings.input.pixel_size_nm or frames[0].pixel_size_nm
    step, z_source = slice_distance_nm(frames, pixel)
    if settings.input.z_step_nm is not None:
        step, z_source = settings.input.z_step_nm, "the settings"
    jobs = _slice_jobs(frames, used, canvas, render_key, settings)
    shape = (len(jobs), *canvas.shape)
    voxel = (step * output.z_bin, pixel, pixel)
    built_name = build_name(settings, dtype)
    # Inside the file there is nothing that another file name would change.
    label = f"fibsem-dash: {built_name[:66]}"
    key = content_key("stack", [job.key for job in jobs], shape, str(dtype), voxel, label)
    name = output.file_name or built_name
    return StackPlan(jobs, render, shape, dtype, voxel, z_source, name, label, key)


def render_settings(
    frame: FrameInfo, canvas: Canvas, levels: StackRange, settings: RunSettings
) -> RenderSettings:
    """Return how the pixels of frames like this one become voxels.

    Raises
    ------
    ParameterError
        When the type of the output cannot hold the frames' values.
    """
    output = settings.output
    source = np.dtype(frame.dtype)
    dtype, scaled = output_dtype(output.dtype, source)
    grey = output_range(levels.global_minimum, levels.global_maximum, output.invert, source)
    return RenderSettings(
        canvas=canvas,
        dtype=str(dtype),
        detector=settings.input.detector,
        detector_b_fraction=output.detector_b_fraction,
        order=output.order,
        fill_value=output.fill_value,
        invert=output.invert,
        flip_y=output.flip_y,
        transform=output.perform_transformation,
        grey_range=grey if scaled else None,
        flatten_file=os.path.abspath(output.flatten_file) if output.flatten_file else "",
        dark_counts=frame.dark_counts if output.flatten_file else {},
        backend=cast(Backend, settings.compute.backend),
    )


def _render_key(render: RenderSettings) -> str:
    flatten = None
    if render.flatten_file:
        load_flatten(render.flatten_file)
        flatten = file_identity(render.flatten_file)
    values = {k: v for k, v in vars(render).items() if k not in ("flatten_file", "canvas")}
    if render.backend == "numpy":
        # Slices of earlier versions, which knew nothing else, stay valid.
        del values["backend"]
    return content_key("render", values, render.canvas, flatten)


def output_files(name: str, formats: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the stacks in the given formats and of the files that go with them."""
    files: list[str] = []
    for suffix in (f".{kind}" for kind in formats):
        final = Path(f"{name}{suffix}")
        files += [final.name, *(path.name for path in companions(suffix, final))]
    return tuple(files)


def _slice_jobs(
    frames: Sequence[FrameInfo],
    matrices: Array,
    canvas: Canvas,
    render_key: str,
    settings: RunSettings,
) -> tuple[SliceJob, ...]:
    output, quality = settings.output, settings.quality
    brightness = load_brightness(output.brightness_file)
    sources = [
        SourceFrame(
            frame.path, matrix, *brightness.get(frame.index, (1.0, 0.0)), frame.identity[1:]
        )
        for frame, matrix in zip(frames, matrices, strict=True)
    ]
    groups = batches_of(sources, output.z_bin)
    per_frame = boxes.valid_bounds(matrices, frames[0].shape, canvas)
    starts = range(0, len(sources), output.z_bin)
    valid = np.array([boxes.intersect(per_frame[k : k + output.z_bin]) for k in starts])
    # The first frame's coordinates are those of the canvas but for its offset.
    whole = canvas.shape if not any(quality.box) else frames[0].shape
    origin = (0, 0) if not any(quality.box) else canvas.offset
    chosen = boxes.box_bounds(
        len(groups),
        whole,
        quality.box,
        stop_box=quality.stop_box if quality.sliding else None,
        origin=origin,
    )
    bounds = boxes.pair_bounds(chosen, valid)
    if output.flip_y:
        bounds = boxes.flip_bounds(bounds, canvas.shape[0])
    identities = {frame.path: frame.identity for frame in frames}
    return tuple(
        SliceJob(
            index=k,
            sources=tuple(group),
            key=slice_key(group, identities.__getitem__, render_key),
            bounds=_as_bounds(bounds[k - 1]) if k else None,
        )
        for k, group in enumerate(groups)
    )


def _as_bounds(values: npt.NDArray[np.int64]) -> tuple[int, int, int, int]:
    xi, xa, yi, ya = (int(v) for v in values)
    return xi, xa, yi, ya


def build_name(settings: RunSettings, dtype: np.dtype[np.generic]) -> str:
    """Build the stack's file name, without suffix, from the settings that shape it most."""
    solver, chain, output = settings.solver, settings.chain, settings.output
    kinds = {"uint8": "I8", "int16": "I16", "uint16": "U16", "float32": "F32"}
    parts = [
        f"Registered_{kinds[dtype.name]}",
        f"zbin{output.z_bin}" if output.z_bin > 1 else "",
        CLASS_NAMES[solver.transform],
        settings.estimation.estimator if settings.estimation.estimator != "sift" else solver.solver,
        f"drmax{solver.drmax:.1f}",
        f"const_scls_{chain.fit_method}" if chain.preserve_scales else "",
        "shift_subtr" if chain.subtract_linear_x or chain.subtract_linear_y else "",
        "padded" if output.pad else "",
    ]
    return "_".join(part for part in parts if part)
