"""The image of the Header page: one or two detectors, contrast, box, values under the mouse."""

from __future__ import annotations

from typing import Any

import panel as pn
import param
from bokeh.events import RangesUpdate, Reset
from bokeh.models import CustomJSHover, HoverTool

from components.pages.header_frame import KINDS, FrameView, Picture, electron_scale
from components.pages.header_load import BESIDE, FUSED, NO_BOX, Loaded, Wanted, levels_of, load
from components.plots.colours import DETECTORS
from components.widgets.histogram import HistogramView
from components.widgets.state_view import StateView
from components.work import LatestWork

HOVER = "return format == 'e' ? (GAIN * value + OFFSET).toFixed(2) : value.toFixed(DIGITS)"
"""Text under the mouse: the value, or electrons from the value."""


class FrameImage(pn.viewable.Viewer):  # type: ignore[misc]
    """One frame as an image, or both detectors side by side, with its histogram.

    Parameters
    ----------
    empty : viewable
        What is shown without a frame.
    """

    view = param.Selector(default="A", objects=["A"], doc="Detectors that are shown")
    kind = param.Selector(default="raw", objects=KINDS, label="Pixels", doc="Unit of the pixels")
    fraction = param.Number(
        0.5, bounds=(0, 1), step=0.05, label="Share of B", doc="Larger shows more of detector B"
    )
    detector = param.String("A", doc="Detector of the histogram and of the tabs")
    automatic = param.Boolean(
        False, label="New contrast for every frame", doc="Otherwise the contrast stays"
    )
    inverted = param.Boolean(False, label="Inverted", doc="Show high grey levels dark")
    use_box = param.Boolean(
        False, label="Box", doc="Draw a box (b): histogram, tabs and files take only its pixels"
    )
    box = param.Tuple(NO_BOX, doc="Box [top, height, left, width], px")
    thr_min = param.Number(
        1e-3, bounds=(0, 0.49), label="Share black", doc="Share of the pixels shown black by Auto"
    )
    thr_max = param.Number(
        1e-3, bounds=(0, 0.49), label="Share white", doc="Share of the pixels shown white by Auto"
    )
    nbins = param.Integer(256, bounds=(2, 4096), label="Bins", doc="Bars of the histogram")
    loaded = param.Parameter(None, doc="Frame that is shown, a `Loaded`; None without one")

    def __init__(self, empty: Any, **values: Any) -> None:
        super().__init__(**values)
        self.path = ""
        self.flatten: tuple[tuple[str, Any], ...] = ()
        self.contrast: dict[tuple[str, str], tuple[float, float]] = {}
        self._showing = False
        self.views = (FrameView("Detector A"), FrameView("Detector B", follower=True))
        self._link_views()
        self.histogram = HistogramView()
        self.histogram.param.watch(self._on_levels, ["low", "high"])
        self.work = LatestWork(load)
        self.work.param.watch(self._on_loaded, "done_count")
        self.work.param.watch(self._on_error, "error")
        self.level_work = LatestWork(levels_of)
        self.level_work.param.watch(self._on_histogram, "done_count")
        self.settle = LatestWork(lambda box: box)
        self.settle.param.watch(self._on_box_settled, "done_count")
        for view in self.views:
            view.param.watch(self._on_box_drawn, "box")
            view.work.param.watch(self._on_read_error, "error")
        self.param.watch(self.reload, ["view", "kind", "fraction"])
        self.param.watch(self._show_levels, "detector")
        self.param.watch(self._update_levels, ["thr_min", "thr_max", "nbins", "use_box", "box"])
        self.param.watch(self._place_box, ["use_box", "box"])
        self.param.watch(self._invert, "inverted")
        row = pn.Row(*self.views, sizing_mode="stretch_both", margin=0)
        self.state = StateView(row, self.work, empty, "Reading the frame ...")

    def _link_views(self) -> None:
        first, second = self.views
        second.figure.x_range, second.figure.y_range = first.figure.x_range, first.figure.y_range
        second.pane.visible = False
        for view, other in ((first, second), (second, first)):
            view.figure.on_event(RangesUpdate, lambda _e, other=other: self._follow(other))
            view.figure.on_event(Reset, lambda _e, other=other: self._follow(other))
            view.figure.toolbar.logo = None

    def _follow(self, view: FrameView) -> None:
        if view.pane.visible:
            view.refresh()

    @property
    def shown_views(self) -> tuple[FrameView, ...]:
        """The image views that show something."""
        return self.views if self.loaded and len(self.loaded.pictures) > 1 else self.views[:1]

    @property
    def current(self) -> int:
        """Index of the picture that the histogram belongs to."""
        if self.loaded is None or len(self.loaded.pictures) == 1:
            return 0
        letters = [p.channels[0].detector for p in self.loaded.pictures]
        return letters.index(self.detector) if self.detector in letters else 0

    @property
    def active_box(self) -> tuple[int, int, int, int]:
        """The box if it is used, else zeros."""
        return self.box if self.use_box else NO_BOX

    def open(self, path: str) -> None:
        """Show a frame; an empty path shows none."""
        self.path = path
        if path:
            self.reload()
        else:
            self.work.cancel()
            self.loaded = None
            self.work.error = ""
            self.state.has_content = False

    def reload(self, *_events: Any) -> None:
        """Show the frame with the current settings."""
        if not self.path or self._showing:
            return
        self.work.request(
            Wanted(
                self.path, self.view, self.kind, self.fraction, self.flatten, self.active_box,
                (self.thr_min, self.thr_max), self.nbins,
            )
        )  # fmt: skip

    def set_flatten(self, settings: dict[str, Any]) -> None:
        """Take other settings of the fitted background."""
        self.flatten = tuple(sorted(settings.items()))
        if self.kind == "flattened":
            self.reload()

    def fit(self) -> None:
        """Show the whole frame."""
        for view in self.shown_views:
            view.fit()

    def auto(self, *_events: Any) -> None:
        """Take the grey levels that the shares of the pixels ask for."""
        for picture in self.loaded.pictures if self.loaded else ():
            self.contrast[picture.key] = tuple(self._levels[picture.key].range)
        self._show_levels()

    def flicker(self) -> None:
        """Show the other detector."""
        letters = [v for v in self.param.view.objects if v not in (FUSED, BESIDE)]
        if len(letters) > 1:
            self.view = letters[1] if self.view == letters[0] else letters[0]

    # What was loaded is shown ---------------------------------------------------------------

    def _on_loaded(self, _event: Any) -> None:
        loaded: Loaded = self.work.result
        self._levels = loaded.levels
        first = self.loaded is None
        for picture in loaded.pictures:
            if self.automatic or picture.key not in self.contrast:
                self.contrast[picture.key] = tuple(loaded.levels[picture.key].range)
        self._offer_views(loaded)
        self.loaded = loaded
        beside = len(loaded.pictures) > 1
        for index, view in enumerate(self.shown_views):
            picture = loaded.pictures[index]
            view.pane.visible = True
            self._describe(view, picture, beside)
            self._make_room(view, beside)
            view.set_contrast(*self.contrast[picture.key])
            size = loaded.frame.known_pixel_size_nm if index == 0 else 0.0
            view.set_image(loaded.frame.shape, picture, size, keep_view=not first or index > 0)
        self.views[1].pane.visible = beside
        self._place_box()
        self._show_levels()

    def _offer_views(self, loaded: Loaded) -> None:
        letters = list(loaded.frame.detectors)
        choices = [*letters, FUSED, BESIDE] if len(letters) > 1 else letters
        self._showing = True
        try:
            if self.param.view.objects != choices:
                view = self.view if self.view in choices else letters[0]
                self.param.view.objects = choices
                self.view = view
                self.param.trigger("view")
            shown = [p.channels[0].detector for p in loaded.pictures]
            if self.view in letters or self.detector not in letters:
                self.detector = shown[0]
        finally:
            self._showing = False

    @staticmethod
    def _make_room(view: FrameView, beside: bool) -> None:
        """Leave the vertical axis out where two images share the width of one."""
        view.figure.yaxis.visible = not beside
        view.figure.min_border_left = 8 if beside else 60
        view.figure.xaxis.ticker.desired_num_ticks = 3 if beside else 6

    def _describe(self, view: FrameView, picture: Picture, beside: bool) -> None:
        names = picture.frame.source.detector_names
        letters = [c.detector for c in picture.channels]
        text = " + ".join(f"{d} {names.get(d, '')}".strip() for d in letters)
        view.figure.title.text = f"Detector {text}" if beside or len(letters) > 1 else ""
        view.figure.title.text_color = DETECTORS[letters[0]] if beside else "#808080"
        hover = view.figure.select_one(HoverTool)
        tips = [("x, y", "$x{0}, $y{0} px"), (picture.unit, "@image{v}")]
        scale = electron_scale(picture.frame, letters[0])
        known = scale is not None and len(letters) == 1 and picture.kind == "raw"
        gain, offset = scale if scale is not None and known else (0.0, 0.0)
        if known:
            tips.append(("electrons", "@image{e}"))
        digits = 0 if picture.kind == "raw" and len(letters) == 1 else 2
        digits = 4 if picture.unit == "V" else digits
        code = HOVER.replace("GAIN", repr(gain)).replace("OFFSET", repr(offset))
        code = code.replace("DIGITS", str(digits))
        shown = hover.formatters.get("@image")
        # A model that is exchanged has Bokeh look through the whole document.
        if shown is None or shown.code != code:
            hover.formatters = {"@image": CustomJSHover(code=code)}
        hover.tooltips = tips

    def _on_error(self, event: Any) -> None:
        if event.new:
            # The picture of another frame under this message would mislead.
            self.state.has_content = False
            self.loaded = None

    def _on_read_error(self, event: Any) -> None:
        if event.new:
            self.work.error = event.new

    # Grey levels ----------------------------------------------------------------------------

    def _update_levels(self, *_events: Any) -> None:
        if self.loaded is not None:
            self.level_work.request(
                self.loaded.pictures, self.active_box, (self.thr_min, self.thr_max), self.nbins
            )

    def _on_histogram(self, _event: Any) -> None:
        levels = self.level_work.result
        if self.loaded is None or set(levels) != {p.key for p in self.loaded.pictures}:
            return
        changed = {k for k in levels if levels[k].range != self._levels[k].range}
        self._levels = levels
        if changed:
            self.auto()
        else:
            self._show_levels()

    def _show_levels(self, *_events: Any) -> None:
        if self.loaded is None or self._showing:
            return
        for view, picture in zip(self.shown_views, self.loaded.pictures, strict=True):
            view.set_contrast(*self.contrast[picture.key])
        picture = self.loaded.pictures[self.current]
        low, high = self.contrast[picture.key]
        self.histogram.param.update(low=low, high=high)
        self.histogram.set_histogram(self._levels[picture.key].histogram, picture.unit)

    def _on_levels(self, *_events: Any) -> None:
        low, high = self.histogram.low, self.histogram.high
        if self.loaded is None or low is None or high is None:
            return
        self.contrast[self.loaded.pictures[self.current].key] = (low, high)
        self.shown_views[self.current].set_contrast(low, high)

    def _invert(self, *_events: Any) -> None:
        for view in self.views:
            view.inverted = self.inverted

    # Box ------------------------------------------------------------------------------------

    def _place_box(self, *_events: Any) -> None:
        if self.loaded is None:
            return
        for view in self.shown_views:
            if any(self.box):
                view.box = self.box
            view.show_box(self.use_box)
        if self.use_box and not any(self.box):
            self.box = self.views[0].box

    def _on_box_drawn(self, event: Any) -> None:
        if self.use_box and event.new != self.box:
            self.settle.request(event.new)

    def _on_box_settled(self, _event: Any) -> None:
        self.box = self.settle.result

    def __panel__(self) -> Any:
        return self.state
