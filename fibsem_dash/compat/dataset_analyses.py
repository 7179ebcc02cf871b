"""Trials, boxes and signal-to-noise ratios of a data set, as old notebooks called them."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fibsem_dash.compare import compare_images
from fibsem_dash.compat.dataset_state import DatasetState
from fibsem_dash.compat.output import show_and_save
from fibsem_dash.compat.single_image import Single_Image_SNR
from fibsem_dash.errors import ParameterError
from fibsem_dash.figures import draw_box, draw_fractions, draw_snr_estimates
from fibsem_dash.figures.trial import draw_residuals
from fibsem_dash.io import open_frame
from fibsem_dash.io.tables import write_csv
from fibsem_dash.numerics.arguments import region_of_box
from fibsem_dash.registration.snr_estimates import default_frames, estimate_snrs
from fibsem_dash.registration.stack_stage import StackPlan, plan_stack
from fibsem_dash.registration.trial import try_pair
from fibsem_dash.registration.warp import render_slice

if TYPE_CHECKING:
    import pandas as pd

    from fibsem_dash.dataset import FIBSEMDataset
    from fibsem_dash.settings import QualitySettings, RunSettings

_SNR = {
    "zero_mean": True,
    "extrapolate_signal": "parabolic",
    "edge_fraction": 0.10,
    "nlags": None,
    "aperture": 6,
}


def chosen_frames(frame_inds: Any, count: int) -> range:
    """Frames of a call as a range; -1, None and an empty list are all of them."""
    if frame_inds is None or np.size(frame_inds) == 0 or np.all(np.equal(frame_inds, -1)):
        return range(count)
    chosen = [int(k) for k in np.atleast_1d(frame_inds)]
    if chosen != list(range(chosen[0], chosen[0] + len(chosen))) or chosen[-1] >= count:
        raise ParameterError(
            "frame_inds",
            expected=f"numbers that follow each other, below {count}",
            found=chosen[:5],
        )
    return range(chosen[0], chosen[-1] + 1)


class DatasetAnalyses(DatasetState):
    """What a data set shows and measures beside its registration."""

    def SIFT_evaluation(self, eval_fls: Any = (), **kwargs: Any) -> tuple[Any, ...]:
        """Register two frames and show how well it works.

        Parameters
        ----------
        eval_fls : sequence of path-like
            Two frames; the middle of the list and the one after it by default.
        **kwargs : object
            Attributes; of 2025 ``number_of_repeats`` (results do not differ, so it has no effect),
            ``start``, ``estimation``.

        Returns
        -------
        (dmin, dmax, seconds, matrix, n_matches, rejected, [src, dst])
            In 2025 also the widths of the residuals in x and y. Identity and no points where it
            failed.
        """
        extras = {"number_of_repeats": 1, "start": "edges", "estimation": "interval"}
        options = self._take("SIFT_evaluation", kwargs, extras)
        middle = min(self.nfrs // 2, max(self.nfrs - 2, 0))
        files = [str(path) for path in eval_fls] or self.fls[middle : middle + 2]
        started = time.monotonic()
        trial = try_pair(files[0], files[-1], self.run().settings)
        seconds = time.monotonic() - started
        low = min(trial.first.minimum, trial.second.minimum)
        high = max(trial.first.maximum, trial.second.maximum)
        estimate = trial.estimate
        matrix = estimate.matrix if estimate else np.eye(3)
        points: list[Any] = [trial.matches.src[trial.inliers], trial.matches.dst[trial.inliers]]
        if not estimate:
            print(f"The registration failed: {estimate.reason}")
            points = [np.zeros((0, 2)), np.zeros((0, 2))]
        print(f"Matches: {len(points[0])}, drmax {self.attributes()['drmax']} px")
        print(matrix)
        name = f"{Path(files[0]).stem}_SIFT_eval_{self.TransformType.__name__}.png"
        show_and_save(
            lambda: draw_residuals(trial, title=f"{self.Sample_ID} {name}"),
            options,
            lambda: Path(self.data_dir) / name,
        )
        rejected = max(trial.n_matches - len(points[0]), 0)
        result = (low, high, seconds, matrix, len(points[0]), rejected, points)
        widths = (estimate.fwhm_x, estimate.fwhm_y) if self.generation == "2025" else ()
        return (*result, *widths)

    def show_eval_box(self, **kwargs: Any) -> list[Any]:
        """Draw registered frames with the evaluation box, and return the figures.

        ``frame_inds`` (a tenth, the middle and nine tenths), the boxes, ``perform_transformation``
        True, ``invert_data``, ``box_linewidth``, ``box_color``. Files
        ``<frame>_evaluation_box.png``.
        """
        extras = {
            "frame_inds": None,
            "box_linewidth": 1.0,
            "box_color": "yellow",
            "data_minmax": None,
            "dpi": 300,
        }
        options = self._take("show_eval_box", kwargs, extras)
        _, plan = self._plan(options, z_bin=1, all_frames=True)
        figures = []
        for k in self._frames(options.frame_inds, len(plan.jobs)):
            job = plan.jobs[k]
            bounds = job.bounds or plan.jobs[min(1, len(plan.jobs) - 1)].bounds
            image = render_slice(job.sources, plan.render)
            figure = draw_box(
                [image],
                bounds or (0, image.shape[1], 0, image.shape[0]),
                title=job.sources[0].path,
                colour=options.box_color,
                line_width=options.box_linewidth,
            )
            name = f"{Path(job.sources[0].path).stem}_evaluation_box.png"
            self._show(figure, options, name)
            figures.append(figure)
        return figures

    def _show(self, figure: Any, options: Any, name: str) -> None:
        show_and_save(lambda: figure, options, lambda: Path(self.data_dir) / name)

    @staticmethod
    def _frames(frame_inds: Any, count: int) -> list[int]:
        if frame_inds is None or np.size(frame_inds) == 0:
            return list(default_frames(count))
        return [int(k) for k in frame_inds]

    def estimate_SNRs(self, **kwargs: Any) -> tuple[float, float, float]:
        """Estimate the share that detector B should have.

        ``frame_inds``, ``evaluation_box`` (raw frames), ``ImgB_fraction`` 0 (below 1e-9: the
        estimated one); of 2025 ``extrapolate_signal``, ``edge_fraction``, ``aperture``, ``nlags``,
        ``zero_mean``.

        Returns
        -------
        (by x, by y, by rings)
            Mean of SNR_B / (SNR_A + SNR_B), in 2025 of SNR_B / SNR_A; zeros without detector B.
        """
        extras = {
            "frame_inds": None,
            "evaluation_box": (0, 0, 0, 0),
            "ImgB_fraction": 0.0,
            "dpi": 300,
            **_SNR,
        }
        options = self._take("estimate_SNRs", kwargs, extras)
        old = self.generation == "2022"
        share = float(options.ImgB_fraction)
        settings: dict[str, Any] = {"edge_fraction": options.edge_fraction}
        if not old:
            settings |= {"zero_mean": options.zero_mean, "aperture": options.aperture}
        extrapolation = {"LDR": "levinson-durbin"}.get(
            options.extrapolate_signal, options.extrapolate_signal
        )
        result = estimate_snrs(
            self.fls,
            tuple(options.evaluation_box),
            self._frames(options.frame_inds, self.nfrs),
            definition="seed" if old else "ratio",
            fraction=None if share < 1e-9 else share,
            extrapolation="linear" if old else extrapolation,
            executor=self.run().registration.executor,
            reference="2022" if old else "2025",
            **settings,
        )
        show_and_save(
            lambda: draw_snr_estimates(result, title=self.Sample_ID),
            options,
            lambda: self._file("SNR_evaluation_mult_frame.png"),
        )
        if not result.b:
            return 0.0, 0.0, 0.0
        by_x, by_y, by_rings = (float(value) for value in result.fractions)
        return by_x, by_y, by_rings

    def evaluate_ImgB_fractions(
        self, ImgB_fractions: Any, frame_inds: Any = None, **kwargs: Any
    ) -> tuple[Any, ...]:
        """Find the share of detector B for which registered neighbours agree best.

        Returns
        -------
        (best share, improvement, shares, mean NCC / (1 - NCC) of each)
            In 2025 also the ratio of the first frame by rings for each share.
        """
        extras = {"dpi": 300, **_SNR}
        options = self._take("evaluate_ImgB_fractions", kwargs, extras)
        run = self.run(zbin_factor=1, ImgB_fraction=0.0)
        frames = None if frame_inds is None or not len(frame_inds) else [int(k) for k in frame_inds]
        result = run.evaluate_detector_b_fractions(ImgB_fractions, frames)
        show_and_save(
            lambda: draw_fractions(result, title=self.Sample_ID),
            options,
            lambda: self._file("_SNR_vs_ImgB_ratio_evaluation.png"),
        )
        means = [float(np.nanmean(row)) for row in result.snr]
        found = (result.best_fraction, result.best_improvement, list(ImgB_fractions), means)
        if self.generation == "2022":
            return found
        first = 0 if frames is None else frames[0]
        return (*found, self._ratios(first, list(ImgB_fractions), options))

    def _ratios(self, frame: int, shares: list[float], options: Any) -> list[float]:
        """Signal-to-noise ratios by rings of one frame's mixtures."""
        source = open_frame(self.fls[frame])
        yi, ya, xi, xa = region_of_box(tuple(options.evaluation_box), source.shape)
        a, b = (source.raw(letter, (yi, ya, xi, xa)).astype(np.float64) for letter in "AB")
        quiet = {"disp_res": False, "save_res_png": False}
        settings = {name: getattr(options, name) for name in _SNR}
        return [Single_Image_SNR((1 - f) * a + f * b, **quiet, **settings)[2] for f in shares]

    # -- the stack that would be written -----------------------------------------------------

    def _plan(
        self, options: Any, *, z_bin: int | None = None, all_frames: bool = False
    ) -> tuple[FIBSEMDataset, StackPlan]:
        """Run what is missing and decide size, place and content of every slice."""
        run = self.run() if z_bin is None else self.run(zbin_factor=z_bin)
        chain = run.process_transformation_matrix()
        self.tr_matr_cum_residual = chain.final
        levels = run.measure_data_range()
        kept = [run.registration.frames[k] for k in run.registration.kept]
        chosen = range(len(kept)) if all_frames else chosen_frames(options.frame_inds, len(kept))
        part = slice(chosen.start, chosen.stop)
        settings = run.settings if all_frames else self._brightness(run, options)
        return run, plan_stack(kept[part], chain.final[part], levels, settings)

    def _brightness(self, run: FIBSEMDataset, options: Any) -> RunSettings:
        """Return the settings with the brightness of each frame, where a call gives one."""
        if options.image_scales is None and options.image_offsets is None:
            return run.settings
        import pandas as pd

        n = self.nfrs
        scales = np.ones(n) if options.image_scales is None else options.image_scales
        offsets = np.zeros(n) if options.image_offsets is None else options.image_offsets
        table = pd.DataFrame({"frame": np.arange(n), "scale": np.asarray(scales, np.float64)})
        table["offset"] = np.asarray(offsets, np.float64)
        path = self._file("_brightness.csv")
        write_csv(path, table)
        output = replace(run.settings.output, brightness_file=str(path))
        return replace(run.settings, output=output)

    @staticmethod
    def _measure(plan: StackPlan, quality: QualitySettings) -> pd.DataFrame:
        """Measure the slices of a plan without writing them."""
        import pandas as pd

        rows = []
        previous: npt.NDArray[Any] | None = None
        for job in plan.jobs:
            image = render_slice(job.sources, plan.render)
            if previous is not None and job.bounds is not None:
                xi, xa, yi, ya = job.bounds
                measures = compare_images(
                    previous[yi:ya, xi:xa],
                    image[yi:ya, xi:xa],
                    quality.metrics,
                    nmi_bins=quality.nmi_bins,
                    fsc_threshold=quality.fsc_threshold,
                    reference=quality.reference,
                )
                names = ("frame", "xi_eval", "xa_eval", "yi_eval", "ya_eval")
                values = (job.index, xi, xa, yi, ya)
                rows.append(dict(zip(names, values, strict=True)) | measures)
            previous = image
        return pd.DataFrame(rows)
