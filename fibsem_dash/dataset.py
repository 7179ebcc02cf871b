"""FIBSEMDataset: an ordered list of frames, the settings, and one method per stage."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fibsem_dash.compute.executor import Executor
from fibsem_dash.compute.progress import Monitor
from fibsem_dash.errors import ParameterError
from fibsem_dash.frame import FIBSEMFrame
from fibsem_dash.io import Stack, open_stack
from fibsem_dash.io.tables import read_csv, read_quality
from fibsem_dash.registration.chain import ChainResult
from fibsem_dash.registration.conversion import ConversionResult, convert_to_tif
from fibsem_dash.registration.data_range import StackRange
from fibsem_dash.registration.fractions import FractionEvaluation, evaluate_detector_b_fractions
from fibsem_dash.registration.frames import FrameInfo, find_frames
from fibsem_dash.registration.pairs import PairResult
from fibsem_dash.registration.pipeline import Registration
from fibsem_dash.registration.snr_estimates import Definition, SnrEstimates, estimate_snrs
from fibsem_dash.registration.stack_stage import StackSummary, plan_stack
from fibsem_dash.registration.summary import RunSummary
from fibsem_dash.settings import RunSettings, update

if TYPE_CHECKING:
    import pandas as pd


class FIBSEMDataset:
    """Frames in order with the settings of their registration.

    Each stage runs the stages before it where they have not run yet. Results are kept in the run
    folder, so repeating a stage with the same settings costs next to nothing.

    Parameters
    ----------
    paths : sequence of path-like
        The frames in order.
    run_folder : path-like
        Where results go; never the folder of the frames.
    settings : RunSettings, optional
        All settings.
    executor : Executor, optional
        Where work runs, see `fibsem_dash.compute.cluster.open_executor`; this process by default.
    monitor : Monitor, optional
        What hears of progress and may cancel.
    **changes : object
        Settings that differ, by name: ``drmax=2.0`` or ``**{"output.order": 3}``.

    Examples
    --------
    >>> dataset = FIBSEMDataset.from_folder("raw", "run", drmax=2.0)  # doctest: +SKIP
    >>> summary = dataset.register()  # doctest: +SKIP
    """

    def __init__(
        self,
        paths: Sequence[str | os.PathLike[str]],
        run_folder: str | os.PathLike[str],
        settings: RunSettings | None = None,
        *,
        executor: Executor | None = None,
        monitor: Monitor | None = None,
        **changes: Any,
    ) -> None:
        chosen = update(settings or RunSettings(), changes)
        self.registration = Registration(paths, run_folder, chosen, executor, monitor)
        self._ready = False

    @classmethod
    def from_folder(
        cls,
        folder: str | os.PathLike[str],
        run_folder: str | os.PathLike[str],
        pattern: str = "",
        **options: Any,
    ) -> FIBSEMDataset:
        """Build a dataset from the frames of a folder, in natural order."""
        return cls(find_frames(folder, pattern), run_folder, **options)

    def __len__(self) -> int:
        return len(self.registration.paths)

    @property
    def settings(self) -> RunSettings:
        """All settings; see `configure`."""
        return self.registration.settings

    def configure(self, **changes: Any) -> None:
        """Change settings; stages that depend on them run anew when asked for."""
        old = self.registration
        self.registration = Registration(
            old.paths, old.store.folder, update(old.settings, changes), old.executor, old.monitor
        )

    def frame(self, index: int) -> FIBSEMFrame:
        """Open one frame."""
        return FIBSEMFrame(self.registration.paths[index])

    def inspect(self) -> list[FrameInfo]:
        """Read all headers; frames that cannot be used carry the reason."""
        run = self.registration
        if not run.frames:
            run.begin_stages()
            run.inspect()
        return run.frames

    def measure_data_range(self) -> StackRange:
        """Measure the grey levels of every frame and smooth them along the stack."""
        self.inspect()
        return self.registration.levels or self.registration.measure_range()

    def extract_keypoints(self) -> dict[int, int]:
        """Extract the key points of every frame; return their numbers by frame."""
        self.measure_data_range()
        return self.registration.n_keypoints or self.registration.extract_keypoints()

    def determine_transformations(self) -> list[PairResult]:
        """Estimate the transforms of neighbouring frames and bridge the gaps of bad frames."""
        self.extract_keypoints()
        run = self.registration
        return run.pairs if run.pairs or len(run.kept) < 2 else run.estimate_pairs()

    def process_transformation_matrix(self) -> ChainResult:
        """Chain the pair transforms and take slow drifts out."""
        self.determine_transformations()
        return self.registration.chain or self.registration.build_chain()

    def transform_and_save(self) -> StackSummary:
        """Warp, write and measure the stack."""
        self.process_transformation_matrix()
        with self.registration.store.lock():
            summary = self.registration.write_stack()
        self.registration.end_stages(summary)
        return summary

    def register(self) -> RunSummary:
        """Run all stages with a complete record in run.json, as the command line does."""
        return self.registration.run()

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of the run folder: "frames", "pairs", "transforms" or "quality"."""
        store = self.registration.store
        if name == "quality":
            return read_quality(next(iter(store.folder.glob("*_RegistrationQuality.csv"))))
        return read_csv(store.file(f"{name}.csv"))

    def open_stack(self) -> Stack:
        """Open the registered stack, (z, y, x), in the first of its formats."""
        outputs = self.registration.store.read().get("outputs", [])
        suffixes = (".mrc", ".zarr", ".tif", ".h5")
        name = next(name for s in suffixes for name in outputs if name.endswith(s))
        return open_stack(self.registration.store.file(name))

    # -- analyses of the frames ------------------------------------------------------------------

    def estimate_snrs(
        self,
        box: tuple[int, int, int, int] = (0, 0, 0, 0),
        frames: Sequence[int] | None = None,
        definition: Definition = "seed",
        **options: Any,
    ) -> SnrEstimates:
        """Estimate the signal-to-noise ratio of both detectors and the share B should have.

        Parameters
        ----------
        box : (top, height, left, width)
            Part of the raw frames, px; all by default.
        frames : sequence of int, optional
            Places in the list; a tenth, the middle and nine tenths by default.
        definition : {"seed", "ratio"}
            How the share follows from the ratios.
        **options : object
            ``fraction``, ``extrapolation`` and others of
            `fibsem_dash.registration.snr_estimates.estimate_snrs`.
        """
        run = self.registration
        return estimate_snrs(
            run.paths,
            box,
            frames,
            definition=definition,
            executor=run.executor,
            monitor=run.monitor,
            **options,
        )

    def evaluate_detector_b_fractions(
        self, fractions: Sequence[float], frames: Sequence[int] | None = None
    ) -> FractionEvaluation:
        """Find the share of detector B for which neighbouring registered slices agree best.

        Uses the transforms of this run, computed where they are missing, and the evaluation box of
        its settings.

        Parameters
        ----------
        fractions : sequence of float
            Shares to try, 0 to 1, increasing; the first should be 0.
        frames : sequence of int, optional
            Frames, each compared with the one before it; all by default. Those that the run left
            out are passed over.

        Raises
        ------
        ParameterError
            Where frames hold no detector B, or none of them is left; see
            `fibsem_dash.registration.fractions.evaluate_detector_b_fractions`.
        """
        chain = self.process_transformation_matrix()
        levels = self.measure_data_range()
        run = self.registration
        kept = [run.frames[k] for k in run.kept]
        lacking = [frame.name for frame in kept if not {"A", "B"} <= set(frame.detectors)]
        if lacking:
            raise ParameterError(
                "frames do not hold both detectors A and B", found=", ".join(lacking[:3])
            )
        output = replace(run.settings.output, z_bin=1, detector_b_fraction=0.0)
        settings = replace(run.settings, output=output)
        slices = None
        if frames is not None:
            wanted = set(frames)
            slices = [n for n, frame in enumerate(kept) if n and frame.index in wanted]
        return evaluate_detector_b_fractions(
            fractions,
            plan_stack(kept, chain.final, levels, settings),
            slices,
            executor=run.executor,
            monitor=run.monitor,
        )

    def convert_to_tif(
        self, folder: str | os.PathLike[str], detectors: Sequence[str] | None = None
    ) -> ConversionResult:
        """Write the raw pixels of all frames as TIFF into a folder; see `ConversionResult`."""
        run = self.registration
        return convert_to_tif(
            run.paths, folder, detectors, executor=run.executor, monitor=run.monitor
        )
