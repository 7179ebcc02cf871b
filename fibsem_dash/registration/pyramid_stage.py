"""The smaller levels of the stacks that have them, made in parallel from the one before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fibsem_dash.compute.executor import Executor, batch_size, batches_of
from fibsem_dash.compute.progress import Monitor
from fibsem_dash.io.pyramid import BlockWriter, Triple, block_starts, build_block
from fibsem_dash.io.stack import StackWriter
from fibsem_dash.registration.cache import ResultCache, content_key

STAGE = "pyramid"
BLOCKS = "blocks"
"""Kind of these results in the cache."""


@dataclass(frozen=True)
class PyramidBatch:
    """Some blocks of one level.

    Attributes
    ----------
    writer : BlockWriter
        The stack; the level before is complete.
    level : int
        1 or more.
    starts : tuple of (int, int, int)
        First corners (z, y, x) of the blocks.
    token : str
        Of the stack, for the notes of what is done.
    cache_folder : str
        Where these notes are; empty where none are kept.
    """

    writer: BlockWriter
    level: int
    starts: tuple[Triple, ...]
    token: str = ""
    cache_folder: str = ""


def build_batch(batch: PyramidBatch) -> int:
    """Make the blocks that are not there yet; return the number of all."""
    cache = ResultCache(batch.cache_folder) if batch.cache_folder else None
    for start in batch.starts:
        key = content_key(BLOCKS, batch.token, batch.level, start)
        if cache is not None and cache.load_record(BLOCKS, key) is not None:
            continue
        build_block(batch.writer, batch.level, start)
        if cache is not None:
            cache.save_record(BLOCKS, key, {})
    return len(batch.starts)


def build_pyramids(
    writers: Sequence[tuple[StackWriter, str]],
    executor: Executor,
    monitor: Monitor,
    cache_folder: str = "",
) -> None:
    """Make the smaller levels of stacks whose first level is complete.

    Parameters
    ----------
    writers : sequence of (writer, token)
        Stacks of any format; those without levels are passed over.
    executor : Executor
        Where the blocks are made.
    monitor : Monitor
        Progress, in blocks, and cancel.
    cache_folder : str
        Where it is noted what is done, so that a later run goes on from there; empty for nowhere.
    """
    layered = [(w, token) for w, token in writers if isinstance(w, BlockWriter)]
    stages = [(w, token, n) for w, token in layered for n in range(1, len(w.levels))]
    blocks = [tuple(block_starts(w.levels[n].shape, w.block_shape(n))) for w, _, n in stages]
    if not stages:
        return
    monitor.start(STAGE, sum(map(len, blocks)))
    for (writer, token, level), starts in zip(stages, blocks, strict=True):
        size = batch_size(len(starts), executor.n_workers)
        batches = [
            PyramidBatch(writer, level, tuple(part), token, cache_folder)
            for part in batches_of(starts, size)
        ]
        for done in executor.run(build_batch, batches, monitor):
            monitor.advance(STAGE, done)
    monitor.finish(STAGE)
