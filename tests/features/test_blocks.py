"""Block matching finds known transforms and says where it cannot."""

import itertools

import cv2
import numpy as np
import pytest
import scipy.fft
from threadpoolctl import threadpool_limits

from fibsem_dash.errors import ParameterError
from fibsem_dash.features.blocks import coarse_shift, match_blocks, prepare_frame, reduce_image
from fibsem_dash.features.blocks import solve_blocks as solve
from fibsem_dash.features.blocks.coarse import fast_length
from fibsem_dash.features.blocks.correlation import cross_spectra, find_peaks
from fibsem_dash.features.blocks.pull import window_pull
from fibsem_dash.features.blocks.spectra import block_grid, block_spectra, n_frequencies
from fibsem_dash.settings import BlockSettings, SolverSettings

BLOCKS = BlockSettings()


@pytest.fixture(autouse=True)
def _one_thread():
    """As runs do it: small products of matrices are slower when threads share them."""
    with threadpool_limits(1):
        yield


SOLVER = SolverSettings()


def texture(shape, seed=0, blur=1.6):
    rng = np.random.default_rng(seed)
    image = cv2.GaussianBlur(rng.normal(size=shape), (0, 0), blur)
    image += cv2.GaussianBlur(rng.normal(size=shape), (0, 0), 6 * blur) * 3
    return 128 + 40 * image / image.std()


def fourier_shift(image, x, y):
    fy, fx = np.fft.fftfreq(image.shape[0]), np.fft.rfftfreq(image.shape[1])
    phase = np.exp(-2j * np.pi * (fy[:, None] * y + fx * x))
    return np.fft.irfft2(np.fft.rfft2(image) * phase, image.shape)


def warped(image, matrix):
    """Image whose content lies where `matrix` maps it; exact coordinates, cubic spline."""
    from scipy.ndimage import affine_transform

    inverse = np.linalg.inv(matrix)
    swapped = inverse[:2, :2][::-1, ::-1]
    return affine_transform(image, swapped, inverse[:2, 2][::-1], order=3, mode="mirror")


def estimate(first, second, model="regularized_affine", blocks=BLOCKS):
    frames = [prepare_frame(image, blocks) for image in (first, second)]
    matches = match_blocks(*frames, blocks)
    return solve(matches, blocks, SolverSettings(transform=model))[0], matches


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.25, -0.4), (3.5, 1.75), (-7.3, 12.6)])
def test_sub_pixel_shifts_are_found_within_a_hundredth_of_a_pixel(shift):
    image = texture((320, 400))
    found, _ = estimate(image, fourier_shift(image, *shift), "shift")
    np.testing.assert_allclose(found.matrix[:2, 2], shift, atol=0.01)


def mean_vector(first, second, blocks):
    """Mean displacement of the confident blocks within 1 px of their median, and the spread."""
    matches = match_blocks(*(prepare_frame(image, blocks) for image in (first, second)), blocks)
    vectors = (matches.dst - matches.src)[matches.confidence > 0.2]
    near = np.abs(vectors - np.median(vectors, 0)).max(1) < 1
    return vectors[near].mean(0), vectors[near].std(0)


@pytest.mark.parametrize("blur", [1.2, 1.5])
@pytest.mark.parametrize("blocks", [BLOCKS, BlockSettings(block_size=64, low_pass=0.3)])
def test_displacements_are_not_pulled_to_zero(blur, blocks):
    image = texture((384, 384), seed=3, blur=blur)
    for shift in ((0.25, -0.45), (1.4, 0.5)):
        frames = [prepare_frame(part, blocks) for part in (image, fourier_shift(image, *shift))]
        # The same pixels in both frames, so that all of the displacement is left to measure.
        raw = find_peaks(
            cross_spectra(*(frame.spectra for frame in frames), blocks), blocks.block_size, 10
        )
        clear = raw.confidence > 0.2
        factors = window_pull(frames[0].spectra, frames[1].spectra, raw.vectors, clear, blocks)
        pulled = raw.vectors[clear].mean(0)
        assert np.all(np.abs(pulled) < 0.995 * np.abs(shift))
        np.testing.assert_allclose(pulled / factors, shift, rtol=0.004, atol=0.0005)


@pytest.mark.real
def test_displacements_of_tissue_are_not_pulled_to_zero(shared):
    path = sorted((shared / "data" / "fib25").glob("*.png"))[10]
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(np.float64)
    inside = slice(40, 480)
    for shift in ((0.3, 0.45), (0.49, -0.2), (-0.45, -0.45)):
        moved = fourier_shift(image, *shift)
        found, spread = mean_vector(image[inside, inside], moved[inside, inside], BLOCKS)
        np.testing.assert_allclose(found, shift, atol=0.001)
        assert spread.max() < 0.01


@pytest.mark.real
def test_slices_of_tissue_backwards_or_mirrored_move_the_other_way(shared):
    # What an estimator adds of itself would stay where it is, and grow along a chain.
    paths = sorted((shared / "data" / "fib25").glob("*.png"))[:9]
    slices = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)[60:460, 60:460] for path in paths]
    centre = np.array([199.5, 199.5, 1.0])

    def move(first, second):
        return ((estimate(first, second)[0].matrix @ centre) - centre)[:2]

    moves = [move(*pair) for pair in itertools.pairwise(slices)]
    assert np.hypot(*np.transpose(moves)).mean() > 0.1
    for (first, second), there in zip(itertools.pairwise(slices), moves, strict=True):
        np.testing.assert_allclose(move(second, first), -there, atol=0.002)
        np.testing.assert_allclose(
            move(first[:, ::-1], second[:, ::-1]), there * (-1, 1), atol=0.002
        )


def test_too_few_blocks_leave_displacements_as_they_are():
    image = texture((100, 100), seed=3)
    spectra = prepare_frame(image, BLOCKS).spectra
    n = spectra.shape[0] * spectra.shape[1]
    factors = window_pull(spectra, spectra, np.zeros((n, 2)), np.zeros(n, bool), BLOCKS)
    np.testing.assert_array_equal(factors, [1, 1])


def test_strong_stretches_are_found_without_a_pull():
    image = texture((480, 480), seed=5)
    matrix = np.array([[1.03, 0, -7.2], [0, 0.97, 7.2], [0, 0, 1]])
    found, _ = estimate(image, warped(image, matrix), "affine")
    corners = np.array([[20, 20, 1], [460, 20, 1], [20, 460, 1], [460, 460, 1]]).T
    assert np.abs((found.matrix - matrix) @ corners).max() < 0.06


def test_blocks_that_match_well_weigh_more():
    rng = np.random.default_rng(8)
    image = texture((300, 600), seed=25)
    moved = fourier_shift(image, 0.7, 0.2)
    for part in (image, moved):
        part[:, 300:] += rng.normal(0, 40, (300, 300))
    matches = match_blocks(*(prepare_frame(part, BLOCKS) for part in (image, moved)), BLOCKS)
    left = matches.src[:, 0] < 270
    assert matches.weight[left].min() > 2 * np.median(matches.weight[~left])


@pytest.mark.parametrize(
    ("model", "linear"),
    [
        ("x_scale_shift", [[1.006, 0], [0, 1]]),
        ("scale_shift", [[1.006, 0], [0, 0.995]]),
        ("affine", [[1.004, 0.003], [-0.002, 0.997]]),
        ("regularized_affine", [[1.004, 0.003], [-0.002, 0.997]]),
    ],
)
def test_scales_and_shears_are_found_by_every_model(model, linear):
    image = texture((400, 480), seed=5)
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = [2.3, -3.1]
    found, _ = estimate(image, warped(image, matrix), model)
    corners = np.array([[20, 20, 1], [460, 20, 1], [20, 380, 1], [460, 380, 1], [240, 200, 1]]).T
    assert np.abs((found.matrix - matrix) @ corners).max() < 0.06


def test_unsupported_scales_are_pulled_to_a_shift():
    rng = np.random.default_rng(2)
    image = texture((320, 320), seed=7)
    moved = fourier_shift(image, 1.2, 0.7)
    noisy = [part + rng.normal(0, 60, part.shape) for part in (image, moved)]
    plain, _ = estimate(*noisy, "affine")
    pulled, _ = estimate(*noisy, "regularized_affine")
    off = [np.abs(found.matrix[:2, :2] - np.eye(2)).sum() for found in (plain, pulled)]
    assert off[1] < 0.3 * off[0]


@pytest.mark.parametrize("jump", [(130, 0), (-100, 90), (0, -120), (60, 100)])
def test_jumps_of_a_third_of_the_frame_are_found(jump):
    rng = np.random.default_rng(1)
    scene = texture((700, 800), seed=9)
    x, y = jump
    first = scene[150:550, 200:600] + rng.normal(0, 10, (400, 400))
    second = scene[150 - y : 550 - y, 200 - x : 600 - x] + rng.normal(0, 10, (400, 400))
    found, matches = estimate(first, second)
    assert found
    np.testing.assert_allclose(found.matrix[:2, 2], jump, atol=0.05)
    assert matches.coarse.ncc > 0.8


def test_a_fixed_pattern_does_not_hold_the_shift_at_zero():
    rng = np.random.default_rng(4)
    scene = texture((500, 500), seed=11)
    curtains = np.tile(rng.normal(0, 12, 420), (420, 1)) + rng.normal(0, 6, (420, 420))
    first = scene[40:460, 40:460] + curtains
    second = scene[25:445, 31:451] + curtains
    found, _ = estimate(first, second)
    np.testing.assert_allclose(found.matrix[:2, 2], [9, 15], atol=0.1)


def test_featureless_frames_fail_with_the_reason():
    rng = np.random.default_rng(6)
    image = texture((400, 400), seed=13)
    blank, other = (128 + rng.normal(0, 4, image.shape) for _ in range(2))
    for pair in ((image, blank), (blank, image), (blank, other)):
        found, _ = estimate(*pair)
        assert not found
        assert "block" in found.reason
    found, _ = estimate(np.zeros((400, 400), np.uint8), image.astype(np.uint8))
    assert "clear peak" in found.reason


def test_unrelated_frames_do_not_pass():
    for seed in range(10):
        found, _ = estimate(texture((256, 256), 2 * seed), texture((256, 256), 2 * seed + 1))
        assert not found


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32])
def test_every_type_and_odd_sizes_work(dtype):
    image = texture((301, 263), seed=15)
    moved = fourier_shift(image, 1.0, -2.0)
    first, second = (np.clip(part, 0, 255).astype(dtype) for part in (image, moved))
    found, _ = estimate(first, second)
    np.testing.assert_allclose(found.matrix[:2, 2], [1, -2], atol=0.05)


def test_a_frame_below_one_block_is_refused_with_a_remedy():
    with pytest.raises(ParameterError, match="smaller than one block"):
        prepare_frame(np.zeros((39, 200), np.uint8), BLOCKS)


def test_the_smallest_frame_holds_one_block():
    shape = (BLOCKS.block_size,) * 2
    grid = block_grid(shape, BLOCKS)
    assert (grid.rows, grid.columns) == (1, 1)
    found, _ = estimate(texture(shape), texture(shape))
    assert "of 1 blocks" in found.reason


@pytest.mark.parametrize(
    ("side", "step"), [(64, 16), (300, 16), (400, 18), (450, 21), (600, 26), (2000, 26)]
)
def test_blocks_of_small_frames_lie_closer(side, step):
    grid = block_grid((side, side), BLOCKS)
    assert (grid.step, grid.rows) == (step, (side - grid.size) // step + 1)
    assert block_grid((side, side), BlockSettings(min_blocks=0)).step == 26


def test_a_larger_overlap_that_is_asked_for_stays():
    assert block_grid((100, 100), BlockSettings(overlap=0.8)).step == 8


def test_spectra_equal_the_fft_of_each_windowed_block():
    image = texture((200, 170), seed=17)
    grid = block_grid(image.shape, BLOCKS)
    spectra = block_spectra(image, grid, BLOCKS)
    k, size = n_frequencies(grid.size, BLOCKS.low_pass), grid.size
    place = np.arange(size) - (size - 1) / 2
    window = 0.5 + 0.5 * np.cos(2 * np.pi * place / size)
    height = (grid.rows - 1) * grid.step + size
    width = (grid.columns - 1) * grid.step + size
    level = image[grid.top : grid.top + height, grid.left : grid.left + width].mean()
    for row in range(grid.rows):
        for column in range(grid.columns):
            y, x = grid.top + row * grid.step, grid.left + column * grid.step
            block = (image[y : y + size, x : x + size] - level) * np.outer(window, window)
            full = np.fft.fft2(block)
            frequency = np.arange(-k, k + 1)
            centre = np.exp(2j * np.pi / size * (size - 1) / 2 * frequency)
            wanted = full[np.ix_(frequency, np.arange(k + 1))] * np.outer(centre, centre[k:])
            tolerance = 1e-5 * np.abs(wanted).max()
            np.testing.assert_allclose(spectra[row, column], wanted, atol=tolerance)


def test_all_blocks_at_once_equal_a_loop_over_blocks():
    image = texture((240, 260), seed=19)
    moved = fourier_shift(image, 1.3, -0.8)
    grid = block_grid(image.shape, BLOCKS)
    spectra = [
        block_spectra(part, grid, BLOCKS).reshape(
            grid.rows * grid.columns, -1, n_frequencies(grid.size, BLOCKS.low_pass) + 1
        )
        for part in (image, moved)
    ]
    together = find_peaks(cross_spectra(*spectra, BLOCKS), grid.size, 10)
    for n in range(grid.rows * grid.columns):
        one = find_peaks(
            cross_spectra(spectra[0][n : n + 1], spectra[1][n : n + 1], BLOCKS), grid.size, 10
        )
        np.testing.assert_allclose(one.vectors[0], together.vectors[n], atol=1e-4)
        np.testing.assert_allclose(one.confidence[0], together.confidence[n], atol=1e-4)


def test_the_same_input_gives_the_same_bytes():
    image = texture((300, 300), seed=21)
    moved = fourier_shift(image, 4.2, -1.1)
    results = [estimate(image, moved)[0].matrix.tobytes() for _ in range(3)]
    assert len(set(results)) == 1


def test_fast_lengths_are_those_of_scipy_without_larger_factors():
    lengths = [fast_length(n) for n in range(1, 400)]
    assert lengths == [scipy.fft.next_fast_len(n, real=True) for n in range(1, 400)]


def test_the_coarse_shift_of_equal_images_is_zero():
    image = reduce_image(texture((300, 400)).astype(np.float32), BLOCKS)
    shift = coarse_shift(image, image)
    assert (shift.x, shift.y) == pytest.approx((0, 0), abs=0.01)
    assert shift.ncc == pytest.approx(1)


def test_a_small_frame_that_jumped_fails_with_the_reason():
    scene = texture((140, 140), seed=23)
    found, matches = estimate(scene[30:88, 30:88], scene[10:68, 10:68])
    assert len(matches) == 0
    assert "0 of 0 blocks" in found.reason
