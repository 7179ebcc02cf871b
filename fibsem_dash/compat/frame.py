"""FIBSEM_frame: one frame with the attributes and methods of old notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem_dash import frame_export
from fibsem_dash.compat.frame_analyses import FrameAnalyses
from fibsem_dash.compat.frame_header import header_lines
from fibsem_dash.compat.keywords import take
from fibsem_dash.compat.output import show_and_save
from fibsem_dash.compat.single_image import get_min_max_thresholds
from fibsem_dash.figures import draw_box, save_figure
from fibsem_dash.figures.style import new_figure, set_figure_title, set_title, show_image
from fibsem_dash.image import to_8bit
from fibsem_dash.numerics.arguments import region_of_box


class FIBSEM_frame(FrameAnalyses):
    """One frame with the attributes and methods of old notebooks; see `FrameFile`.

    Arguments and attributes are those of `fibsem_dash.compat.frame_file.FrameFile`.
    """

    def print_header(self) -> None:
        """Print one line per header field that the file has."""
        print("\n".join(header_lines(self._fields, bool(self.ftype))))

    def display_images(self) -> Any:
        """Show the detectors above each other, high counts dark; return the figure."""
        letters = self.source.detectors[:2]
        figure = new_figure(10, 2.5 * len(letters) + 0.5)
        set_figure_title(figure, self.fname)
        panels = figure.subplots(len(letters), 1, squeeze=False)[:, 0]
        for axes, letter in zip(panels, letters, strict=True):
            image = self.source.view(letter)
            show_image(axes, image, (float(image.min()), float(image.max())))
            set_title(axes, f"Detector {letter}: {self._fields.get(f'Det{letter}', '')}")
        show_and_save(lambda: figure, take("display_images", {}, {"disp_res": True}))
        return figure

    def save_images_jpeg(self, **kwargs: Any) -> list[Path]:
        """Write 8-bit images, one JPEG per detector, and return their paths.

        ``images_to_save`` 'Both', ``invert_data`` (2022: ``invert``) False.
        """
        accepted = {"images_to_save": "Both", "invert_data": False}
        options = take("save_images_jpeg", kwargs, accepted)
        letters = self._letters(options.images_to_save)
        if not letters:
            return []
        return frame_export.export_jpeg(
            self.source, self._folder(), letters, invert=options.invert_data
        )

    def save_images_tif(self, images_to_save: str = "Both") -> list[Path]:
        """Write raw pixels, one TIFF per detector, and return their paths."""
        if self.ftype:
            print("The frame is a TIFF file already")
            return []
        letters = self._letters(images_to_save)
        return frame_export.export_tif(self.source, self._folder(), letters) if letters else []

    def get_image_min_max(
        self,
        image_name: str = "ImageA",
        thr_min: float = 1e-4,
        thr_max: float = 1e-3,
        nbins: int = 256,
        disp_res: bool = False,
    ) -> npt.NDArray[np.float64]:
        """Return ``[data_min, data_max]`` of an image; see `get_min_max_thresholds`."""
        image = self._image(image_name)
        return get_min_max_thresholds(image, thr_min, thr_max, nbins, disp_res)

    def RawImageA_8bit_thresholds(
        self,
        thr_min: float = 1e-3,
        thr_max: float = 1e-3,
        data_min: float = -1,
        data_max: float = -1,
        nbins: int = 256,
    ) -> tuple[npt.NDArray[np.uint8], float, float]:
        """Return the 8-bit image of detector A and the counts that became 0 and 255.

        They are measured where data_min equals data_max; 8-bit frames are returned as they are.
        """
        return self._thresholds("A", thr_min, thr_max, data_min, data_max, nbins)

    def RawImageB_8bit_thresholds(
        self,
        thr_min: float = 1e-3,
        thr_max: float = 1e-3,
        data_min: float = -1,
        data_max: float = -1,
        nbins: int = 256,
    ) -> tuple[npt.NDArray[np.uint8], float, float]:
        """Return the 8-bit image of detector B; see `RawImageA_8bit_thresholds`."""
        return self._thresholds("B", thr_min, thr_max, data_min, data_max, nbins)

    def _thresholds(
        self, letter: str, thr_min: float, thr_max: float, low: float, high: float, nbins: int
    ) -> tuple[npt.NDArray[np.uint8], float, float]:
        image = self._image(f"RawImage{letter}")
        if image.dtype == np.uint8:
            return image, low, high
        if low == high:
            found = get_min_max_thresholds(image, thr_min, thr_max, nbins)
            low, high = float(found[0]), float(found[1])
        return to_8bit(image, low, high), low, high

    def save_snapshot(self, *args: Any, **kwargs: Any) -> Path:
        """Save the detectors with the table of parameters, and return the path.

        ``disp_res`` (2022: ``display``) True, ``dpi`` 300, ``thr_min``, ``thr_max`` 1e-3,
        ``nbins`` 256 (no effect), in this order of 2022; ``snapshot_name``.
        """
        order = ("disp_res", "dpi", "thr_min", "thr_max", "nbins")
        accepted = dict(zip(order, (True, 300, 1e-3, 1e-3, 256), strict=True))
        named = dict(zip(order, args, strict=False))
        given = {"disp_res" if key == "display" else key: value for key, value in kwargs.items()}
        options = take(
            "save_snapshot",
            named | given,
            {**accepted, "snapshot_name": None, "data_min": None, "data_max": None},
        )
        figure = frame_export.draw_frame_snapshot(
            self.source, thr_min=options.thr_min, thr_max=options.thr_max
        )
        show_and_save(lambda: figure, take("", {}, {"disp_res": options.disp_res}))
        path = self._output(options.snapshot_name, "_snapshot.png")()
        return save_figure(figure, path, options.dpi)

    def show_eval_box(self, **kwargs: Any) -> Any:
        """Draw the frame with an evaluation box and return the figure.

        ``image_name`` 'RawImageA', ``evaluation_box``, ``save_res_png`` False, ``box_linewidth``,
        ``box_color`` and others without effect.
        """
        accepted = {
            "image_name": "RawImageA",
            "evaluation_box": [0, 0, 0, 0],
            "nbins_disp": 256,
            "thresholds_disp": [1e-3, 1e-3],
            "disp_res": True,
            "save_res_png": False,
            "dpi": 300,
            "box_linewidth": 1.0,
            "box_color": "yellow",
            "ftype": None,
            "data_dir": "",
            "Sample_ID": "",
            "invert_data": False,
        }
        options = take("show_eval_box", kwargs, accepted)
        image = self._image(options.image_name)
        yi, ya, xi, xa = region_of_box(tuple(options.evaluation_box), self.source.shape)
        figure = draw_box(
            [image],
            (xi, xa, yi, ya),
            title=self.fname,
            colour=options.box_color,
            line_width=options.box_linewidth,
        )
        show_and_save(lambda: figure, options, self._output(None, "_evaluation_box.png"))
        return figure
