"""The frame around the pages: navigation, title bar, help, errors, keys, address."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import panel as pn
import panel_material_ui as pmui
from panel.io.resources import get_dist_path
from panel.util import edit_readonly

from components.access import SAFELY
from components.config import ServerConfig
from components.keyboard import FRAME_STEPS, KEY_HELP, Keyboard
from components.light_components import make_components_light
from components.light_documents import make_documents_light
from components.light_models import make_models_light
from components.light_patches import make_patches_light
from components.loading import keep_early_changes, start_timers_when_loaded
from components.locked import in_session
from components.ordered import keep_order
from components.pages import PAGES
from components.pages.base import Page
from components.router import Router
from components.session import Session
from components.widgets.activity_view import ActivityView
from components.widgets.hint_line import HintLine
from components.widgets.kept_styles import KeptStyles
from components.widgets.plain import one_line, plain, plain_text
from components.widgets.theme_memory import ThemeMemory, wants_dark
from fibsem_dash.compute.executor import describe_error

log = logging.getLogger(__name__)

EXTENSIONS = ("tabulator",)
"""Every extension that any page needs: one that is missing breaks the second visitor's page."""


class Shell:
    """The application of one browser tab.

    Parameters
    ----------
    config : ServerConfig, optional
        What may be shown; that of the process by default.
    search : str
        Query part of the address that was opened.
    """

    def __init__(self, config: ServerConfig | None = None, search: str = "") -> None:
        self.session = Session(config)
        self.pages: dict[str, Page] = {}
        self._shown = ""
        self._entered: set[str] = set()
        self._keys = tuple(entry.key for entry in PAGES)
        self.content = pn.Column(sizing_mode="stretch_both")
        self.menu = pmui.MenuList(
            items=[{"label": e.label, "icon": e.icon} for e in PAGES],
            active=0,
            sizing_mode="stretch_width",
        )
        self.menu.param.watch(self._on_menu, "active")
        self.keyboard = Keyboard()
        self.keyboard.param.watch(lambda event: self.on_key(event.new[0]), "pressed")
        self.router = Router(self.session, self._keys)
        self.session.param.watch(lambda event: self.show(event.new), "page")
        self.session.param.watch(self._on_error, "error")
        self.view = self._build_view()
        self.start(search)

    def _build_view(self) -> pmui.Page:
        # Plain text: a folder may be called anything.
        stack_name = plain_text(
            pn.bind(_stack_line, self.session.param.folder, self.session.param.frames),
            {"color": "white"},
            align="center",
            margin=(0, 12),
        )
        self.activity = ActivityView()
        help_button = pmui.IconButton(
            icon="help_outline", description="Help for this page (?)", sx={"color": "white"}
        )
        help_button.on_click(lambda _event: self.open_help())
        self.hint = HintLine(self.session)
        self.theme = ThemeMemory()
        self.help_text = pn.pane.Markdown("", sizing_mode="stretch_width")
        self.help = pmui.Dialog(
            self.help_text, title="Help", close_on_click=True, show_close_button=True
        )
        view = pmui.Page(
            title="fibsem-dash",
            sidebar=[self.menu],
            sidebar_width=210,
            sidebar_open=True,
            sidebar_resizable=False,
            header=[
                pn.Row(
                    stack_name,
                    pn.Spacer(sizing_mode="stretch_width"),
                    self.activity,
                    help_button,
                    sizing_mode="stretch_width",
                )
            ],
            main=[
                *safety_notes(self.session.config),
                self.hint,
                self.content,
                self.help,
                self.router.bar,
                self.keyboard,
                self.theme,
                KeptStyles(),
            ],
            busy_indicator=None,
        )
        # Every callback would set the page's `busy` twice, and with each Panel walks through all
        # models of the page: half of the server's time. Pictures show their own work. A plain
        # False would leave the link to the state of the whole server, which would keep this page.
        with edit_readonly(view):
            view.busy = pn.rx(False)
        view.param.watch(lambda event: setattr(self.theme, "dark", event.new), "dark_theme")
        if wants_dark(pn.state.cookies):
            view.dark_theme = True
        return view

    def start(self, search: str) -> None:
        """Show what the address asks for."""
        self.router.apply(search)
        self.show(self.session.page)

    def show(self, key: str) -> None:
        """Show a page, building it at its first visit."""
        if key == self._shown or key not in self._keys:
            return
        if self._shown in self._entered:
            self._entered.discard(self._shown)
            self.pages[self._shown].on_leave()
        self._shown = key
        self.menu.active = self._keys.index(key)
        self.hint.show(key, "")
        in_turns(self._steps(key), lambda: self._shown == key)

    def _steps(self, key: str) -> Iterator[None]:
        """Build and show a page, in pieces between which the server answers others.

        The browser loads its scripts meanwhile, and the cards come one after the other.
        """
        try:
            page = self.pages.get(key)
            if page is None:
                self._put(None)
                yield
                page = self.pages[key] = PAGES[self._keys.index(key)].load()(self.session)
                yield
            self.hint.show(key, page.hint)
            self._put(page.layout)
            yield
            for _ in page.assemble():
                yield
            self._entered.add(key)
            page.on_enter()
        except Exception as error:
            log.exception("page %s failed", key)
            self.pages.pop(key, None)
            self._put(failed_page(error))

    def _put(self, view: Any) -> None:
        """Show a page's layout, or None, and hide those of other pages.

        They stay in the document: a page that is left out of it must be made and sent anew when
        somebody comes back to it, 0.5 s of the server's time in place of 0.01 s.
        """
        pages = [page.layout for page in self.pages.values()]
        kept = [shown for shown in self.content if any(shown is layout for layout in pages)]
        for layout in kept:
            layout.visible = layout is view
        if view is not None and not any(view is layout for layout in kept):
            kept.append(view)
        if [*map(id, kept)] != [*map(id, self.content)]:
            self.content[:] = kept

    def _on_menu(self, event: Any) -> None:
        index = event.new[0] if isinstance(event.new, (tuple, list)) else event.new
        if index is not None:
            self.session.page = self._keys[int(index)]

    def on_key(self, key: str) -> None:
        """React to a key: frame steps and help here, the rest on the page."""
        page = self.pages.get(self._shown)
        if key == "?":
            self.open_help()
        elif page is None:
            return
        elif key in FRAME_STEPS:
            page.step_frame(FRAME_STEPS[key])
        elif key in ("Home", "End"):
            page.step_frame(-page.n_frames if key == "Home" else page.n_frames)
        else:
            page.on_key(key)

    def open_help(self) -> None:
        """Show the help of the page."""
        page = self.pages.get(self._shown)
        text = page.help_text if page else ""
        self.help.title = page.title if page else "Help"
        self.help_text.object = f"{text}\n\n### Keys\n{KEY_HELP}"
        self.help.open = True

    def _on_error(self, event: Any) -> None:
        if not event.new or pn.state.notifications is None:
            return
        text = one_line(event.new)
        self.session.error = ""
        # What is said before the page is drawn would be lost.
        when_loaded(lambda: pn.state.notifications.error(text, duration=0))


def safety_notes(config: ServerConfig) -> list[Any]:
    """Return what is said on every page about a server that strangers can reach."""
    if not config.demo_only:
        return []
    return [
        pmui.Alert(
            object=plain(SAFELY), severity="warning", sizing_mode="stretch_width", margin=(4, 10)
        )
    ]


def when_loaded(action: Callable[[], Any]) -> None:
    """Run something once the browser has drawn the page; at once without a browser."""
    if in_session() and not pn.state.loaded:
        pn.state.onload(action)
    else:
        action()


def in_turns(steps: Iterator[None], wanted: Callable[[], bool]) -> None:
    """Run the pieces of some work, each in a turn of its own; at once without a browser.

    Parameters
    ----------
    steps : iterator
        Does one piece for each item; the first is done before this returns.
    wanted : callable
        Tells whether the work is still wanted; it is abandoned when not.
    """
    if not in_session():
        for _ in steps:
            pass
        return
    document = pn.state.curdoc

    def turn() -> None:
        if wanted() and next(steps, StopIteration) is not StopIteration:
            document.add_next_tick_callback(turn)

    turn()


def failed_page(error: BaseException) -> Any:
    """Return what is shown in place of a page that cannot be built."""
    return pn.Column(
        pmui.Alert(
            f"This page could not be shown: {plain(describe_error(error))}",
            severity="error",
            sizing_mode="stretch_width",
        ),
        margin=20,
        sizing_mode="stretch_width",
    )


def _stack_line(folder: str, frames: list[Any]) -> str:
    if not folder:
        return "no stack open"
    name = folder.rstrip("/\\").replace("\\", "/").rsplit("/", 1)[-1]
    return f"{one_line(name)}  ·  {len(frames)} frame{'s' if len(frames) != 1 else ''}"


def report_exception(error: BaseException) -> None:
    """Tell the user about an exception in a callback, and log it; the page stays alive."""
    log.error("a callback failed", exc_info=error)
    if pn.state.notifications is not None:
        pn.state.notifications.error(describe_error(error), duration=0)


def forget_views(context: Any) -> None:
    """Let go of what Panel keeps of a closed tab, with which all of its models would stay.

    Parameters
    ----------
    context : bokeh.application.application.SessionContext
        As handed to what `panel.state.on_session_destroyed` registers.
    """
    # Panel 1.9 forgets the roots that it serves, but not the area of the notifications.
    views, document = pn.state._views, context._document
    for key in [key for key, (_, _, owner, _) in views.items() if owner is document]:
        del views[key]


def serve_styles_from_here(document: Any) -> None:
    """Have style sheets come from this server from the first model on.

    Panel 1.9 says so only once the first page is sent; the sheets of models that are made before,
    while a page is still being built, may keep the address of a public server.

    Parameters
    ----------
    document : bokeh.document.Document
        That of the session which is being served.
    """
    document.template_variables.setdefault("dist_url", get_dist_path())


def build() -> Any:
    """Build the application for the session that Panel is serving."""
    pn.extension(*EXTENSIONS, notifications=True, exception_handler=report_exception)
    if in_session():
        serve_styles_from_here(pn.state.curdoc)
        pn.state.on_session_destroyed(forget_views)
        keep_early_changes(pn.state.curdoc)
        start_timers_when_loaded()
        keep_order()
        make_patches_light()
        make_models_light()
        make_documents_light()
        make_components_light()
    arguments = pn.state.session_args or {}
    search = "?" + urlencode({key: values[-1] for key, values in arguments.items() if values})
    shell = Shell(search=search)
    shell.activity.start()
    return shell.view
