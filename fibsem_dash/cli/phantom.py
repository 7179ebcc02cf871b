"""`fibsem-dash phantom`: a synthetic stack with known drift."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from fibsem_dash.cli.job_process import command_monitor
from fibsem_dash.compute.executor import usable_cores

if TYPE_CHECKING:
    from fibsem_dash.phantom import PhantomResult


def add_parser(commands: Any, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "phantom",
        parents=[common],
        help="write a synthetic stack with known drift",
        description="Write a synthetic stack of stained tissue with known drift as raw frames, "
        "and truth.json with the matrices from frame 0 to every frame.",
    )
    parser.add_argument("out", metavar="OUT", help="folder to make")
    parser.add_argument("--frames", type=int, default=200, metavar="N", help="default 200")
    parser.add_argument(
        "--size", type=int, nargs="+", default=[1024], metavar="PX", help="side, or height width"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="K", help="default 0")
    parser.add_argument("--format", choices=("dat8", "dat9", "tif"), default="dat9")
    parser.add_argument("--drift", type=float, metavar="PX", help="random step per frame")
    parser.add_argument("--noise", type=float, metavar="F", help="factor on the shot noise")
    parser.add_argument(
        "--blank", type=int, nargs="*", default=[], metavar="K", help="blank frames"
    )
    parser.add_argument(
        "--jump", type=float, nargs=2, metavar=("K", "PX"), help="shift from frame K on"
    )
    parser.add_argument("--curtain", type=float, metavar="F", help="amplitude of curtains")
    parser.add_argument("--overwrite", action="store_true", help="replace an older phantom")
    parser.add_argument("--workers", type=int, default=usable_cores(), metavar="N")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return its exit code."""
    changes: dict[str, Any] = {
        "frames": arguments.frames,
        "size": arguments.size[0] if len(arguments.size) == 1 else tuple(arguments.size),
        "seed": arguments.seed,
        "format": arguments.format,
        "blank": tuple(arguments.blank),
    }
    for option, name in (("drift", "drift_px"), ("noise", "noise"), ("curtain", "curtain")):
        if getattr(arguments, option) is not None:
            changes[name] = getattr(arguments, option)
    if arguments.jump:
        changes["jump"] = (int(arguments.jump[0]), arguments.jump[1])
    result = draw_phantom(
        arguments.out, workers=arguments.workers, overwrite=arguments.overwrite, **changes
    )
    print(f"{len(result.files)} frames in {result.folder}, drift in {result.truth_file}")
    return 0


def draw_phantom(out: str, *, workers: int, overwrite: bool, **changes: Any) -> PhantomResult:
    """Write a phantom with progress on the terminal."""
    from fibsem_dash.phantom import write_phantom

    monitor = command_monitor()
    done = 0

    def progress(n_done: int, total: int) -> None:
        nonlocal done
        if done == 0:
            monitor.start("phantom", total)
        monitor.advance("phantom", n_done - done)
        done = n_done

    result = write_phantom(
        out, workers=max(workers, 1), overwrite=overwrite, progress=progress, **changes
    )
    monitor.finish("phantom")
    return result
