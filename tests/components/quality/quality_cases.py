"""Quality tables, jobs that run at once, and what a page says."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from components.pages.quality import QualityPage
from components.router import parse_query, query_of
from components.session import Session
from fibsem_dash.cli import main
from fibsem_dash.io.tables import write_csv
from fibsem_dash.quality import QualityTable


def quality_csv(path: Path, n: int = 200, shift: float = 0.0, seed: int = 0) -> Path:
    """Write a table whose NCC is better by `shift`."""
    rng = np.random.default_rng(seed)
    ncc = 0.8 + shift + rng.normal(0, 0.01, n)
    frame = pd.DataFrame({"frame": np.arange(1, n + 1), "NSAD": 1 - ncc, "NCC": ncc})
    write_csv(path, frame)
    return path


def table_of(values: np.ndarray, label: str = "run") -> QualityTable:
    frames = np.arange(1, values.size + 1)
    return QualityTable(label, frames, {"NCC": values}, None, "", "CSV")


class FakeJobs:
    """Runs what is submitted at once, as the process of a job would."""

    version = 0

    def __init__(self) -> None:
        self.records: list[SimpleNamespace] = []

    def submit(self, kind: str, arguments: list[str], title: str = "", folder: str = "") -> str:
        code = main([kind, *arguments, "--workers", "0"])
        name = str(len(self.records))
        state = "done" if code == 0 else "failed"
        self.records.append(
            SimpleNamespace(
                id=name, kind=kind, arguments=tuple(arguments), state=state, active=False,
                title=title, error="", created=0.0, stage=None,
            )
        )  # fmt: skip
        return name

    def get(self, name: str) -> SimpleNamespace:
        return self.records[int(name)]

    def jobs(self) -> list[SimpleNamespace]:
        return self.records


def messages(page: QualityPage) -> str:
    return " ".join(str(alert.object) for alert in page.messages)


def reloaded(page):
    """Return a page that knows no more than the address of another one."""
    page.session.page = "quality"
    values = parse_query(query_of(page.session), ("data", "quality"))
    other = QualityPage(Session(page.session.config))
    other.__panel__()
    other.session.param.update(values)
    other.on_enter()
    return other
