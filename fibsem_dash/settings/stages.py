"""Every setting of a registration: default, bounds, unit and meaning, said once.

One frozen dataclass per stage, gathered in `RunSettings`. Workers receive these objects, so a
running job cannot change; `fibsem_dash.params` turns them into Param classes for pages and files.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fibsem_dash.settings.declare import setting

TRANSFORMS = ("shift", "x_scale_shift", "scale_shift", "affine", "regularized_affine")
"""Names of the transform models, simplest first."""

ESTIMATORS = ("sift", "blocks", "auto")
"""Names of the ways to find the transforms of pairs."""

METRICS = ("NSAD", "NCC", "NMI", "FSC")
"""Names of the measures of registration quality, in the order of the table's columns."""


@dataclass(frozen=True)
class InputSettings:
    """Which frames and which of their pixels."""

    detector: str = setting("A", "Detector that key points are taken from", choices=tuple("ABCD"))
    pixel_size_nm: float | None = setting(
        None, "Pixel size; None takes it from the frames' headers", bounds=(1e-3, 1e6), unit="nm"
    )
    z_step_nm: float | None = setting(
        None,
        "Distance between slices; None takes it from the working distances in the headers where "
        "they form a plausible line, else the pixel size",
        bounds=(1e-3, 1e6),
        unit="nm",
    )
    exclude: tuple[str, ...] = setting((), "File names of frames that are left out")


@dataclass(frozen=True)
class DataRangeSettings:
    """Grey levels that the 8-bit images for SIFT span."""

    thr_min: float = setting(
        1e-3, "Fraction of pixels left below the range; larger clips more", bounds=(0.0, 0.49)
    )
    thr_max: float = setting(
        1e-3, "Fraction of pixels left above the range; larger clips more", bounds=(0.0, 0.49)
    )
    nbins: int = setting(256, "Histogram bins of the 'reference' method", bounds=(2, 65536))
    method: str = setting(
        "quantile",
        "'quantile' is exact; 'reference' takes histogram bin edges as older reports did",
        choices=("quantile", "histogram", "reference"),
    )
    sliding: bool = setting(True, "Smooth the range along the stack; off: one range for all frames")
    window: int = setting(
        501,
        "Window of the smoothing; larger follows slow changes only (at most a quarter of the "
        "stack is used)",
        bounds=(3, 100001),
        unit="frames",
    )
    order: int = setting(3, "Polynomial order of the smoothing", bounds=(0, 9))


@dataclass(frozen=True)
class SiftSettings:
    """Key points: the parameters of OpenCV's SIFT."""

    n_features: int = setting(
        0, "Keep this many best key points inside OpenCV; 0 keeps all", bounds=(0, 10_000_000)
    )
    n_octave_layers: int = setting(
        3, "Layers per octave; more finds more scales, slower", bounds=(1, 12)
    )
    contrast_threshold: float = setting(
        0.04, "Larger drops key points of low contrast", bounds=(0.0, 1.0)
    )
    edge_threshold: float = setting(
        10.0, "Larger keeps more key points that lie on edges", bounds=(1.0, 1000.0)
    )
    sigma: float = setting(
        1.6, "Blur of the first octave; larger suits noisier images", bounds=(0.1, 20.0), unit="px"
    )
    precise_upscale: bool = setting(
        False, "Upsample for the first octave without OpenCV's old quarter-pixel offset"
    )
    reduction: int = setting(
        1,
        "Shrink the frame so many times before the first octave; 2 takes a third of the time and "
        "suits tissue that is sampled finely",
        bounds=(1, 8),
    )
    kp_max_num: int = setting(
        -1,
        "Keep this many key points of largest response; -1 keeps all",
        bounds=(-1, 10_000_000),
    )


@dataclass(frozen=True)
class MatchingSettings:
    """Which key points of two frames belong together."""

    matcher: str = setting(
        "auto",
        "'brute_force' compares all key points, 'flann' searches k-d trees, 'guided' compares "
        "only those near where a rough transform expects them; 'auto' takes 'brute_force' for few "
        "key points, else 'guided'",
        choices=("auto", "guided", "flann", "brute_force"),
    )
    lowe_ratio: float = setting(
        0.7,
        "Distance to the best match over distance to the second best must lie below this; larger "
        "accepts more and worse matches",
        bounds=(0.01, 1.0),
    )
    grow_ratio: float = setting(
        0.95,
        "Once the transform is known, matches up to this ratio that agree with it are added; at or "
        "below lowe_ratio nothing is added",
        bounds=(0.0, 1.0),
    )
    flann_trees: int = setting(5, "Trees of the k-d search", bounds=(1, 64))
    flann_checks: int = setting(
        50, "Leaves visited; more is slower and more exact", bounds=(1, 10000)
    )


@dataclass(frozen=True)
class EstimationSettings:
    """How the transforms of pairs are found."""

    estimator: str = setting(
        "sift",
        "'sift' matches key points, 'blocks' correlates small blocks and is much faster, 'auto' "
        "takes blocks and SIFT for the pairs where they fail",
        choices=ESTIMATORS,
    )
    neighbours: int = setting(
        1,
        "Following frames that each frame is compared with by blocks; with 2 or more the "
        "transforms are fused by least squares",
        bounds=(1, 10),
        unit="frames",
    )


@dataclass(frozen=True)
class BlockSettings:
    """Block matching: displacements of small blocks by correlation, the fast way."""

    block_size: int = setting(
        40,
        "Side of a block; larger is steadier, smaller follows the deformation of the frame",
        bounds=(16, 1024),
        unit="px",
    )
    overlap: float = setting(
        0.35, "Share of a block that lies in its neighbour; larger is slower", bounds=(0.0, 0.9)
    )
    min_blocks: int = setting(
        400,
        "Small frames that hold fewer blocks get a larger overlap, up to 0.6; 0 leaves it alone",
        bounds=(0, 100_000),
    )
    search_radius: int = setting(
        10,
        "Largest displacement of a block from the shift of the whole frame along an axis; larger "
        "finds stronger stretches, slower",
        bounds=(3, 200),
        unit="px",
    )
    whitening: float = setting(
        0.9,
        "0 weighs frequencies by their power, 1 equally (phase correlation); larger sharpens the "
        "peaks and lets more noise in",
        bounds=(0.0, 1.0),
    )
    low_pass: float = setting(
        0.4,
        "Highest spatial frequency that counts; smaller suits noisier frames",
        bounds=(0.02, 0.5),
        unit="cycles/px",
    )
    suppress_axes: bool = setting(
        False,
        "Leave out the frequencies of streaks along rows and columns: curtains, scan line noise",
    )
    confidence: float = setting(
        0.1,
        "Blocks whose second highest peak comes nearer to the highest than this (1 less the ratio "
        "of heights) are not used",
        bounds=(0.0, 1.0),
    )
    min_share: float = setting(
        0.3,
        "A pair where a smaller share of the blocks with clear peaks agrees counts as failed",
        bounds=(0.0, 1.0),
    )
    coarse_size: int = setting(
        256,
        "The shift of the whole frame is found on an image reduced to at most so many pixels",
        bounds=(32, 4096),
        unit="px",
    )


@dataclass(frozen=True)
class SolverSettings:
    """Transform model and how it is estimated from the matches."""

    transform: str = setting(
        "regularized_affine", "Transform model, simplest first in the list", choices=TRANSFORMS
    )
    l2_param: float = setting(
        1e-5,
        "Strength that pulls scales and shears of the regularized affine model to their targets",
        bounds=(0.0, 1e6),
    )
    l2_matrix: tuple[tuple[float, ...], ...] | None = setting(
        None, "Full 6 x 6 regularization matrix in place of l2_param, order Sxx Sxy Tx Syx Syy Ty"
    )
    targ_vector: tuple[float, ...] = setting(
        (1.0, 0.0, 0.0, 0.0, 1.0, 0.0), "Targets in the order Sxx Sxy Tx Syx Syy Ty"
    )
    l2_normalization: str = setting(
        "n2",
        "Divisor of the data term: 'n2' as in older results, 'n' makes the strength independent of "
        "the number of matches",
        choices=("n2", "n"),
    )
    solver: str = setting(
        "RANSAC", "'LinReg' removes the worst match until all fit", choices=("RANSAC", "LinReg")
    )
    drmax: float = setting(
        1.5, "Largest residual of a match that counts", bounds=(0.01, 1000.0), unit="px"
    )
    max_iter: int = setting(
        1000, "Most trials of RANSAC or passes of LinReg", bounds=(1, 1_000_000)
    )
    sampling: str = setting(
        "minimal",
        "'minimal' draws as few matches as the model needs; 'legacy' draws a fixed fraction",
        choices=("minimal", "legacy"),
    )
    initial_fraction: float = setting(
        0.005, "Fraction of matches drawn by the 'legacy' sampling", bounds=(1e-6, 1.0)
    )
    stop_probability: float = setting(
        0.9999,
        "RANSAC stops when a better model is less likely than one minus this; 1 runs all trials",
        bounds=(0.0, 1.0),
    )
    seed: int = setting(0, "Seed; every pair derives its own from it", bounds=(0, 2**31 - 1))
    min_matches: int = setting(
        10, "A pair with fewer matches left counts as failed", bounds=(1, 1_000_000)
    )


@dataclass(frozen=True)
class ChainSettings:
    """From pair matrices to the position of every frame."""

    preserve_scales: bool = setting(
        True, "Take slow drifts of scale and shear out of the cumulative matrices"
    )
    fit_method: str = setting(
        "SG",
        "Slow drift as a line (LF), a polynomial (PF) or a Savitzky-Golay smooth (SG)",
        choices=("LF", "PF", "SG"),
    )
    fit_window: int = setting(
        501,
        "Window of the SG fit; larger takes out only slower drifts",
        bounds=(3, 100001),
        unit="frames",
    )
    fit_order: int = setting(3, "Polynomial order of the PF and SG fits", bounds=(0, 9))
    shift_refit: str = setting(
        "exact",
        "Shifts after a change of scales: 'exact', or 'first_order' as in older results",
        choices=("exact", "first_order"),
    )
    subtract_linear_x: bool = setting(True, "Take a line out of the x shifts")
    subtract_linear_y: bool = setting(True, "Take a line out of the y shifts")
    subtract_fov_trend_x: bool = setting(
        True, "Keep moves of the field of view in x, as the headers tell them, out of that line"
    )
    subtract_fov_trend_y: bool = setting(
        True, "Keep moves of the field of view in y, as the headers tell them, out of that line"
    )


@dataclass(frozen=True)
class OutputSettings:
    """Pixels of the registered stack and the files that hold them."""

    file_name: str = setting("", "File name without suffix; empty builds one from the settings")
    formats: tuple[str, ...] = setting(
        ("mrc",),
        "Files to write: MRC, OME-Zarr, BigDataViewer HDF5 with its XML, TIFF stack",
        choices=("mrc", "zarr", "h5", "tif"),
    )
    perform_transformation: bool = setting(True, "Off: write the frames where they lie")
    order: int = setting(
        1, "Interpolation: 0 nearest, 1 linear, 2-5 splines, sharper and slower", bounds=(0, 5)
    )
    pad: bool = setting(True, "Enlarge the canvas so that no frame is cut")
    pad_mode: str = setting("exact", "'forward' as in older results", choices=("exact", "forward"))
    fill_value: float = setting(0.0, "Grey level outside the frames")
    detector_b_fraction: float = setting(
        0.0, "Share of detector B in the sum of both detectors", bounds=(0.0, 1.0)
    )
    flatten_file: str = setting("", "NPZ file with the flattening factors of the detectors")
    invert: bool = setting(False, "Invert the grey levels")
    z_bin: int = setting(1, "Average so many frames into one slice", bounds=(1, 1000))
    flip_y: bool = setting(False, "Turn every slice upside down")
    brightness_file: str = setting(
        "", "CSV file with columns frame, scale, offset: per-frame brightness correction"
    )
    dtype: str = setting(
        "auto",
        "Type of a voxel; 'auto' is that of the frames. 8 bit scales the data range to 0-255",
        choices=("auto", "uint8", "int16", "uint16", "float32"),
    )


@dataclass(frozen=True)
class QualitySettings:
    """Measures of how well consecutive slices fit."""

    metrics: tuple[str, ...] = setting(("NSAD", "NCC", "NMI"), "Measures to take", choices=METRICS)
    box: tuple[int, int, int, int] = setting(
        (0, 0, 0, 0),
        "Evaluation box [top, height, left, width] in the first frame; 0 = to the valid edge",
        unit="px",
    )
    sliding: bool = setting(False, "Move the box along the stack from box to stop_box")
    stop_box: tuple[int, int, int, int] = setting(
        (0, 0, 0, 0), "Evaluation box of the last slice when sliding", unit="px"
    )
    nmi_bins: int = setting(2048, "Histogram bins of NMI per axis", bounds=(2, 4096))
    fsc_threshold: float = setting(
        0.143, "Level of the FSC curve that defines the bandwidth", bounds=(1e-3, 0.999)
    )
    reference: bool = setting(
        False,
        "FSC as older reports computed it: no taper, centred square",
    )


@dataclass(frozen=True)
class ComputeSettings:
    """What the numbers are computed on."""

    backend: str = setting(
        "numpy",
        "'numpy' computes on the processors; 'cupy' compares blocks, makes slices and measures "
        "them on NVIDIA graphics cards, one worker each",
        choices=("numpy", "cupy"),
    )


@dataclass(frozen=True)
class RunSettings:
    """All settings of a registration, one group per stage."""

    input: InputSettings = field(default_factory=InputSettings)
    data_range: DataRangeSettings = field(default_factory=DataRangeSettings)
    sift: SiftSettings = field(default_factory=SiftSettings)
    matching: MatchingSettings = field(default_factory=MatchingSettings)
    estimation: EstimationSettings = field(default_factory=EstimationSettings)
    blocks: BlockSettings = field(default_factory=BlockSettings)
    solver: SolverSettings = field(default_factory=SolverSettings)
    chain: ChainSettings = field(default_factory=ChainSettings)
    output: OutputSettings = field(default_factory=OutputSettings)
    quality: QualitySettings = field(default_factory=QualitySettings)
    compute: ComputeSettings = field(default_factory=ComputeSettings)
