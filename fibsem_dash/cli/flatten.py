"""`fibsem-dash flatten`: find the correction of uneven brightness."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from fibsem_dash.cli.frame_options import (
    Row,
    add_roi_option,
    answer,
    check_out,
    letters_of,
    quiet_notes,
)
from fibsem_dash.errors import ParameterError


def add_parser(commands: Any, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "flatten",
        parents=[common],
        help="find the correction of uneven brightness",
        description="Fit the slow variation of brightness of each detector, to the mean of all "
        "given frames, and write the correction that `register --set output.flatten_file=...` "
        "takes.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help=".dat or .tif frames of one size")
    parser.add_argument(
        "--out", dest="npz", metavar="NPZ", required=True, help="correction to write"
    )
    parser.add_argument(
        "--detectors",
        metavar="LETTERS",
        help="such as A or AB (default: all that the frames store)",
    )
    parser.add_argument(
        "--degree", type=int, default=2, metavar="N", help="of the polynomial (default 2)"
    )
    parser.add_argument(
        "--bins", type=int, default=10, metavar="PX", help="side of the blocks (default 10)"
    )
    add_roi_option(parser, "region to fit: left, right, top, bottom; may be repeated")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--ignore-y", action="store_true", help="brightness varies along x only")
    group.add_argument("--linear-y", action="store_true", help="no powers of y above the first")
    parser.add_argument("--json", action="store_true", help="as JSON, for scripts")
    parser.add_argument(
        "--figure",
        metavar="FIGURE",
        help="save a figure for each detector, too: its letter is added to the name",
    )
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return its exit code."""
    from fibsem_dash.flattening import fit_field
    from fibsem_dash.io import open_frame

    check_out(arguments.figure)
    target = Path(arguments.npz)
    if target.suffix.lower() != ".npz":
        raise ParameterError("--out", expected="a name that ends in .npz", found=target.name)
    frames = [open_frame(name) for name in arguments.files]
    with quiet_notes():
        field = fit_field(
            frames,
            letters_of(arguments.detectors),
            arguments.degree,
            arguments.bins,
            rois=arguments.rois,
            ignore_y=arguments.ignore_y,
            linear_y=arguments.linear_y,
        )
    field.save(target)
    rows: list[Row] = []
    data: dict[str, Any] = {"files": arguments.files, "out": target, "detectors": {}}
    notes = []
    for letter, fit in field.fits.items():
        factor = field.correction(letter)
        low, high = float(factor.min()), float(factor.max())
        residual = fit.mse**0.5
        rows += [
            (f"{letter}: RMS residual of the blocks", residual, "counts"),
            (f"{letter}: factor, least", low, ""),
            (f"{letter}: factor, greatest", high, ""),
        ]
        data["detectors"][letter] = {
            "rms_residual": residual,
            "factor": [low, high],
            "intercept": fit.intercept,
            "coefficients": fit.coefficients,
            "powers": fit.powers,
        }
        notes += [f"detector {letter}: {note}" for note in fit.notes]
    data["figures"] = _figures(arguments.figure, field)
    code = answer(arguments, f"{target}: {', '.join(field.detectors)}", rows, data, notes)
    if not arguments.json:
        for name in data["figures"]:
            print(f"Figure: {name}")
    return code


def _figures(path: str | None, field: Any) -> list[str]:
    if path is None:
        return []
    from fibsem_dash.figures import draw_background, save_figure

    saved = []
    for letter, fit in field.fits.items():
        target = Path(path)
        target = target.with_name(f"{target.stem}_{letter}{target.suffix}")
        title = f"{field.files[0]}, detector {letter}"
        if len(field.files) > 1:
            title = f"mean of {len(field.files)} frames, detector {letter}"
        saved.append(str(save_figure(draw_background(fit, title=title), target)))
    return saved
