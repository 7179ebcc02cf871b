"""Quality tables with known content."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fibsem_dash.io.tables import write_csv
from fibsem_dash.quality import QualityTable, read_quality_table


def correlated_noise(n: int, rho: float, rng: np.random.Generator) -> np.ndarray:
    """Unit variance, correlation rho between neighbours."""
    white = rng.normal(size=n)
    series = np.empty(n)
    series[0] = white[0]
    for k in range(1, n):
        series[k] = rho * series[k - 1] + np.sqrt(1 - rho**2) * white[k]
    return series


@pytest.fixture
def make_table(tmp_path: Path) -> Callable[..., QualityTable]:
    """make_table(label, first=1, **columns): written to a file and read back."""
    import pandas as pd

    def make(label: str, first: int = 1, **columns: np.ndarray) -> QualityTable:
        n = len(next(iter(columns.values())))
        names = {"error": "Mean Abs Error", "npts": "Npts"}
        data = {"frame": np.arange(first, first + n)}
        data |= {names.get(key, key): value for key, value in columns.items()}
        path = tmp_path / f"{label}_RegistrationQuality.csv"
        write_csv(path, pd.DataFrame(data))
        return read_quality_table(path)

    return make
