"""Planes across a stack that is not written yet, warped from the raw frames for just those rows."""

from __future__ import annotations

import dataclasses
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fibsem_dash.compute.executor import batches_of, usable_cores
from fibsem_dash.errors import ParameterError
from fibsem_dash.io.raw_frame import Region
from fibsem_dash.registration.canvas import Canvas, fit_canvas
from fibsem_dash.registration.data_range import StackRange
from fibsem_dash.registration.frames import FrameInfo, slice_distance_nm
from fibsem_dash.registration.stack_checks import load_brightness
from fibsem_dash.registration.stack_stage import render_settings
from fibsem_dash.registration.stored_run import StoredRun
from fibsem_dash.registration.warp import (
    RenderSettings,
    SourceFrame,
    cast,
    output_range,
    read_fused,
    warp_image,
)
from fibsem_dash.settings import RunSettings
from fibsem_dash.transforms.matrices import Array, apply, translation

SPARE_PIXELS = 8
"""Rows or columns read on either side beyond what a plane needs, so that the next setting, which
moves frames a little, finds its pixels in memory."""

SPLINE_REACH = 16
"""Pixels around a point that a spline of order 2 to 5 depends on, to 1e-6 and better."""

COARSE_STEPS = (8, 1)
"""Every how many of the wanted slices are made first, and then."""

FEWEST_COARSE = 16
"""A coarser plane is not shown with fewer slices."""

Stop = Callable[[], bool]


@dataclass(frozen=True)
class PlaneRequest:
    """Which plane is wanted.

    Attributes
    ----------
    axis : {"xz", "yz"}
        "xz" holds one row of every slice, "yz" one column.
    position : int
        Row or column in the first frame, px: it stays at the same place of the specimen when the
        fits change, while the canvas does not. Row p of a padded stack is p + canvas offset,
        counted from the bottom where `output.flip_y` holds.
    z_step : int
        Every how many slices one is made.
    max_width : int
        Most points along x or y; of wider slices every second, third, ... pixel is taken.
    before : bool
        Frames as they lie, on the same canvas, in place of registered ones.
    """

    axis: Literal["xz", "yz"] = "xz"
    position: int = 0
    z_step: int = 1
    max_width: int = 4096
    before: bool = False


@dataclass(frozen=True, eq=False)
class PreviewPlane:
    """A plane of the result, 8 bit.

    Attributes
    ----------
    image : (z, x) or (z, y) uint8 array
        Grey levels, scaled with the levels of the run where its voxels are not 8 bit.
    slices : (z,) int64 array
        Numbers of the slices.
    axis : {"xz", "yz"}
        As requested.
    pixel_step : int
        Pixels from one point along x or y to the next.
    across_nm, depth_nm : (float, float)
        Edges of the image along x or y and along z, nm, from the edge of the canvas.
    final : bool
        Whether no finer image follows.
    n_read : int
        Frames whose pixels had to be read; the others were in memory.
    """

    image: npt.NDArray[np.uint8]
    slices: npt.NDArray[np.int64]
    axis: str
    pixel_step: int
    across_nm: tuple[float, float]
    depth_nm: tuple[float, float]
    final: bool
    n_read: int


class _Strips:
    """Strips of frames in memory, the least recently used ones dropped; safe for threads."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.n_bytes = 0
        self._lock = threading.Lock()
        self._items: OrderedDict[Any, tuple[Region, npt.NDArray[Any]]] = OrderedDict()

    def get(self, key: Any, needed: Region) -> tuple[Region, npt.NDArray[Any]] | None:
        """Return a strip that covers a region, with where it lies."""
        with self._lock:
            item = self._items.get(key)
            if item is None or not _covers(item[0], needed):
                return None
            self._items.move_to_end(key)
            return item

    def put(self, key: Any, region: Region, pixels: npt.NDArray[Any]) -> None:
        """Keep a strip."""
        with self._lock:
            old = self._items.pop(key, None)
            self.n_bytes += pixels.nbytes - (old[1].nbytes if old else 0)
            self._items[key] = region, pixels
            while self.n_bytes > self.max_bytes and self._items:
                self.n_bytes -= self._items.popitem(last=False)[1][1].nbytes


def _covers(outer: Region, inner: Region) -> bool:
    return (
        outer[0] <= inner[0]
        and outer[1] >= inner[1]
        and outer[2] <= inner[2]
        and outer[3] >= inner[3]
    )


class Previewer:
    """Makes planes of a stack from its raw frames, and keeps the strips that it has read.

    Parameters
    ----------
    frames : sequence of FrameInfo
        Frames that are used, in order.
    levels : StackRange
        Grey levels of the run.
    settings : RunSettings
        Uses input and output. Interpolation, detectors, flattening, brightness, inversion, z
        binning and flip are those of the run.
    max_bytes : int
        Most memory that the strips take, bytes. A plane of 500 frames of 2048 px takes about 80 MB.
    """

    def __init__(
        self,
        frames: Sequence[FrameInfo],
        levels: StackRange,
        settings: RunSettings,
        max_bytes: int = 300_000_000,
    ) -> None:
        if not frames:
            raise ParameterError("a preview needs frames", expected="at least one")
        self.frames = tuple(frames)
        self.levels = levels
        self.settings = settings
        self._brightness = load_brightness(settings.output.brightness_file)
        self._strips = _Strips(max_bytes)

    @classmethod
    def of_run(cls, run: StoredRun, settings: RunSettings | None = None) -> Previewer:
        """Build one for the frames that a run uses: those of its `TrendData`."""
        kept = set(run.measured)
        frames = [run.frames[k] for k in run.kept if k in kept]
        return cls(frames, run.levels(), settings or run.settings)

    @property
    def n_bytes(self) -> int:
        """Memory that the strips take now."""
        return self._strips.n_bytes

    def plane(
        self, matrices: Array, request: PlaneRequest, stop: Stop | None = None
    ) -> PreviewPlane | None:
        """Return the finest image of `planes`; None when it was stopped."""
        return next((p for p in self.planes(matrices, request, stop) if p.final), None)

    def planes(
        self, matrices: Array, request: PlaneRequest, stop: Stop | None = None
    ) -> Iterator[PreviewPlane]:
        """Yield a coarse image of a plane, then the whole one.

        Parameters
        ----------
        matrices : (n, 3, 3) array
            ``C_j`` of the frames: `Trend.chain.final`.
        request : PlaneRequest
            Which plane.
        stop : callable, optional
            Asked before every slice; once it says True, nothing follows.

        Raises
        ------
        ParameterError
            When the request or the number of matrices does not fit the frames.
        FormatError, AccessError
            When a frame cannot be read.
        """
        work = _Work(self, np.asarray(matrices, np.float64), request)
        done: dict[int, npt.NDArray[np.uint8]] = {}
        stop = stop or _never
        wanted = list(range(0, work.n_slices, request.z_step))
        steps = [s for s in COARSE_STEPS if s == 1 or len(wanted) // s >= FEWEST_COARSE]
        pool = ThreadPoolExecutor(max(min(usable_cores(), 8), 2), "preview")
        try:
            for step in steps:
                shown = wanted[::step]
                parts = batches_of([k for k in shown if k not in done], 8)
                for lines in pool.map(lambda part: work.lines(part, stop), parts):
                    done.update(lines)
                if len(done) < len(shown):
                    return
                image = np.stack([done[k] for k in shown])
                yield work.result(image, shown, step * request.z_step, final=step == 1)
        finally:
            pool.shutdown(cancel_futures=True)


def _never() -> bool:
    return False


class _Work:
    """One plane: where it lies, and how each of its lines is made."""

    def __init__(self, owner: Previewer, matrices: Array, request: PlaneRequest) -> None:
        frames, output = owner.frames, owner.settings.output
        if matrices.shape != (len(frames), 3, 3):
            raise ParameterError(
                "a preview needs one matrix for each frame",
                expected=f"({len(frames)}, 3, 3)",
                found=matrices.shape,
            )
        if request.z_step < 1 or request.max_width < 2:
            raise ParameterError("z_step and max_width", expected="at least 1 and 2")
        self.owner, self.request = owner, request
        still = np.tile(np.eye(3), (len(frames), 1, 1))
        used = matrices if output.perform_transformation else still
        self.canvas = Canvas(frames[0].shape)
        if output.pad:
            self.canvas = fit_canvas(used, frames[0].shape, output.pad_mode)
        self.render = _eight_bit(frames[0], self.canvas, owner.levels, owner.settings)
        offset = translation(-self.canvas.offset[0], -self.canvas.offset[1])
        self.groups = batches_of(range(len(frames)), output.z_bin)
        self.n_slices = len(self.groups)
        self.along_x = request.axis == "xz"
        if request.axis not in ("xz", "yz"):
            raise ParameterError("axis", expected="xz or yz", found=request.axis)
        height, width = self.canvas.shape
        size, limit = (width, height) if self.along_x else (height, width)
        self.place = request.position + self.canvas.offset[1 if self.along_x else 0]
        if not 0 <= self.place < limit:
            raise ParameterError(
                "the plane lies outside the stack",
                expected=f"a position from {self.place - request.position} px before the first "
                f"frame on, within {limit} px",
                found=request.position,
            )
        self.step = max(math.ceil(size / request.max_width), 1)
        self.n_points = -(-size // self.step)
        line = self._line()
        chosen = still if request.before else used
        self.inverse_maps = chosen @ offset @ line
        self.n_read = 0

    def _line(self) -> Array:
        """Map points (k, 0) or (0, k) of the line to pixels of the canvas."""
        x, y = (0, self.place) if self.along_x else (self.place, 0)
        scale = (self.step, 1, 1) if self.along_x else (1, self.step, 1)
        return translation(x, y) @ np.diag(np.array(scale, np.float64))

    def lines(self, slices: Sequence[int], stop: Stop) -> dict[int, npt.NDArray[np.uint8]]:
        """Make some lines of the plane; fewer when it is stopped."""
        result: dict[int, npt.NDArray[np.uint8]] = {}
        for k in slices:
            if stop():
                break
            parts = [self._warped(j) for j in self.groups[k]]
            total = np.sum(parts, axis=0) * np.float32(1 / len(parts))
            line = cast(total, self.render).ravel()
            flipped = self.render.flip_y and not self.along_x
            result[k] = line[::-1] if flipped else line
        return result

    def _warped(self, j: int) -> npt.NDArray[np.float32]:
        shape = (1, self.n_points) if self.along_x else (self.n_points, 1)
        line = dataclasses.replace(self.render, canvas=Canvas(shape), transform=True)
        needed = self._needed(self.inverse_maps[j], shape)
        if needed is None:
            return np.full(shape, self.render.fill_value, np.float32)
        (yi, _, xi, _), strip = self._strip(j, needed)
        return warp_image(strip, translation(-xi, -yi) @ self.inverse_maps[j], line)

    def _needed(self, inverse_map: Array, shape: tuple[int, int]) -> Region | None:
        """Return the part of a frame that a line depends on; None where it misses the frame."""
        ends = apply(inverse_map, [[0, 0], [shape[1] - 1, shape[0] - 1]])
        reach = SPLINE_REACH if self.render.order > 1 else 2
        low, high = np.floor(ends.min(0)) - reach, np.ceil(ends.max(0)) + reach + 1
        height, width = self.owner.frames[0].shape
        region = (
            max(int(low[1]), 0),
            min(int(high[1]), height),
            max(int(low[0]), 0),
            min(int(high[0]), width),
        )
        return region if region[0] < region[1] and region[2] < region[3] else None

    def _strip(self, j: int, needed: Region) -> tuple[Region, npt.NDArray[Any]]:
        found = self.owner._strips.get((self.request.axis, j), needed)
        if found is not None:
            return found
        frame = self.owner.frames[j]
        height, width = frame.shape
        yi, ya, xi, xa = needed
        if self.along_x:
            region = max(yi - SPARE_PIXELS, 0), min(ya + SPARE_PIXELS, height), 0, width
        else:
            region = 0, height, max(xi - SPARE_PIXELS, 0), min(xa + SPARE_PIXELS, width)
        source = SourceFrame(
            frame.path, np.eye(3), *self.owner._brightness.get(frame.index, (1.0, 0.0))
        )
        pixels = read_fused(source, self.render, region)
        self.owner._strips.put((self.request.axis, j), region, pixels)
        self.n_read += 1
        return region, pixels

    def result(
        self, image: npt.NDArray[np.uint8], slices: Sequence[int], step: int, final: bool
    ) -> PreviewPlane:
        """Return the plane with its edges in nm."""
        settings, frames = self.owner.settings, self.owner.frames
        pixel = settings.input.pixel_size_nm or frames[0].pixel_size_nm
        depth = settings.input.z_step_nm or slice_distance_nm(frames, pixel)[0]
        depth *= settings.output.z_bin
        return PreviewPlane(
            image=image,
            slices=np.array(slices, np.int64),
            axis=self.request.axis,
            pixel_step=self.step,
            across_nm=(0.0, image.shape[1] * self.step * pixel),
            depth_nm=(0.0, len(slices) * step * depth),
            final=final,
            n_read=self.n_read,
        )


def _eight_bit(
    frame: FrameInfo, canvas: Canvas, levels: StackRange, settings: RunSettings
) -> RenderSettings:
    render = dataclasses.replace(render_settings(frame, canvas, levels, settings), backend="numpy")
    source = np.dtype(frame.dtype)
    if render.grey_range is not None or source == np.uint8:
        return dataclasses.replace(render, dtype="uint8")
    low, high = levels.global_minimum, levels.global_maximum
    grey = output_range(low, high, settings.output.invert, source)
    return dataclasses.replace(render, dtype="uint8", grey_range=grey)


def preview_plane(
    run: StoredRun,
    matrices: Array,
    request: PlaneRequest,
    settings: RunSettings | None = None,
    stop: Stop | None = None,
) -> PreviewPlane | None:
    """Make one plane of a run's result as some matrices would have it; None when stopped.

    Pages that make more than one keep a `Previewer`, which keeps what it has read.
    """
    return Previewer.of_run(run, settings).plane(matrices, request, stop)
