"""What all tabs of a run have in common: when they read it, and what they say meanwhile."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pandas as pd
import panel as pn
import pytest

from components.pages.run_tab import READING, RunTab
from components.session import Session
from fibsem_dash.errors import RunError


class Table(RunTab):
    """Shows one table of a run; reading waits until it may."""

    files = ("pairs.csv",)
    empty = "Open a run: its table appears here."
    loaded: pd.DataFrame | None

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.may_read = threading.Event()
        self.may_read.set()
        self.drawn: list[str] = []
        self.assemble(pn.Spacer())

    def read(self, folder: str) -> pd.DataFrame:
        assert self.may_read.wait(10)
        path = Path(folder) / "pairs.csv"
        if not path.exists():
            raise RunError("the run has no pairs yet", path=path)
        return pd.read_csv(path)

    def show(self, found: pd.DataFrame) -> None:
        self.loaded = found
        self.drawn.append(",".join(map(str, found["frame"])))

    @property
    def said(self) -> str:
        """What stands in the place of the content."""
        places = self.state.empty, self.state.waiting, self.state.alert, self.state.content
        seen = [place for place in places if place.visible]
        if seen == [self.state.empty]:
            return self.empty
        return str(seen[0].object) if len(seen) == 1 and seen[0] is not places[3] else "content"


def run(root: Path, name: str, content: str = "frame\n1\n2\n") -> str:
    (root / name).mkdir()
    (root / name / "pairs.csv").write_text(content)
    return str(root / name)


async def rest(tab: RunTab) -> None:
    for _ in range(500):
        if not tab.load.busy:
            return
        await asyncio.sleep(0.01)
    pytest.fail("the run was not read in time")


def test_a_tab_says_that_it_reads_and_asks_for_a_run_only_when_there_is_none(
    session: Session, tmp_path: Path
) -> None:
    tab = Table(session)

    async def story() -> None:
        tab.on_enter()
        assert tab.said == Table.empty
        tab.may_read.clear()
        session.run_folder = run(tmp_path, "first")
        assert tab.said == READING
        tab.may_read.set()
        await rest(tab)
        assert tab.said == "content"
        session.run_folder = ""
        assert tab.said == Table.empty
        assert tab.loaded is None

    asyncio.run(story())


def test_a_run_is_never_shown_under_the_name_of_another(session: Session, tmp_path: Path) -> None:
    tab = Table(session)
    session.run_folder = run(tmp_path, "first")

    async def story() -> None:
        tab.on_enter()
        await rest(tab)
        tab.may_read.clear()
        session.run_folder = str(tmp_path / "absent")
        assert tab.said == READING
        assert not tab.up_to_date
        tab.may_read.set()
        await rest(tab)
        assert "no pairs yet" in tab.said
        tab.may_read.clear()
        session.run_folder = run(tmp_path, "second", "frame\n7\n")
        assert tab.said == READING
        tab.may_read.set()
        await rest(tab)

    asyncio.run(story())
    assert tab.said == "content"
    assert tab.drawn == ["1,2", "7"]
    assert tab.run_name == "second"


def test_a_run_is_read_again_only_when_its_files_have_changed(
    session: Session, tmp_path: Path
) -> None:
    tab = Table(session)
    folder = session.run_folder = run(tmp_path, "first")
    assert tab.drawn == []
    tab.on_enter()
    tab.on_leave()
    tab.on_enter()
    (Path(folder) / "notes.txt").write_text("nothing that is shown")
    tab.refresh()
    assert tab.drawn == ["1,2"]
    tab.on_leave()
    (Path(folder) / "pairs.csv").write_text("frame\n1\n2\n3\n")
    tab.refresh()
    assert tab.drawn == ["1,2"]
    tab.on_enter()
    assert tab.drawn == ["1,2", "1,2,3"]
    assert tab.up_to_date


def test_a_run_that_cannot_be_read_again_stays_with_the_reason(
    session: Session, tmp_path: Path
) -> None:
    tab = Table(session)
    folder = session.run_folder = run(tmp_path, "first")
    tab.on_enter()
    os.unlink(Path(folder) / "pairs.csv")
    tab.refresh()
    assert tab.state.content.visible
    assert "no pairs yet" in tab.state.alert.object
    assert not tab.up_to_date
