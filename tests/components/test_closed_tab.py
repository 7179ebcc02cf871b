"""Nothing is kept of a browser tab that was closed."""

from __future__ import annotations

import gc
import os
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("panel_material_ui")

import panel as pn
from bokeh.client import pull_session

from components import shell as shell_module
from components.pages import PAGES
from tests.thread_server import serve_in_thread

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Both .variant.:PendingDeprecationWarning"),
]

Opened = list[tuple[weakref.ref[Any], weakref.ref[Any]]]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Shell and document of every tab, both held weakly."""
    tabs: Opened = []
    make = shell_module.Shell.__init__

    def remember(self: Any, *values: Any, **named: Any) -> None:
        make(self, *values, **named)
        tabs.append((weakref.ref(self), weakref.ref(pn.state.curdoc)))

    monkeypatch.setattr(shell_module.Shell, "__init__", remember)
    return tabs


@pytest.fixture
def address(
    frames_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Opened
) -> Iterator[str]:
    """A server in a thread, which forgets closed tabs at once."""
    monkeypatch.setenv("FIBSEM_DASH_ROOTS", os.fspath(frames_root))
    monkeypatch.setenv("FIBSEM_DASH_RUN_ROOT", os.fspath(tmp_path / "runs"))
    # No browser says that it drew the page; headers are read from then on.
    monkeypatch.setattr(type(pn.state), "loaded", property(lambda _state: True))
    before = set(pn.state._views)
    with serve_in_thread(
        shell_module.build,
        unused_session_lifetime_milliseconds=100,
        check_unused_sessions_milliseconds=50,
    ) as address:
        yield address
    assert set(pn.state._views) <= before


def wait_until(true: Callable[[], bool], seconds: float = 60) -> bool:
    """Wait until something is true, for so long at most; tell whether it is."""
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.2)
        gc.collect()
    return true()


def test_the_shells_and_documents_of_closed_tabs_are_freed(
    address: str, frames_root: Path, opened: Opened
) -> None:
    for entry in PAGES:
        session = pull_session(
            url=address, arguments={"page": entry.key, "folder": os.fspath(frames_root)}
        )
        (shell, _) = opened[-1]

        def on_page(shell: Any = shell, key: str = entry.key, session: Any = session) -> bool:
            session.force_roundtrip()
            tab = shell()
            return tab is not None and key in tab._entered and bool(tab.session.frames)

        assert wait_until(on_page), f"{entry.key} was not shown"
        session.close()
        del session, on_page
    assert wait_until(lambda: not any(ref() for pair in opened for ref in pair)), [
        (entry.key, shell() is None, document() is None)
        for entry, (shell, document) in zip(PAGES, opened, strict=True)
    ]
