"""Stacks of any type, written and read whole."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from fibsem_dash.io import Stack, open_stack
from fibsem_dash.io.pyramid import (
    BlockWriter,
    block_starts,
    build_block,
)
from fibsem_dash.io.stack_files import attach_stack, create_stack

VOXEL = (8.0, 4.0, 5.0)


TYPES = {
    ".mrc": ("uint8", "int8", "uint16", "int16", "float16", "float32"),
    ".zarr": ("uint8", "int8", "uint16", "int16", "float16", "float32"),
    ".h5": ("uint8", "uint16", "int16"),
    ".tif": ("uint8", "uint16", "int16", "float32"),
}


def volume(shape: tuple[int, int, int], dtype: str, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return rng.normal(0, 50, shape).astype(kind)
    limits = np.iinfo(kind)
    return rng.integers(limits.min, limits.max, shape, dtype=kind, endpoint=True)


def write(path: Path, voxels: np.ndarray, voxel: Any = VOXEL, backwards: bool = False) -> None:
    shape = (voxels.shape[0], voxels.shape[1], voxels.shape[2])
    create_stack(path.suffix, path, shape, voxels.dtype, voxel, ("a name",))
    writer = attach_stack(path.suffix, path, shape, voxels.dtype, voxel)
    writer = pickle.loads(pickle.dumps(writer))
    starts = range(0, shape[0], writer.depth)
    for z in reversed(starts) if backwards else starts:
        writer.write_slices(z, voxels[z : z + writer.depth])
    if isinstance(writer, BlockWriter):
        for level in range(1, len(writer.levels)):
            for start in block_starts(writer.levels[level].shape, writer.block_shape(level)):
                build_block(writer, level, start)
    values = voxels.astype(np.float64)
    writer.finish(*(float(f(values)) for f in (np.min, np.max, np.mean, np.std)))


def everything(stack: Stack) -> np.ndarray:
    return np.stack([stack[k] for k in range(len(stack))])


def read_all(path: Path) -> np.ndarray:
    with open_stack(path) as stack:
        return everything(stack)
