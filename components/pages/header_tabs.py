"""The live tabs of the Header page: SNR, noise, flattening, FSC."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import panel_material_ui as pmui
import param

from components.pages import header_code
from components.pages.analysis_tab import FIELD, AnalysisTab, Outcome
from components.pages.header_analysis import Scope, fsc_of_frames, fsc_of_rows
from components.pages.header_frame import Surface, fit_surface
from components.plots.background import background_figure
from components.plots.base import number
from components.plots.fsc import fsc_figure
from components.plots.noise import noise_figures
from components.plots.snr import snr_figure
from components.widgets.facts import PlainText
from fibsem_dash.compare.resolution import FscResult
from fibsem_dash.image.extrapolation import EXTRAPOLATIONS
from fibsem_dash.image.noise import NoiseStatistics, noise_statistics
from fibsem_dash.image.snr import SnrResult, autocorrelation_snr


class SnrTab(AnalysisTab):
    """Signal-to-noise ratio from the autocorrelation."""

    title = "SNR"
    help_text = (
        "**SNR**: signal over noise power from the autocorrelation. The crosses at lag 0 are "
        "where the curves would peak without noise."
    )

    method = param.Selector(
        default="parabolic", objects=list(EXTRAPOLATIONS), label="Extrapolation",
        doc="How the peak without noise is found from the lags next to 0",
    )  # fmt: skip
    detrend = param.Boolean(
        False, label="Remove slope", doc="Subtract a plane, so that shading is not taken for signal"
    )
    lags = param.Integer(12, bounds=(3, 200), label="Lags shown (px)", doc="Larger shows more")

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.param.watch(lambda _event: self.work.result and self._show(None), "lags")

    def settings(self) -> tuple[str, ...]:
        """Return the names of the parameters that change the result."""
        return "method", "detrend"

    def fields(self) -> list[Any]:
        """Return the fields above the plot."""
        return [
            pmui.Select.from_param(self.param.method, width=150, **FIELD),
            pmui.IntInput.from_param(self.param.lags, width=120, **FIELD),
            pmui.Checkbox.from_param(self.param.detrend, margin=(10, 6)),
        ]

    def compute(self, scope: Scope, **settings: Any) -> SnrResult:
        """Compute the result; runs in the background."""
        return autocorrelation_snr(scope.image(), settings["method"], detrend=settings["detrend"])

    def code(self, scope: Scope, **settings: Any) -> tuple[str, str]:
        """Return the Python lines and the command line that give the same result."""
        return header_code.snr_code(scope, **settings)

    def draw(self, outcome: Outcome) -> Any:
        """Return the figure of a result."""
        return snr_figure(outcome.result, self.lags, outcome.scope.frame.known_pixel_size_nm)

    def summary(self, outcome: Outcome) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
        """Return the numbers below the figure, and sentences about them."""
        result = outcome.result
        names = ("SNR along x", "SNR along y", "SNR radial")
        facts = [(n, number(v, 3)) for n, v in zip(names, result.values, strict=True)]
        return facts, result.notes


class NoiseTab(AnalysisTab):
    """Variance of the noise against the signal."""

    title = "Noise"
    help_text = (
        "**Noise**: for counted electrons the variance rises along a line with the signal; the "
        "line meets zero at the dark count I0. SNR0 counts from I0, SNR1 from the dark count of "
        "the header."
    )

    nbins = param.Integer(100, bounds=(10, 1000), label="Grey levels", doc="More are noisier")
    share_low = param.Number(
        0.02, bounds=(0, 0.4), label="Left out below", doc="Share of the darkest pixels"
    )
    share_high = param.Number(
        0.01, bounds=(0, 0.4), label="Left out above", doc="Share of the brightest pixels"
    )

    def settings(self) -> tuple[str, ...]:
        """Return the names of the parameters that change the result."""
        return "nbins", "share_low", "share_high"

    def fields(self) -> list[Any]:
        """Return the fields above the plot."""
        return [
            pmui.IntInput.from_param(self.param.nbins, width=110, **FIELD),
            pmui.FloatInput.from_param(self.param.share_low, step=0.005, width=120, **FIELD),
            pmui.FloatInput.from_param(self.param.share_high, step=0.005, width=120, **FIELD),
        ]

    def compute(self, scope: Scope, **settings: Any) -> NoiseStatistics:
        """Compute the result; runs in the background."""
        dark = float(scope.frame.source.dark_counts.get(scope.detector, 0.0))
        shares = settings["share_low"], settings["share_high"]
        return noise_statistics(scope.image(), dark, nbins=settings["nbins"], thresholds=shares)

    def code(self, scope: Scope, **settings: Any) -> tuple[str, str]:
        """Return the Python lines and the command line that give the same result."""
        return header_code.noise_code(scope, **settings)

    def draw(self, outcome: Outcome) -> Any:
        """Return the figure of a result."""
        return noise_figures(outcome.result, outcome.scope.region)

    def summary(self, outcome: Outcome) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
        """Return the numbers below the figure, and sentences about them."""
        r = outcome.result
        facts = [
            ("SNR0, above the fitted dark count", number(r.snr0, 3)),
            ("SNR1, above the dark count of the header", number(r.snr1, 3)),
            ("Fitted dark count I0", number(r.fitted_dark_count, 4, "counts")),
            ("Dark count of the header", number(r.dark_count, 6, "counts")),
            ("Slope (gain)", f"{number(r.slope, 3)} ± {number(r.slope_error, 1, 'counts')}"),
            ("Most frequent signal", number(r.peak, 4, "counts")),
        ]
        return facts, r.notes


class FlattenTab(AnalysisTab):
    """Slow variation of brightness and its correction."""

    title = "Flatten"
    help_text = (
        "**Flatten**: a polynomial through the means of square blocks. *Apply to run* writes the "
        "factors of all detectors into the run folder, and the run divides by them."
    )

    degree = param.Integer(2, bounds=(0, 6), label="Degree", doc="Higher follows faster changes")
    bins = param.Integer(
        32, bounds=(1, 2000), label="Block (px)", doc="Side of the blocks whose means are fitted"
    )
    ignore_y = param.Boolean(False, label="Only along x", doc="Leave out all terms with y")
    applied = param.String("", doc="What became of the last 'Apply to run'")

    def __init__(self, apply: Callable[[], None] | None = None, **values: Any) -> None:
        super().__init__(**values)
        self.apply_button = pmui.Button(
            label="Apply to run", icon="check", size="small", variant="outlined", margin=(8, 6),
            description="Write the factors and let the run flatten its frames with them",
        )  # fmt: skip
        if apply is not None:
            self.apply_button.on_click(lambda _event: apply())
        self.applied_line = PlainText("", margin=(0, 8))
        self.param.watch(lambda e: setattr(self.applied_line, "text", e.new), "applied")

    def settings(self) -> tuple[str, ...]:
        """Return the names of the parameters that change the result."""
        return "degree", "bins", "ignore_y"

    def fields(self) -> list[Any]:
        """Return the fields above the plot."""
        return [
            pmui.IntInput.from_param(self.param.degree, width=90, **FIELD),
            pmui.IntInput.from_param(self.param.bins, width=110, **FIELD),
            pmui.Checkbox.from_param(self.param.ignore_y, margin=(10, 6)),
            self.apply_button,
            self.applied_line,
        ]

    def compute(self, scope: Scope, **settings: Any) -> Surface:
        """Compute the result; runs in the background."""
        return fit_surface(scope.frame, scope.detector, box=scope.box, **settings)

    def code(self, scope: Scope, **settings: Any) -> tuple[str, str]:
        """Return the Python lines and the command line that give the same result."""
        return header_code.flatten_code(scope, **settings)

    def draw(self, outcome: Outcome) -> Any:
        """Return the figure of a result."""
        return background_figure(outcome.result.fit, outcome.result.step)

    def summary(self, outcome: Outcome) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
        """Return the numbers below the figure, and sentences about them."""
        fit = outcome.result.fit
        values = fit.fitted[fit.used]
        mean = abs(fit.fitted_mean) or np.nan
        facts = [
            ("Mean above the dark count", number(fit.fitted_mean, 4, "counts")),
            ("Fit varies by", number(100 * float(np.ptp(values)) / mean, 3, "%")),
            ("Residual of the blocks", number(float(np.sqrt(fit.mse)), 3, "counts")),
        ]
        return facts, fit.notes

    def describe(self, scope: Scope) -> str:
        """Say which pixels are fitted: all, or every n-th."""
        boxed = bool(scope.box[1] and scope.box[3])
        text = f"Detector {scope.detector}, {'the box' if boxed else 'the whole frame'}"
        step = self.work.result.result.step
        return text if step == 1 else f"{text}, one pixel in {step} along x and y"


class FscTab(AnalysisTab):
    """Fourier ring correlation of two halves of a frame, or of two frames."""

    title = "FSC"
    help_text = (
        "**FSC**: how well two images agree, by spatial frequency. The bandwidth is where the "
        "smoothed curve falls below the threshold. Rows: pairs of columns are averaged, so the "
        "curve ends at 0.25 cycles/px; noise that spans rows counts as agreement."
    )

    images = param.Selector(
        default="even and odd rows",
        objects=["even and odd rows", "this frame and the next"],
        label="Images", doc="What is correlated",
    )  # fmt: skip
    threshold = param.Number(
        0.143, bounds=(1e-3, 0.999), label="Threshold", doc="Larger gives a lower bandwidth"
    )

    def settings(self) -> tuple[str, ...]:
        """Return the names of the parameters that change the result."""
        return "images", "threshold"

    def fields(self) -> list[Any]:
        """Return the fields above the plot."""
        return [
            pmui.Select.from_param(self.param.images, width=200, **FIELD),
            pmui.FloatInput.from_param(self.param.threshold, step=0.01, width=110, **FIELD),
        ]

    @staticmethod
    def _pixels(images: str) -> int:
        return 2 if images == "even and odd rows" else 1

    def compute(self, scope: Scope, **settings: Any) -> tuple[FscResult, int]:
        """Compute the result; runs in the background."""
        pixels = self._pixels(settings["images"])
        if pixels == 1:
            return fsc_of_frames(scope, settings["threshold"]), pixels
        size = scope.frame.known_pixel_size_nm
        return fsc_of_rows(scope.image(), settings["threshold"], size), pixels

    def code(self, scope: Scope, **settings: Any) -> tuple[str, str]:
        """Return the Python lines and the command line that give the same result."""
        return header_code.fsc_code(scope, **settings)

    def draw(self, outcome: Outcome) -> Any:
        """Return the figure of a result."""
        return fsc_figure(*outcome.result)

    def summary(self, outcome: Outcome) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
        """Return the numbers below the figure, and sentences about them."""
        result, pixels = outcome.result
        facts = [
            ("Bandwidth", number(result.bandwidth / pixels, 3, "cycles/px")),
            ("Resolution", number(result.resolution_nm, 3, "nm")),
        ]
        notes = {
            "always above": "the curve stays above the threshold, so the bandwidth is its end",
            "always below": "the curve stays below the threshold, so there is no common detail",
            "undefined": "the curve holds no value that can be compared",
        }
        note = notes.get(result.status)
        return facts, (note,) if note else ()
