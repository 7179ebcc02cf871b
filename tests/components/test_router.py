"""An address says the same as the session, and bad addresses are harmless."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("panel")

from components.router import Router, parse_query, query_of
from components.session import Session

PAGES = ("data", "header")


@pytest.mark.parametrize("folder", ["/data/a b&c=d%41+é", "C:\\stack", ""])
def test_a_query_survives_the_way_there_and_back(session: Session, folder: str) -> None:
    session.param.update(page="header", folder=folder, pattern="*_0?.dat", box=(1, 2, 3, 4))
    session.frame = 17
    values = parse_query(query_of(session), PAGES)
    assert values["page"] == "header"
    assert values["pattern"] == "*_0?.dat"
    assert values["box"] == (1, 2, 3, 4)
    assert values.get("folder", "") == folder
    assert values.get("frame") == (17 if folder else None)


@pytest.mark.parametrize(
    "search",
    ["?page=nonsense", "?frame=-1", "?frame=1e9", "?box=1,2", "?box=a,b,c,d", "?%%%", "?x=1", ""],
)
def test_what_makes_no_sense_is_left_out(search: str) -> None:
    assert parse_query(search, PAGES) == {}


def test_the_pattern_of_another_folder_is_not_kept(session: Session) -> None:
    opened: list[Any] = []
    router = Router(session, PAGES, opened.append)
    session.pattern = "*.tif"
    router.apply("?page=data&folder=/elsewhere")
    assert opened == ["/elsewhere"]
    assert session.pattern == ""
