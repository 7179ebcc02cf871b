"""The frame around the pages: pages in pieces, closed cards, hints, theme."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from bokeh.document import Document
from bokeh.models import ColumnDataSource, ImportedStyleSheet
from bokeh.plotting import figure

pytest.importorskip("panel_material_ui")

import panel as pn

from components.config import ServerConfig
from components.pages import PAGES
from components.pages.base import Page, card
from components.plots.base import hold_ranges
from components.session import Session
from components.shell import Shell, in_turns, serve_styles_from_here
from components.widgets.state_view import StateView
from components.widgets.theme_memory import wants_dark
from components.work import LatestWork

pytestmark = pytest.mark.filterwarnings("ignore:Both .variant.:PendingDeprecationWarning")

KEYS = [entry.key for entry in PAGES]


@pytest.mark.parametrize("key", KEYS)
def test_every_page_has_a_title_a_hint_and_help(key: str) -> None:
    page = PAGES[KEYS.index(key)].load()
    assert page.title
    assert page.help_text.strip()
    assert 20 < len(page.hint) < 110


def test_a_page_is_put_together_in_pieces(session: Session) -> None:
    class Some(Page):
        def controls(self) -> list[pn.pane.Str]:
            return [pn.pane.Str("a"), pn.pane.Str("b")]

        def main(self) -> pn.pane.Str:
            return pn.pane.Str("picture")

    page = Some(session)
    pieces = page.assemble()
    next(pieces)
    next(pieces)
    assert len(page.layout) == 1
    # Whoever wants all of it gets all of it, once.
    assert page.__panel__() is page.layout
    assert len(page.layout[0]) == 2
    assert len(page.layout) == 2
    page.__panel__()
    assert len(page.layout) == 2


def test_a_closed_card_is_filled_when_it_is_opened() -> None:
    text = pn.pane.Str("a")
    group = card("Some", text, collapsed=True)
    assert text not in group.objects[0].objects
    group.collapsed = False
    assert text in group.objects[0].objects
    group.collapsed = True
    group.collapsed = False
    assert group.objects[0].objects == [text]


def test_without_a_browser_all_pieces_are_done_at_once() -> None:
    done = []

    def steps() -> Iterator[None]:
        done.append(1)
        yield
        done.append(2)

    in_turns(steps(), lambda: True)
    assert done == [1, 2]


def test_a_closed_hint_does_not_return(config: ServerConfig) -> None:
    shell = Shell(config, "?page=data")
    assert shell.hint.bar.text == shell.pages["data"].hint
    shell.hint.bar.closed = "data"
    shell.session.page = "header"
    assert shell.hint.bar.text == shell.pages["header"].hint
    shell.session.page = "data"
    assert shell.hint.bar.text == ""


def test_the_theme_of_the_cookie_is_taken() -> None:
    assert wants_dark({"fibsem-dash-theme": "dark"})
    assert not wants_dark({"fibsem-dash-theme": "light"})
    assert not wants_dark({})
    assert not wants_dark(None)


def test_an_empty_figure_has_ranges_and_a_full_one_its_own() -> None:
    source = ColumnDataSource({"x": [], "y": []})
    plot = figure()
    line = plot.line("x", "y", source=source)
    plot.y_range.renderers = [line]
    hold_ranges(plot, source)
    stand_in = plot.renderers[-1]
    assert plot.y_range.renderers == [line, stand_in]
    assert len(stand_in.data_source.data["x"]) == 2
    source.data = {"x": [5.0], "y": [6.0]}
    assert len(stand_in.data_source.data["x"]) == 0
    source.data = {"x": [], "y": []}
    assert len(stand_in.data_source.data["x"]) == 2


def test_the_ranges_of_an_empty_figure_go_after_its_data_came() -> None:
    source = ColumnDataSource({"x": [], "y": []})
    plot = figure()
    plot.line("x", "y", source=source)
    hold_ranges(plot, source)
    stand_in = plot.renderers[-1].data_source
    document = Document()
    document.add_root(plot)
    # As in a session of a server, which has turns.
    context = object()
    document._session_context = lambda: context
    sent: list[Any] = []
    document.on_change(lambda event: sent.append(getattr(event, "model", None)))
    source.data = {"x": [5.0], "y": [6.0]}
    for callback in list(document.session_callbacks):
        callback.callback()
    assert [model for model in sent if model is not None] == [source, stand_in]
    assert len(stand_in.data["x"]) == 0


def test_style_sheets_come_from_this_server_before_the_page_is_sent() -> None:
    document = Document()
    serve_styles_from_here(document)
    root = pn.Column(pn.pane.Markdown("text"), pn.widgets.Tabulator()).get_root(document)
    sheets = [str(sheet.url) for sheet in root.select({"type": ImportedStyleSheet})]
    assert len(sheets) > 3
    assert [url for url in sheets if "://" in url] == []


def test_what_to_do_is_not_said_while_the_first_picture_is_made() -> None:
    work = LatestWork(lambda: 1)
    view = StateView(pn.pane.Str("picture"), work, "Open a stack.", "Reading ...")
    assert view.empty.visible
    work.busy = True
    assert (view.empty.visible, view.waiting.visible) == (False, True)
    work.busy = False
    work.request()
    assert (view.empty.visible, view.waiting.visible, view.content.visible) == (False, False, True)
    plain = StateView(pn.pane.Str("picture"), LatestWork(lambda: 1), "Press Update.")
    plain.work.busy = True
    assert plain.empty.visible


def test_pages_that_were_visited_stay_and_one_of_them_is_seen(config: ServerConfig) -> None:
    shell = Shell(config, "?page=data")
    root = shell.content.get_root()
    first = list(root.children)
    shell.session.page = "header"
    shell.session.page = "data"
    # The models of the first page are those of before: nothing was made anew.
    assert root.children[0] is first[0]
    assert [page.visible for page in shell.content] == [True, False]
    assert [model.visible for model in root.children] == [True, False]
    assert list(shell.content) == [shell.pages[key].layout for key in ("data", "header")]


def test_a_page_that_fails_is_told_and_is_gone_with_the_next(
    config: ServerConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = Shell(config, "?page=data")

    def fail(_entry: Any) -> None:
        raise RuntimeError("no such luck")

    monkeypatch.setattr(type(PAGES[0]), "load", fail)
    shell.session.page = "header"
    seen = [view for view in shell.content if view.visible]
    assert len(seen) == 1
    assert any("no such luck" in str(pane.object) for pane in seen[0].select(pn.pane.Markdown))
    shell.session.page = "data"
    assert list(shell.content) == [shell.pages["data"].layout]
    assert shell.content[0].visible
