"""`fibsem-dash convert`: stacks in other formats, and raw frames as TIFF files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from fibsem_dash.cli.frame_options import letters_of
from fibsem_dash.cli.job_process import command_monitor, open_workers
from fibsem_dash.cli.options import add_compute_options
from fibsem_dash.errors import ParameterError

_MOST_SHOWN = 10
_TYPES = ("uint8", "int8", "uint16", "int16", "float16", "float32")
_FRAMES_ONLY, _STACKS_ONLY = ("pattern", "detectors"), ("bin", "crop", "scale", "dtype", "voxel")


def add_parser(commands: Any, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "convert",
        parents=[common],
        help="write stacks in other formats, or raw frames as TIFF files",
        description="Two uses. `convert SRC ... DST` writes a stack (.mrc, .zarr, .h5 of "
        "BigDataViewer, .tif, a folder of TIFF slices, or several files, which are joined in the "
        "order given) as the stack DST: .mrc, .zarr, .h5 with its .xml, .tif, or a folder of TIFF "
        "slices for a name without suffix. `convert DATA_DIR --out FOLDER` writes the raw pixels "
        "of .dat frames as TIFF, one file per detector, with pixel size and header in the tags; "
        "files that are there already are left alone.",
    )
    parser.add_argument(
        "paths", metavar="PATH", nargs="+", help="SRC ... DST, or the folder with the frames"
    )
    group = parser.add_argument_group("stacks: what is done on the way, in this order")
    group.add_argument(
        "--crop",
        nargs=6,
        type=int,
        metavar=("z0", "z1", "y0", "y1", "x0", "x1"),
        help="part of the source in voxels, counted from 0, ends not included",
    )
    group.add_argument(
        "--bin",
        nargs=3,
        type=int,
        metavar=("Z", "Y", "X"),
        help="average so many voxels, rounded to the nearest; an incomplete last one is left out",
    )
    group.add_argument(
        "--scale",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="grey levels that become the lowest and highest of the type",
    )
    group.add_argument("--dtype", choices=_TYPES, help="type of a voxel (default: as the source)")
    group.add_argument(
        "--voxel",
        nargs=3,
        type=float,
        metavar=("Z", "Y", "X"),
        help="voxel size of the source in nm (default: what the source says)",
    )
    group.add_argument("--overwrite", action="store_true", help="replace DST if it is there")
    group = parser.add_argument_group("frames")
    group.add_argument("--out", metavar="FOLDER", help="where the files of the frames go")
    group.add_argument("--pattern", default="", metavar="GLOB", help="names of the frames")
    group.add_argument(
        "--detectors", metavar="LETTERS", help="such as A or AB (default: all that are stored)"
    )
    add_compute_options(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return its exit code."""
    frames = arguments.out is not None
    foreign = [
        f"--{name}"
        for name in (_STACKS_ONLY if frames else _FRAMES_ONLY)
        if getattr(arguments, name) not in (None, "")
    ]
    if foreign:
        kind = "stacks, not with frames (--out)" if frames else "frames, with --out"
        raise ParameterError(f"{' and '.join(foreign)} goes with {kind}")
    if frames and len(arguments.paths) != 1:
        raise ParameterError("--out", expected="one folder of frames", found=arguments.paths)
    if not frames and len(arguments.paths) < 2:
        raise ParameterError(
            "convert",
            expected="SRC ... DST for stacks, or DATA_DIR --out FOLDER for frames",
            found=arguments.paths[0],
        )
    return _convert_frames(arguments) if frames else _convert_stack(arguments)


def _convert_stack(arguments: argparse.Namespace) -> int:
    from fibsem_dash.registration.stack_conversion import StackChange, convert_stack

    def given(name: str) -> Any:
        values = getattr(arguments, name)
        return tuple(values) if values is not None else None

    change = StackChange(given("crop"), given("bin") or (1, 1, 1), given("scale"), arguments.dtype)
    *sources, target = arguments.paths
    with open_workers(arguments.workers, arguments.scheduler) as executor:
        result = convert_stack(
            sources,
            target,
            change,
            voxel_size_nm=given("voxel"),
            overwrite=arguments.overwrite,
            executor=executor,
            monitor=command_monitor(),
        )
    size = " x ".join(map(str, result.shape))
    edges = " x ".join(f"{edge:.4g}" for edge in result.voxel_size_nm)
    print(f"{target}: {size} voxels (z, y, x), {result.dtype}, {edges} nm")
    if result.n_clipped:
        print(
            f"{result.n_clipped} voxels lay outside of the range and were set to its limit",
            file=sys.stderr,
        )
    return 0


def _convert_frames(arguments: argparse.Namespace) -> int:
    from fibsem_dash.cli.entry import EXIT_FAILED_PAIRS
    from fibsem_dash.registration.conversion import convert_to_tif
    from fibsem_dash.registration.frames import find_frames

    letters = letters_of(arguments.detectors)
    paths = find_frames(arguments.paths[0], arguments.pattern)
    with open_workers(arguments.workers, arguments.scheduler) as executor:
        result = convert_to_tif(
            paths, arguments.out, letters, executor=executor, monitor=command_monitor()
        )
    there = f", {len(result.existing)} were there already" if result.existing else ""
    print(f"{arguments.out}: {len(result.written)} files written{there}")
    for path, reason in list(result.failed.items())[:_MOST_SHOWN]:
        print(f"failed: {Path(path).name}: {' '.join(reason.split())}", file=sys.stderr)
    if len(result.failed) > _MOST_SHOWN:
        print(f"... and {len(result.failed) - _MOST_SHOWN} more failed", file=sys.stderr)
    return EXIT_FAILED_PAIRS if result.failed else 0
