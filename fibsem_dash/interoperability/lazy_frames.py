"""Raw .dat frames one after the other, as lazy arrays: what is seen before a registration."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fibsem_dash.errors import FormatError
from fibsem_dash.io import open_frame
from fibsem_dash.io.stack_files import stack_identity
from fibsem_dash.registration.frames import find_frames, inspect_frame, slice_distance_nm

if TYPE_CHECKING:
    import dask.array as da

INSPECTED = 24
"""Headers that are read to tell the distance between slices."""


@dataclass(frozen=True)
class LazyFrames:
    """Frames of one size and type, read when they are asked for.

    Attributes
    ----------
    name : str
        Of the folder.
    paths : tuple of pathlib.Path
        The files in order.
    detectors : dict of str
        Letter to name, as the first frame has them.
    shape : (int, int)
        Of a frame, (y, x).
    dtype : numpy.dtype
        Of a raw pixel.
    voxel_size_nm : (float, float, float)
        (z, y, x), nm.
    z_source : str
        Where the distance of the slices comes from, in words.
    """

    name: str
    paths: tuple[Path, ...]
    detectors: dict[str, str]
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    voxel_size_nm: tuple[float, float, float]
    z_source: str

    @classmethod
    def from_folder(cls, folder: str | os.PathLike[str]) -> LazyFrames:
        """Take the .dat frames of a folder in natural order."""
        return cls.from_files(find_frames(folder, "*.dat"))

    @classmethod
    def from_files(cls, paths: Sequence[str | os.PathLike[str]]) -> LazyFrames:
        """Take files in the order given; the first says what all are like.

        Raises
        ------
        FormatError, AccessError
            Where the first cannot be read.
        """
        files = tuple(Path(path) for path in paths)
        first = open_frame(files[0])
        places = np.unique(np.linspace(0, len(files) - 1, INSPECTED).round().astype(int))
        frames = [inspect_frame(int(k), str(files[k])) for k in places]
        usable = [frame for frame in frames if frame.usable]
        step, source = slice_distance_nm(usable, first.pixel_size_nm)
        return cls(
            files[0].resolve().parent.name,
            files,
            {d: first.detector_names.get(d) or f"Detector {d}" for d in first.detectors},
            first.shape,
            first.dtype,
            (step, first.pixel_size_nm, first.pixel_size_nm),
            source,
        )

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, index: int, detector: str = "A") -> npt.NDArray[Any]:
        """Read one frame, (y, x), raw counts.

        Raises
        ------
        FormatError, AccessError
            Where it cannot be read, or is not like the first.
        """
        path = self.paths[index]
        frame = open_frame(path)
        if (frame.shape, frame.dtype) != (self.shape, self.dtype) or (
            detector not in frame.detectors
        ):
            raise FormatError(
                "the frame is not like the first one",
                path=path,
                expected=f"{self.shape} {self.dtype} of detector {detector}",
                found=f"{frame.shape} {frame.dtype} of {', '.join(frame.detectors)}",
                remedy="Open frames of one kind together",
            )
        return frame.raw(detector)

    def to_dask(self, detector: str = "A") -> da.Array:
        """Return an array of Dask, (z, y, x), one frame per chunk."""
        import dask.array as da
        from dask.base import tokenize
        from dask.delayed import delayed

        frames = []
        for index, path in enumerate(self.paths):
            name = f"frame-{detector}-{tokenize(str(path), stack_identity(path))}"
            image = delayed(self.read)(index, detector, dask_key_name=name)
            frames.append(da.from_delayed(image, self.shape, self.dtype))
        return da.stack(frames)
