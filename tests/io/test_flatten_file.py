"""Flattening factors: round trip, the same bytes, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fibsem_dash.errors import AccessError, FormatError, ParameterError
from fibsem_dash.io.flatten_file import read_flatten, write_flatten


def test_factors_come_back(tmp_path: Path) -> None:
    factors = {k: np.random.default_rng(0).uniform(0.5, 2, (7, 9)) for k in "BA"}
    write_flatten(tmp_path / "a.npz", factors)
    write_flatten(tmp_path / "b.npz", dict(reversed(factors.items())))
    found = read_flatten(tmp_path / "a.npz")
    assert list(found) == ["A", "B"]
    for letter, array in found.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, factors[letter].astype(np.float32))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_what_is_no_factor_is_refused(tmp_path: Path) -> None:
    for factors in ({}, {"x": np.ones((2, 2))}, {"A": np.ones(3)}):
        with pytest.raises(ParameterError):
            write_flatten(tmp_path / "a.npz", factors)
    assert not list(tmp_path.iterdir())
    with pytest.raises(AccessError):
        read_flatten(tmp_path / "a.npz")
    (tmp_path / "a.npz").write_bytes(b"")
    with pytest.raises(FormatError):
        read_flatten(tmp_path / "a.npz")
