"""Which detector the Data range page looks at: one, or two of them fused."""

from __future__ import annotations

from typing import Any

import panel as pn
import panel_material_ui as pmui
import param

from components.pages.range_model import Pixels
from components.session import Session
from components.widgets.settings_form import WIDTH

FUSED = "fused"


class DetectorChoice(pn.viewable.Viewer):  # type: ignore[misc]
    """Detector letters that the frames have, and the mixture of A and B where both exist.

    A letter is the detector that SIFT takes; the mixture is looked at only, until its share is
    handed to the output of the run.

    Parameters
    ----------
    session : Session
        State that all pages share.
    """

    pixels = param.ClassSelector(class_=Pixels, doc="What is looked at")

    def __init__(self, session: Session, **values: Any) -> None:
        super().__init__(pixels=Pixels(session.settings.input.detector), **values)
        self.session = session
        share = session.settings.output.detector_b_fraction
        self.which = pmui.RadioButtonGroup(options=["A"], value="A", size="small", margin=(4, 8))
        self.share = pmui.FloatSlider(
            label="Share of detector B", start=0.0, end=1.0, step=0.05, value=share or 0.5,
            width=WIDTH - 20, margin=(4, 14),
        )  # fmt: skip
        self.use = pmui.Button(
            label="Use for the written slices", variant="outlined", size="small", width=WIDTH,
            margin=(4, 8),
        )  # fmt: skip
        self.words = pmui.Typography("", variant="caption", width=WIDTH, margin=(2, 8))
        self.extra = pn.Column(self.share, self.use, visible=False, margin=0)
        self.use.on_click(lambda _event: self.use_share())
        self.which.param.watch(self._on_which, "value")
        self.share.param.watch(lambda *_e: self._update(), "value_throttled")
        session.param.watch(lambda *_e: self._on_frames(), "frames")
        session.settings.input.param.watch(lambda *_e: self._on_setting(), "detector")
        session.settings.output.param.watch(lambda *_e: self._tell(), "detector_b_fraction")
        self._on_frames()

    def _on_frames(self) -> None:
        usable = next((f for f in self.session.frames if f.usable), None)
        letters = list(usable.detectors) if usable else ["A"]
        wanted = self.session.settings.input.detector
        # A setting that the frames cannot meet is shown nevertheless: its errors say why.
        letters += [] if wanted in letters else [wanted]
        options = [*letters, FUSED] if {"A", "B"} <= set(letters) and usable else letters
        value = self.which.value if self.which.value == FUSED and FUSED in options else wanted
        self.which.param.update(options=options, value=value)
        self._update()

    def _on_setting(self) -> None:
        if self.which.value != FUSED:
            self.which.value = self.session.settings.input.detector
        self._update()

    def _on_which(self, event: Any) -> None:
        if event.new != FUSED:
            self.session.settings.input.detector = event.new
        self._update()

    @property
    def fraction(self) -> float:
        """Share of detector B; 0 unless the mixture is looked at."""
        return float(self.share.value) if self.which.value == FUSED else 0.0

    def _update(self) -> None:
        fused = self.which.value == FUSED
        letter = "A" if fused else str(self.which.value)
        self.extra.visible = fused
        self._tell()
        pixels = Pixels(letter, self.fraction)
        if pixels != self.pixels:
            self.pixels = pixels

    def _tell(self) -> None:
        sift = self.session.settings.input.detector
        used = self.session.settings.output.detector_b_fraction
        if self.which.value == FUSED:
            self.words.object = (
                f"Looked at only: SIFT takes detector {sift}; the run writes {100 * used:g} % of "
                "detector B into the slices."
            )
        else:
            self.words.object = f"SIFT takes detector {sift}."
        self.use.disabled = abs(used - float(self.share.value)) < 1e-9

    def use_share(self) -> None:
        """Hand the share to the output of the run."""
        self.session.settings.output.detector_b_fraction = float(self.share.value)

    def __panel__(self) -> Any:
        return pn.Column(self.which, self.extra, self.words, margin=0)
