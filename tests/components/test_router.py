"""An address says the same as the session, and bad addresses are harmless."""

from __future__ import annotations

import pytest

pytest.importorskip("panel")

from components.router import Router, parse_query, query_of
from components.session import Session
from fibsem_dash.registration.run_store import RunStore

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
    router = Router(session, PAGES)
    session.pattern = "*.tif"
    router.apply(f"?page=data&stack={session.config.roots[0] / 'stack'}")
    assert session.pattern == ""
    assert len(session.frames) == 6


def test_a_page_is_a_new_entry_of_the_history_and_a_value_is_not(session: Session) -> None:
    router = Router(session, PAGES)
    session.frame = 3
    assert router.bar.shown[1] is False
    session.page = "header"
    assert router.bar.shown == [query_of(session), True]
    session.box = (1, 2, 3, 4)
    assert router.bar.shown == [query_of(session), False]


def test_back_brings_the_page_back_without_a_new_entry(session: Session) -> None:
    router = Router(session, PAGES)
    session.page = "header"
    shown = list(router.bar.shown)
    for count in (1, 2):
        session.page = "header"
        router.bar.popped = ["?page=data", count]
        assert session.page == "data"
    assert router.bar.shown == shown


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ("?page=nonsense", "no page 'nonsense'"),
        ("?frame=-1", "frame '-1'"),
        ("?box=1,2", "box '1,2'"),
        ("?run=/etc", "not open"),
        ("?stack=/etc&page=header", "not open"),
        ("?stack=STACK&frame=99&page=header", "no frame 99"),
        ("?stack=STACK&box=0,999,0,5", "does not lie on"),
        ("?stack=STACK&run=STACK", "holds no run"),
    ],
)
def test_what_makes_no_sense_is_told(session: Session, search: str, words: str) -> None:
    stack = str(session.config.roots[0] / "stack")
    Router(session, PAGES).apply(search.replace("STACK", stack))
    assert words in session.error
    assert not any(session.box)


def test_a_run_of_the_address_opens_its_frames(session: Session) -> None:
    files = sorted((session.config.roots[0] / "stack").glob("*.dat"))[1:4]
    store = RunStore(session.config.run_root / "one")
    store.create()
    store.write({"schema_version": 1, "input": [{"path": str(path)} for path in files]})
    Router(session, PAGES).apply(f"?page=header&run={store.folder}&frame=2")
    assert session.error == ""
    assert session.run_folder == str(store.folder)
    assert [frame.path for frame in session.frames] == [str(path) for path in files]
    assert session.frame == 2
    again = Session(session.config)
    Router(again, PAGES).apply(query_of(session))
    assert again.frame_path == str(files[2])


def test_another_stack_closes_the_run(session: Session) -> None:
    folder = session.config.roots[0] / "stack"
    session.open_folder(str(folder))
    session.run_folder = "/some/run"
    session.open_folder(str(folder))
    assert session.run_folder == "/some/run"
    other = session.config.run_root / "other"
    other.mkdir(parents=True)
    (other / "frame.dat").write_bytes(b"nothing")
    session.open_folder(str(other))
    assert session.run_folder == ""
