"""What the figures share: colours, a figure without a screen, grey images with a scale bar."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fibsem_dash.image.thresholds import intensity_range

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

X, X_LIGHT = "#D55E00", "#F0A36B"
"""Vermillion: along x; the lighter tone for fits."""
Y, Y_LIGHT = "#0072B2", "#6DB5DC"
"""Blue: along y; the lighter tone for fits."""
RADIAL = "#333333"
"""Over rings, in no direction."""
THRESHOLD = "#E69F00"
"""Orange: limits that a user sets."""
RESULT = "#009E73"
"""Bluish green: the number that is read from a curve."""
LOW, HIGH = "#56B4E9", "#CC0000"
"""Pixels below and above a range."""
DETECTOR_COLOURS = {"A": "#00808A", "B": "#7B3FA0", "C": "#8C6D1F", "D": "#555555"}
"""Teal and purple for the detectors A and B."""
REGIONS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
"""Okabe-Ito, for regions that a user draws and for runs that are compared."""
GREY = "#777777"
SMALL, NORMAL, LARGE = 7.5, 9.0, 11.0
"""Font sizes in points."""

_MOST_PIXELS = 2000
"""Longest side of an image inside a figure; a larger one is averaged down."""


def new_figure(width: float, height: float, layout: str | None = "constrained") -> Figure:
    """Make a figure that no window and no global list knows.

    Parameters
    ----------
    width, height : float
        Size in inches.
    layout : str, optional
        What keeps labels apart; None where axes are placed by hand.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white", layout=layout)  # type: ignore[arg-type]
    FigureCanvasAgg(figure)
    return figure


def set_title(axes: Axes, text: str, **options: Any) -> None:
    """Put a title above axes, every sign of it as it stands: ``$`` begins no formula."""
    axes.set_title(text, fontsize=NORMAL, loc="left", parse_math=False, **options)


def set_figure_title(figure: Figure, text: str) -> None:
    """Put a title above all, every sign of it as it stands; nothing for an empty text."""
    if text:
        figure.suptitle(text, fontsize=LARGE, parse_math=False)


def draw_notes(figure: Figure, notes: Sequence[str]) -> None:
    """Write below a figure why its numbers are missing or doubtful, at most four lines."""
    if notes:
        width = int(figure.get_figwidth() * 17)
        lines = [line for note in notes for line in textwrap.wrap(note, width)]
        if len(lines) > 4:
            lines = [*lines[:3], f"... and {len(lines) - 3} more lines"]
        text = "\n".join(lines)
        figure.supxlabel(text, fontsize=SMALL, color="#AA0000", parse_math=False)


def style_axes(axes: Axes, x_label: str, y_label: str) -> None:
    """Name the axes of a plot and give it a light grid."""
    axes.set_xlabel(x_label, fontsize=NORMAL)
    axes.set_ylabel(y_label, fontsize=NORMAL)
    axes.tick_params(labelsize=SMALL)
    axes.grid(True, color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def add_legend(axes: Axes, **options: Any) -> None:
    """Add a legend where there is something to explain."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        axes.legend(handles, labels, fontsize=SMALL, framealpha=0.85, **options)


def show_image(
    axes: Axes,
    image: NDArray[Any],
    limits: Sequence[float] | None = None,
    *,
    pixel_size_nm: float = 0.0,
    high_is_dark: bool = True,
    ticks: bool = False,
    grain: bool = False,
) -> AxesImage:
    """Show a grey image with its pixels as coordinates.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    image : ndarray, (y, x)
        Any real type; NaN stays white.
    limits : (float, float), optional
        Grey levels at the two ends; those that leave 0.1 % of the pixels outside by default.
    pixel_size_nm : float, default 0
        For a scale bar, nm; 0 for none.
    high_is_dark : bool, default True
        High counts dark, as stained tissue looks in transmission; else bright.
    ticks : bool, default False
        Number the pixels along the edges.
    grain : bool, default False
        Leave pixels out where there are too many, instead of averaging: noise keeps its strength.
    """
    height, width = image.shape
    low, high = display_limits(image) if limits is None else (float(v) for v in limits)
    shown = axes.imshow(
        image if grain else reduced(image),
        interpolation="nearest" if grain else "auto",
        cmap="Greys" if high_is_dark else "Greys_r",
        vmin=low,
        vmax=high,
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
    )
    if ticks:
        axes.tick_params(labelsize=SMALL)
        axes.set_xlabel("x (px)", fontsize=NORMAL)
        axes.set_ylabel("y (px)", fontsize=NORMAL)
    else:
        axes.set_xticks([])
        axes.set_yticks([])
    add_scale_bar(axes, width, height, pixel_size_nm)
    return shown


def display_limits(image: NDArray[Any]) -> tuple[float, float]:
    """Grey levels that leave 0.1 % of the pixels outside at either end; (0, 1) without a pixel."""
    if not np.isfinite(image).any():
        return 0.0, 1.0
    low, high = intensity_range(image)
    return low, high


def reduced(image: NDArray[Any]) -> NDArray[Any]:
    """Image averaged down to what a figure can show; a small one as it is."""
    longest = max(image.shape)
    if longest <= _MOST_PIXELS:
        return image
    import cv2

    factor = _MOST_PIXELS / longest
    size = tuple(max(round(side * factor), 1) for side in image.shape[::-1])
    small: NDArray[Any] = cv2.resize(
        np.ascontiguousarray(image, np.float32), size, interpolation=cv2.INTER_AREA
    )
    return small


def add_scale_bar(axes: Axes, width: int, height: int, pixel_size_nm: float) -> None:
    """Draw a bar of a round length, about a fifth of the image; nothing without a pixel size."""
    if not (math.isfinite(pixel_size_nm) and pixel_size_nm > 0):
        return
    from matplotlib.offsetbox import AnchoredOffsetbox, AuxTransformBox, TextArea, VPacker
    from matplotlib.patches import Rectangle

    length = round_length(width * pixel_size_nm / 5)
    bar = AuxTransformBox(axes.transData)
    thick = max(height, width) / 250
    bar.add_artist(Rectangle((0, 0), length / pixel_size_nm, thick, facecolor="black", lw=0))
    text = TextArea(format_length(length), textprops={"size": SMALL})
    panel = AnchoredOffsetbox(
        "lower right",
        child=VPacker(children=[bar, text], align="center", pad=0, sep=3),
        pad=0.3,
        borderpad=0.4,
        frameon=True,
    )
    panel.patch.set(alpha=0.8, linewidth=0)
    axes.add_artist(panel)


def round_length(length: float) -> float:
    """Largest of 1, 2, 5, 10, 20, ... that is not above a positive length."""
    power = 10.0 ** math.floor(math.log10(length))
    return max(step * power for step in (1, 2, 5) if step * power <= length * (1 + 1e-9))


def format_length(length_nm: float) -> str:
    """Write a length with the unit that suits it."""
    for unit, size in (("mm", 1e6), ("µm", 1e3)):
        if length_nm >= size:
            return f"{length_nm / size:g} {unit}"
    return f"{length_nm:g} nm"


def format_number(value: float, digits: int = 4) -> str:
    """Write a number with its significant digits; a dash for NaN."""
    if not math.isfinite(value):
        return "—" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    # An exponent tells less than the digits of a count do.
    text = f"{value:.0f}" if 10**digits <= abs(value) < 1e7 else f"{value:.{digits}g}"
    return text.replace("-", "−")


def draw_rectangle(axes: Axes, bounds: Sequence[int], colour: str, **options: Any) -> None:
    """Outline the pixels (xi, xa, yi, ya), half open, of an image."""
    from matplotlib.patches import Rectangle

    xi, xa, yi, ya = (float(v) for v in bounds)
    line: dict[str, Any] = {"linewidth": 1.2, "fill": False, "edgecolor": colour} | options
    axes.add_patch(Rectangle((xi - 0.5, yi - 0.5), xa - xi, ya - yi, **line))


def finite_span(values: NDArray[Any], margin: float = 0.04) -> tuple[float, float] | None:
    """Range of the finite values with a margin, None where there is no range to show."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return None
    low, high = float(finite.min()), float(finite.max())
    edge = (high - low) * margin or max(abs(low), 1.0) * margin
    return low - edge, high + edge
