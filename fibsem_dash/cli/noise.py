"""`fibsem-dash noise`: variance of the noise against the signal."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from fibsem_dash.cli.frame_options import (
    Row,
    add_frame_options,
    add_roi_option,
    answer,
    check_out,
    names_of,
    quiet_notes,
)
from fibsem_dash.errors import ParameterError

if TYPE_CHECKING:
    from fibsem_dash.frame import FIBSEMFrame
    from fibsem_dash.image import NoiseRois, NoiseStatistics


def add_parser(commands: Any, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "noise",
        parents=[common],
        help="measure the noise of a frame against its signal",
        description="Measure the variance of the noise against the signal: gain, dark count and "
        "signal-to-noise ratios. With --roi, in regions of uniform signal.",
    )
    parser.add_argument("file", metavar="FILE", help=".dat or .tif frame")
    parser.add_argument(
        "--dark", type=float, metavar="COUNT", help="zero level (default: that of the header)"
    )
    add_roi_option(parser, "region of uniform signal: left, right, top, bottom; may be repeated")
    parser.add_argument(
        "--histogram-roi",
        nargs=4,
        type=int,
        metavar=("L", "R", "T", "B"),
        help="with --roi: region of the grey levels that the ratios are about",
    )
    add_frame_options(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the command; return its exit code."""
    from fibsem_dash.frame import FIBSEMFrame

    check_out(arguments.out)
    if arguments.rois and any(arguments.box):
        raise ParameterError("--box and --roi exclude each other")
    if arguments.histogram_roi and not arguments.rois:
        raise ParameterError("--histogram-roi needs --roi")
    frame = FIBSEMFrame(arguments.file)
    return _regions(arguments, frame) if arguments.rois else _whole(arguments, frame)


def _whole(arguments: argparse.Namespace, frame: FIBSEMFrame) -> int:
    box = tuple(arguments.box)
    with quiet_notes():
        result = frame.noise(arguments.detector, box, arguments.dark, reference=arguments.reference)
    title = names_of(arguments.file, arguments.detector, box)
    rows: list[Row] = [
        ("slope (gain)", result.slope, "counts"),
        ("dark count by the line, I0", result.fitted_dark_count, "counts"),
        ("dark count given", result.dark_count, "counts"),
        ("SNR0, above I0", result.snr0, ""),
        ("SNR1, above the given dark count", result.snr1, ""),
        ("peak above I0 over its noise", result.peak_snr, ""),
        ("range over the noise at the peak", result.dynamic_snr, ""),
        ("most frequent signal", result.peak, "counts"),
    ]
    figure = None
    if arguments.out:
        from fibsem_dash.figures import draw_noise

        figure = draw_noise(result, title=title, pixel_size_nm=frame.pixel_size_nm)
    data = {"file": frame.path, "detector": arguments.detector, "box": box}
    return answer(arguments, title, rows, data | _numbers(result), result.notes, figure)


def _numbers(result: NoiseStatistics) -> dict[str, Any]:
    names = (
        "slope slope_error intercept dark_count fitted_dark_count dark_slope snr0 snr1 peak_snr "
        "dynamic_snr peak low high"
    )
    curves = ("means", "variances", "counts", "histogram", "histogram_centres")
    return {name: getattr(result, name) for name in names.split()} | {
        "curves": {name: getattr(result, name) for name in curves}
    }


def _regions(arguments: argparse.Namespace, frame: FIBSEMFrame) -> int:
    with quiet_notes():
        result = frame.noise_rois(
            arguments.rois,
            arguments.histogram_roi,
            arguments.detector,
            arguments.dark,
            reference=arguments.reference,
        )
    title = names_of(arguments.file, arguments.detector, ())
    figure = None
    if arguments.out:
        from fibsem_dash.figures import draw_noise_rois

        outline = tuple(arguments.histogram_roi) if arguments.histogram_roi else None
        figure = draw_noise_rois(
            result,
            frame.image(arguments.detector),
            histogram_roi=outline,
            title=title,
            pixel_size_nm=frame.pixel_size_nm,
        )
    names = "slope dark_count peak_snr mean_snr dynamic_snr peak mean low high"
    data = {"file": frame.path, "detector": arguments.detector, "rois": result.rois}
    data |= {name: getattr(result, name) for name in names.split()}
    data["curves"] = {"means": result.means, "variances": result.variances}
    return answer(arguments, title, _region_rows(result), data, result.notes, figure)


def _region_rows(result: NoiseRois) -> list[Row]:
    rows: list[Row] = []
    for k, (mean, variance) in enumerate(zip(result.means, result.variances, strict=True)):
        rows.append((f"region {k + 1}: mean", float(mean), "counts"))
        rows.append((f"region {k + 1}: variance of the noise", float(variance), "counts²"))
    return [
        *rows,
        ("slope (gain)", result.slope, "counts"),
        ("dark count", result.dark_count, "counts"),
        ("peak over its noise", result.peak_snr, ""),
        ("mean over its noise", result.mean_snr, ""),
        ("range over the noise", result.dynamic_snr, ""),
    ]
