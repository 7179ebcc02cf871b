"""One switch between NumPy and CuPy.

A stand-in for CuPy runs the way of the graphics card on any machine (`tests/stand_in_card.py`); the
tests marked gpu run it on a real one.
"""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest

from fibsem_dash import backend
from fibsem_dash.compare import METRICS, compare_images, fsc, mutual_information, ncc, nmi, nsad
from fibsem_dash.errors import ParameterError
from fibsem_dash.image import autocorrelation_snr, intensity_range, noise_statistics, to_8bit


@pytest.fixture(params=["int16", "float64", "holes"])
def pair(request):
    rng = np.random.default_rng(0)
    texture = rng.normal(0, 300, (60, 71))
    images = [1500 + texture + rng.normal(0, 150, texture.shape) for _ in range(2)]
    if request.param == "int16":
        images = [image.astype(np.int16) for image in images]
    if request.param == "holes":
        images[0][3, 4], images[1][8, 9] = np.nan, np.inf
    return images


def check_equal_results(pair, to_card):
    on_card = [to_card(image) for image in pair]
    expected = compare_images(*pair, METRICS)
    for found in (
        compare_images(*on_card, METRICS),
        compare_images(*pair, METRICS, backend="cupy"),
    ):
        assert found == pytest.approx(expected, rel=1e-9)
    inverted = compare_images(*on_card, METRICS, invert=True)
    assert inverted == pytest.approx(compare_images(*pair, METRICS, invert=True), rel=1e-9)
    for bins in (64, 300):
        found = mutual_information(*on_card, bins, bias_correction="miller-madow")
        plain = mutual_information(*pair, bins, bias_correction="miller-madow")
        assert found == pytest.approx(plain, rel=1e-9)
    for settings in ({}, {"reference": True}, {"sectors": (-20, 20), "taper": "none"}):
        found, plain = fsc(*on_card, **settings), fsc(*pair, **settings)
        np.testing.assert_allclose(found.correlation, plain.correlation, atol=2e-6)
        assert type(found.correlation) is np.ndarray
    finite = [np.nan_to_num(image, posinf=0.0) for image in pair]
    centred = [image - image.mean() for image in finite]
    found = fsc(*(to_card(image) for image in centred), reference=True)
    plain = fsc(*centred, reference=True)
    np.testing.assert_allclose(found.correlation, plain.correlation, rtol=1e-7, atol=1e-9)
    assert nsad(*on_card) == pytest.approx(nsad(*pair), rel=1e-12)
    assert ncc(*on_card, zero_mean=False) == pytest.approx(ncc(*pair, zero_mean=False), rel=1e-12)
    assert nmi(*on_card) == pytest.approx(nmi(*pair), rel=1e-9)
    for settings in ({}, {"detrend": True}, {"zero_mean": False}):
        found = autocorrelation_snr(on_card[0], **settings)
        plain = autocorrelation_snr(pair[0], **settings)
        assert found.values == pytest.approx(plain.values, rel=1e-7, nan_ok=True)
    found = autocorrelation_snr(to_card(finite[0]), reference=True)
    plain = autocorrelation_snr(finite[0], reference=True)
    assert found.values == pytest.approx(plain.values, rel=1e-7)


@pytest.mark.filterwarnings("ignore::fibsem_dash.numerics.notes.AnalysisWarning")
def test_results_do_not_depend_on_the_backend(card, pair):
    check_equal_results(pair, card.asarray)


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore::fibsem_dash.numerics.notes.AnalysisWarning")
def test_results_do_not_depend_on_the_backend_on_a_real_card(pair):
    if not backend.cupy_available():
        pytest.skip("needs CuPy and a CUDA device")
    import cupy

    check_equal_results(pair, cupy.asarray)


def test_other_analyses_copy_arrays_from_the_card(card):
    image = np.random.default_rng(0).poisson(50, (40, 40)).astype(np.int16)
    assert intensity_range(card.asarray(image)) == intensity_range(image)
    assert (to_8bit(card.asarray(image), 20, 80) == to_8bit(image, 20, 80)).all()
    with pytest.warns(UserWarning, match="variance"):
        found = noise_statistics(card.asarray(image))
    assert type(found.means) is np.ndarray


def test_auto_computes_where_the_data_lies(card):
    image = np.eye(3)
    assert backend.array_module("auto", image) is np
    assert backend.array_module("auto", card.asarray(image)) is card
    assert backend.array_module("numpy", image) is np
    assert backend.array_module("cupy", image) is card


def test_a_worker_computes_on_the_card_of_its_number(card, monkeypatch):
    backend.array_module("cupy")
    backend.array_module("cupy")
    monkeypatch.setenv(backend.WORKER_NUMBER, "5")
    thread = threading.Thread(target=backend.array_module, args=("cupy",))
    thread.start()
    thread.join()
    assert card.cuda.chosen == [0, 1], "once for each thread, in turn over two cards"
    assert backend.device_count() == 2


def test_asking_for_cupy_without_a_card_says_what_to_do(card):
    card.cuda.count = 0
    with pytest.raises(ParameterError, match="needs a CUDA device"):
        backend.array_module("cupy")


def test_asking_for_cupy_without_it_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ParameterError, match=r"fibsem-dash\[gpu\]"):
        ncc(np.eye(4), np.eye(4), backend="cupy")
    with pytest.raises(ParameterError, match="Unknown backend"):
        ncc(np.eye(4), np.eye(4), backend="cuda")


def test_importing_the_analyses_loads_no_heavy_library():
    code = (
        "import sys, fibsem_dash.image, fibsem_dash.compare;"
        "heavy = 'cupy', 'cv2', 'scipy', 'skimage', 'pandas', 'dask';"
        "print([name for name in heavy if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
