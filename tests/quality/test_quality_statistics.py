"""Statistics, differences and gates give known answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fibsem_dash.errors import FormatError, ParameterError
from fibsem_dash.image import spread
from fibsem_dash.quality import (
    QualityTable,
    check_gates,
    compare_tables,
    parse_gates,
    read_gates,
    summarise,
)
from fibsem_dash.quality.bootstrap import block_length, resampled_statistics
from tests.quality.conftest import correlated_noise

Make = Callable[..., QualityTable]


def test_statistics_are_those_of_the_columns(make_table: Make) -> None:
    rng = np.random.default_rng(1)
    ncc = rng.uniform(0.5, 0.9, 300)
    error = rng.uniform(0, 1, 300)
    ncc[10] = np.nan
    ncc[20], error[30] = 0.1, 9.0
    told = summarise(make_table("t", NCC=ncc, error=error), n_worst=2)
    good = ncc[np.isfinite(ncc)]
    assert told["NCC"].n == 299
    assert told["NCC"].n_missing == 1
    assert told["NCC"].mean == pytest.approx(good.mean())
    assert told["NCC"].median == pytest.approx(np.median(good))
    assert told["NCC"].std == pytest.approx(good.std())
    assert told["NCC"].spread == pytest.approx(spread(good))
    assert told["SNR"].mean == pytest.approx((good / (1 - good)).mean())
    assert told["NCC"].worst_frames[0] == 21
    assert told["error"].worst_frames[0] == 31


def test_a_perfect_match_does_not_spoil_the_mean_snr(make_table: Make) -> None:
    told = summarise(make_table("t", NCC=np.array([0.5, 1.0, 0.5])))
    assert told["SNR"].mean == 1.0
    assert told["SNR"].n_missing == 1


def test_statistics_of_nothing_are_missing(make_table: Make) -> None:
    told = summarise(make_table("t", NCC=np.full(4, np.nan)))["NCC"]
    assert told.n == 0
    assert np.isnan(told.median)
    assert told.worst_frames == ()


def test_a_known_improvement_is_found_on_common_frames_only(make_table: Make) -> None:
    rng = np.random.default_rng(2)
    common = 0.1 * correlated_noise(600, 0.95, rng)
    first = make_table("a", NSAD=0.5 + common + 0.01 * rng.normal(size=600))
    second = make_table("b", first=101, NSAD=0.45 + common[100:] + 0.01 * rng.normal(size=500))
    told = compare_tables(first, second, "NSAD")
    assert told.n_common == 500
    assert told.mean.value == pytest.approx(-0.05, abs=0.003)
    assert told.mean.low < -0.05 < told.mean.high
    assert told.verdict == "better"
    assert told.n_better > 490
    assert told.n_better + told.n_worse + told.n_equal == 500
    assert compare_tables(second, first, "NSAD").verdict == "worse"


def test_a_table_does_not_differ_from_itself(make_table: Make) -> None:
    table = make_table("a", NCC=np.random.default_rng(0).uniform(size=50))
    told = compare_tables(table, table, "NCC")
    assert (told.mean.value, told.mean.low, told.mean.high) == (0, 0, 0)
    assert told.verdict == "no difference"
    assert told.n_equal == 50


def test_tables_without_common_frames_say_so(make_table: Make) -> None:
    a, b = (make_table(name, first=k, NCC=np.ones(5)) for name, k in (("a", 1), ("b", 50)))
    told = compare_tables(a, b, "NCC")
    assert told.n_common == 0
    assert np.isnan(told.median.value)
    assert "no frame in common" in told.notes[0]


def test_the_interval_covers_the_truth_for_correlated_neighbours() -> None:
    """With blocks of one frame it would cover the true mean in far fewer than 95 % of cases."""
    rng = np.random.default_rng(5)
    covered = {"chosen": 0, "one": 0}
    for trial in range(100):
        series = correlated_noise(500, 0.8, rng)[None]
        for key, length in (("chosen", block_length(series[0])), ("one", 1)):
            means, _ = resampled_statistics(series, length, 300, trial)
            low, high = np.quantile(means, [0.025, 0.975])
            covered[key] += bool(low <= 0 <= high)
    assert covered["chosen"] >= 84
    assert covered["one"] < 65


def test_blocks_follow_the_correlation() -> None:
    rng = np.random.default_rng(6)
    lengths = [block_length(correlated_noise(2000, rho, rng)) for rho in (0.0, 0.5, 0.95)]
    assert lengths[0] <= 4
    assert lengths[0] < lengths[1] < lengths[2]
    assert block_length(np.ones(100)) == 1
    assert block_length(np.arange(4.0)) == 1


def test_the_same_seed_gives_the_same_interval(make_table: Make) -> None:
    rng = np.random.default_rng(3)
    a, b = (make_table(name, NCC=rng.uniform(size=200)) for name in "ab")
    assert compare_tables(a, b, "NCC", seed=4) == compare_tables(a, b, "NCC", seed=4)
    assert compare_tables(a, b, "NCC", seed=4).mean != compare_tables(a, b, "NCC", seed=5).mean


def test_boxes_of_other_size_are_named_where_they_matter(make_table: Make) -> None:
    n = np.full(20, 0.0)
    box = {"xi_eval": n, "yi_eval": n, "ya_eval": n + 100}
    a = make_table("a", NMI=np.linspace(0, 1, 20), NCC=n, xa_eval=n + 100, **box)
    b = make_table("b", NMI=np.linspace(0, 1, 20), NCC=n, xa_eval=n + 200, **box)
    assert "size of the box" in compare_tables(a, b, "NMI").notes[0]
    assert compare_tables(a, b, "NCC").notes == ()


def test_gates_pass_and_fail_at_their_limits(make_table: Make) -> None:
    gates = parse_gates(
        {
            "ncc.median": {"min": 0.5},
            "ncc.min": {"min": 0.5},
            "nsad.max": {"max": 1},
            "failed_pairs": {"max": 0},
            "frames": {"min": 3, "max": 3},
        }
    )
    told = summarise(make_table("t", NCC=np.array([0.4, 0.5, 0.6])))
    results = check_gates(gates, "t", told, {"failed_pairs": 1, "frames": 3})
    assert [r.passed for r in results] == [True, False, False, False, True]
    assert "not known" in str(results[2])
    assert str(results[1]) == "FAILED: t: ncc.min is 0.4, wanted at least 0.5"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"ncc.medain": {"min": 0.4}}, "Did you mean 'ncc.median'"),
        ({"NCC.median": {"min": 0.4}}, "Did you mean 'ncc.median'"),
        ({"ncc.median": {"minimum": 0.4}}, "min, max or both"),
        ({"ncc.median": {}}, "min, max or both"),
        ({"ncc.median": {"min": True}}, "a number"),
        ({"ncc.median": {"min": float("nan")}}, "a number"),
        ({"ncc.median": {"min": 2, "max": 1}}, "min <= max"),
        ([], "no gates"),
        (None, "no gates"),
    ],
)
def test_gates_that_make_no_sense_are_refused(data: object, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        parse_gates(data)


def test_gates_are_read_from_yaml_and_json_as_data_only(tmp_path: Path) -> None:
    path = tmp_path / "gates.yaml"
    path.write_text("ncc.median: {min: 0.4}\nerror.max: {max: 2}\n")
    assert [g.name for g in read_gates(path)] == ["ncc.median", "error.max"]
    path.write_text('{"failed_pairs": {"max": 0}}')
    assert read_gates(path)[0].maximum == 0
    path.write_text("ncc.median: !!python/object/apply:os.getcwd []")
    with pytest.raises(FormatError):
        read_gates(path)
