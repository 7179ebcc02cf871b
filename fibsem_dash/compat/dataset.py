"""FIBSEM_dataset: a registration with the methods of old notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fibsem_dash.compat.dataset_analyses import DatasetAnalyses, chosen_frames
from fibsem_dash.compat.dataset_files import (
    draw_data_bounds,
    draw_transforms,
    matrix_sheets,
    statistics_table,
)
from fibsem_dash.compat.output import show_and_save
from fibsem_dash.compat.stacks import OLD_COLUMNS, quality_sheets
from fibsem_dash.figures import draw_quality
from fibsem_dash.io.tables import write_csv, write_xlsx
from fibsem_dash.registration.keypoints import KIND as KEYPOINTS
from fibsem_dash.registration.keypoints import keypoint_job
from fibsem_dash.registration.pairs import KIND as PAIRS
from fibsem_dash.registration.pairs import load_pair_points
from fibsem_dash.registration.stack_stage import write_stack

if TYPE_CHECKING:
    import pandas as pd

    from fibsem_dash.registration.data_range import StackRange

Array = npt.NDArray[np.float64]


class FIBSEM_dataset(DatasetAnalyses):
    """A registration with the methods of old notebooks.

    Arguments and attributes are those of `fibsem_dash.compat.dataset_state.DatasetState`. Every
    method runs the stages before it that have not run; what is on disk is used again.
    """

    def convert_raw_data_to_tif_files(self, DASK_client: Any = "", **kwargs: Any) -> list[str]:
        """Write detector A of all frames as TIFF into ``<data_dir>/tif``; return the paths."""
        self._take("convert_raw_data_to_tif_files", self._with(DASK_client, kwargs))
        if self.ftype:
            print("The frames are TIFF files already")
            return []
        folder = Path(self.data_dir) / "tif"
        result = self.run().convert_to_tif(folder, ["A"])
        for name, reason in result.failed.items():
            print(f"{name}: {reason}")
        return [str(folder / name) for name in (*result.written, *result.existing)]

    def calc_data_range(self, DASK_client: Any = "", **kwargs: Any) -> list[Any]:
        """Measure the grey levels; return [minimum, maximum, sliding minima, sliding maxima].

        8-bit frames have 0 and 255. The figure is ``<fnm_reg>_DataBounds.png``.
        """
        options = self._take("calc_data_range", self._with(DASK_client, kwargs))
        levels = self.run().measure_data_range()
        show_and_save(
            lambda: draw_data_bounds(levels, f"{self.Sample_ID}: {self.nfrs} frames"),
            options,
            lambda: self._file("_DataBounds.png"),
        )
        self.data_minmax = self._levels(levels)
        return self.data_minmax

    def _levels(self, levels: StackRange) -> list[Any]:
        if self.EightBit:
            return [0, 255, np.zeros(self.nfrs), np.full(self.nfrs, 255.0)]
        limits = levels.global_minimum, levels.global_maximum
        return [*limits, levels.sliding_minimum, levels.sliding_maximum]

    def evaluate_FIBSEM_statistics(self, **kwargs: Any) -> list[Any]:
        """Measure the grey levels and gather what the headers tell, as in 2025.

        Returns
        -------
        list
            Path of ``FIBSEM_Data.xlsx``, minimum, maximum, sliding minima, sliding maxima, WD,
            MillingYVoltage, centre x, centre y, ScanRate, EHT, SEMSpecimenI, errors.
        """
        extras = {"frame_inds": None, "use_existing_data": False, "FIBSEM_Data_xlsx": None}
        options = self._take("evaluate_FIBSEM_statistics", kwargs, extras)
        run = self.run()
        levels = run.measure_data_range()
        table = statistics_table(run.inspect(), levels)
        path = options.FIBSEM_Data_xlsx or str(Path(self.data_dir) / "FIBSEM_Data.xlsx")
        write_xlsx(path, {"FIBSEM Data": table})
        columns = [table[name].to_numpy() for name in table.columns[5:]]
        self.FIBSEM_Data = [path, *self._levels(levels), *columns]
        self.data_minmax = self.FIBSEM_Data[:5]
        return self.FIBSEM_Data

    def extract_keypoints(self, DASK_client: Any = "", **kwargs: Any) -> list[str]:
        """Extract the key points of every frame; return the files that hold them (NPZ)."""
        extras = {"use_existing_data": True, "data_minmax": None}
        self._take("extract_keypoints", self._with(DASK_client, kwargs), extras)
        run = self.run()
        run.extract_keypoints()
        registration = run.registration
        settings = run.settings
        detector = settings.input.detector
        self.fnms = []
        for k in registration.kept:
            low, high = registration.frame_levels(k)
            job = keypoint_job(registration.frames[k], low, high, detector, settings.sift)
            self.fnms.append(str(registration.store.cache.path(KEYPOINTS, job.key, ".npz")))
        return self.fnms

    def determine_transformations(self, DASK_client: Any = "", **kwargs: Any) -> list[Any]:
        """Estimate the transforms of neighbouring frames.

        Returns
        -------
        list of tuple
            (matrix, file of the matches, [src, dst], mean error, rejected matches); in 2025 the
            widths of the residuals in x and y come before the last. A failed pair has the identity
            and no points. The attributes ``transformation_matrix``, ``npts``, ``error_abs_mean``
            and ``fnms_matches`` have one entry per pair.
        """
        extras = {"start": "edges", "estimation": "interval", "use_existing_data": True}
        self._take("determine_transformations", self._with(DASK_client, kwargs), extras)
        return self._store_pairs()

    def _store_pairs(self) -> list[Any]:
        run = self.run()
        pairs = run.determine_transformations()
        cache = run.registration.store.cache
        results = []
        for pair in pairs:
            points = load_pair_points(cache, pair.key) or {}
            empty = np.zeros((0, 2))
            found = [points.get("src", empty), points.get("dst", empty)] if pair else [empty, empty]
            matrix = pair.matrix if np.isfinite(pair.matrix).all() else np.eye(3)
            name = str(cache.path(PAIRS, pair.key, ".npz"))
            widths = (pair.fwhm_x, pair.fwhm_y) if self.generation == "2025" else ()
            rejected = pair.n_matches - min(pair.n_inliers, pair.n_matches)
            results.append((matrix, name, found, pair.error_abs_mean, *widths, rejected))
        self.transformation_matrix = np.array([r[0] for r in results]).reshape(-1, 3, 3)
        self.fnms_matches = [r[1] for r in results]
        self.npts = np.array([pair.n_inliers if pair else 0 for pair in pairs])
        self.error_abs_mean = np.array([pair.error_abs_mean for pair in pairs])
        self.error_FWHMx = [pair.fwhm_x for pair in pairs]
        self.error_FWHMy = [pair.fwhm_y for pair in pairs]
        if len(pairs):
            print(f"Mean number of matches: {self.npts.mean():.0f}")
        return results

    def process_transformation_matrix(self, **kwargs: Any) -> Any:
        """Chain the transforms and take slow drifts out.

        Returns
        -------
        (n, 3, 3) array, in 2025 (array, path of the workbook)
            Matrices from the coordinates of the result to those of each frame.
        """
        options = self._take("process_transformation_matrix", kwargs)
        return self._process(options)

    def _process(self, options: Any) -> Any:
        run = self.run()
        chain = run.process_transformation_matrix()
        self._store_pairs_quietly()
        self.tr_matr_cum_residual = chain.final
        pairs = run.registration.pairs
        show_and_save(
            lambda: draw_transforms(pairs, chain, f"{self.Sample_ID} {self.fnm_reg}"),
            options,
            lambda: self._file("_Transform_Summary.png"),
        )
        if self.generation == "2022":
            return chain.final
        path = self._file("_transf_matrix.xlsx")
        facts = {name: value for name, value in self.attributes().items() if name != "DASK_client"}
        write_xlsx(path, matrix_sheets(pairs, chain, facts))
        self.transf_matrix_xlsx_file = str(path)
        return chain.final, str(path)

    def _store_pairs_quietly(self) -> None:
        if not hasattr(self, "transformation_matrix"):
            self._store_pairs()

    def check_for_nomatch_frames(self, thr_npt: int, **kwargs: Any) -> Any:
        """Leave out the frames both of whose pairs have fewer than `thr_npt` matches.

        Their neighbours are matched with each other with the settings of this data set. Returns
        what `process_transformation_matrix` returns; ``fls`` and all results lack those frames.
        """
        options = self._take("check_for_nomatch_frames", {**kwargs, "thr_npt": thr_npt})
        run = self.run()
        run.determine_transformations()
        registration = run.registration
        removed = sorted(registration.excluded)
        for k in removed:
            print(f"{self.fls[k]} is left out: {registration.excluded[k]}")
        result = self._process(options)
        self._store_pairs()
        if removed:
            self.fls = [self.fls[k] for k in registration.kept]
            self.nfrs = len(self.fls)
        return result

    def transform_and_save(self, *args: Any, **kwargs: Any) -> Any:
        """Write the registered stack and measure it.

        Arguments of 2022 by position: ``save_transformed_dataset`` True, ``frame_inds`` (all; they
        must follow each other). Of 2025: ``save_registration_summary``, ``image_scales``,
        ``image_offsets``; ``save_sample_frames_png``, ``remove_intermediate_frames``,
        ``chunked_mrc_write`` and ``chunk_length`` have no effect.

        Returns
        -------
        pandas.DataFrame
            Frame, Npts, Mean Abs Error, Image NSAD, Image NCC, Image MI; in 2025 (table with the
            box and the metrics, path of the workbook).

        Notes
        -----
        The stack lies in the run folder; ``registered_file`` is its path. NSAD is by the formula of
        2025 in both generations.
        """
        order = ("save_transformed_dataset", "frame_inds")
        extras = {
            "save_transformed_dataset": True,
            "frame_inds": None,
            "save_registration_summary": True,
            "save_sample_frames_png": True,
            "remove_intermediate_frames": True,
            "chunked_mrc_write": False,
            "chunk_length": 32,
            "image_scales": None,
            "image_offsets": None,
            "data_minmax": None,
        }
        given = dict(zip(order, args, strict=False)) | kwargs
        options = self._take("transform_and_save", given, extras)
        run, plan = self._plan(options)
        if options.save_transformed_dataset:
            table = self._write(run, options)
        else:
            table = self._measure(plan, run.settings.quality)
        return self._report(table, options)

    def _write(self, run: Any, options: Any) -> pd.DataFrame:
        registration = run.registration
        chosen = chosen_frames(options.frame_inds, len(registration.kept))
        pairs = registration.pairs[chosen.start : max(chosen.stop - 1, chosen.start)]
        with registration.store.lock():
            summary = write_stack(
                registration.store,
                [registration.frames[registration.kept[k]] for k in chosen],
                registration.chain.final[chosen.start : chosen.stop],
                pairs,
                registration.levels,
                self._brightness(run, options),
                registration.executor,
                registration.monitor,
                lambda *_a: None,
            )
        registration.end_stages(summary)
        self.registered_file = str(registration.store.file(summary.stacks[0]))
        self.registered_files = [str(registration.store.file(name)) for name in summary.files]
        from fibsem_dash.io.tables import read_quality

        return read_quality(registration.store.file(summary.quality_table))

    def _report(self, table: pd.DataFrame, options: Any) -> Any:
        stem = self._file("_RegistrationQuality")
        show_and_save(
            lambda: draw_quality({self.Sample_ID or "stack": table}, title=self.fnm_reg),
            options,
            lambda: stem.with_name(f"{stem.name}.png"),
        )
        old = self.generation == "2022"
        if old:
            wanted = ["Frame", "Npts", "Mean Abs Error", "Image NSAD", "Image NCC", "Image MI"]
            renamed = table.rename(columns=OLD_COLUMNS)
            result = renamed[[name for name in wanted if name in renamed]]
            write_csv(stem.with_name(f"{stem.name}.csv"), result)
            return result
        result = table.rename(columns={"frame": "Frame"})
        path = stem.with_name(f"{stem.name}.xlsx")
        if options.save_registration_summary:
            source = getattr(self, "registered_file", self.fnm_reg)
            write_xlsx(path, quality_sheets(result, source, options))
        return result, str(path)

    @staticmethod
    def _with(client: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        return {**kwargs, "DASK_client": client} if client else kwargs


__all__: Sequence[str] = ["FIBSEM_dataset"]
