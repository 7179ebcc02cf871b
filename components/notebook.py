"""Pages and settings in notebooks: they show themselves as the last line of a cell.

    from components import notebook

    notebook.load()
    notebook.open_page("header", "/data/stack")

Everything comes from the kernel: no other host is asked. A page works as in the dashboard, but its
work is done at once, and wheel and pan of a picture enlarge the pixels that were sent.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from weakref import WeakSet

import panel as pn
from panel.io.notebook import push

from components.config import ServerConfig
from components.notebook_assets import shared_assets
from components.pages import PAGES
from components.pages.base import Page
from components.reading import Request
from components.session import Session
from components.shell import EXTENSIONS
from components.widgets.settings_form import settings_card
from fibsem_dash.compute.notebook import in_notebook
from fibsem_dash.errors import ParameterError
from fibsem_dash.params import RunParams, SettingsParams

PAGE_HEIGHT = 760
"""Height of a page in the output of a cell, px."""

PUSH_EVERY_S = 0.1
"""Time between two looks for changes of figures, which Panel does not send by itself, s."""

_tasks: set[asyncio.Task[None]] = set()
_entered: WeakSet[Page] = WeakSet()


def load() -> None:
    """Load what pages need into a notebook, and let the settings models show their forms.

    Call it once, at the top: the scripts lie in the output of its cell, so that a saved notebook
    shows its pages without a kernel and without a network.
    """
    pn.extension(*EXTENSIONS, inline=True)
    if not in_notebook():
        return
    from IPython import get_ipython
    from IPython.display import display

    for bundle in shared_assets():
        display(bundle, raw=True)
    formatter = get_ipython().display_formatter.mimebundle_formatter
    for model in (SettingsParams, RunParams):
        formatter.for_type(model, _form_bundle)


def open_page(
    key: str,
    folder: str | Path = "",
    *,
    run: str | Path = "",
    frame: int = 0,
    pattern: str = "",
    run_root: str | Path = "fibsem-runs",
) -> Page:
    """Open a page of the dashboard on a folder of frames.

    Parameters
    ----------
    key : str
        "data", "header", "range", "sift", "registration", "quality" or "stack", as in the address
        of the dashboard.
    folder : path-like
        Folder of the raw frames; nothing is written there.
    run : path-like
        Run folder that is opened, too.
    frame : int
        Frame under the cursor, from 0.
    pattern : str
        Of the file names; empty takes ``*.dat``, else ``*.tif``.
    run_root : path-like
        Folder below which new runs are written.

    Returns
    -------
    Page
        Shows itself as the last line of a cell; its ``session`` holds the open stack and the
        settings.

    Raises
    ------
    ParameterError
        No such page.
    FibsemDashError
        The folder cannot be opened.
    """
    entry = next((e for e in PAGES if e.key == key), None)
    if entry is None:
        known = ", ".join(e.key for e in PAGES)
        raise ParameterError("There is no such page", expected=known, found=key)
    roots = tuple(Path(p).expanduser().resolve() for p in (folder, run) if str(p)) or (Path.cwd(),)
    session = Session(ServerConfig(roots, Path(run_root).expanduser().resolve()), frame=frame)
    session.page, session.pattern = key, pattern
    if str(folder):
        session.reader.read(Request(str(roots[0]), pattern, keep_frame=True))
    if str(run):
        session.open_run(str(roots[-1]))
    if session.reader.error or session.error:
        raise ParameterError(session.reader.error or session.error, path=folder or run)
    page = entry.load()(session)
    _enter(page)
    return page


def _enter(page: Page) -> Any:
    """Bring a page up to date as the dashboard does when it is shown first; return its layout."""
    layout = page.__panel__()
    if page not in _entered:
        _entered.add(page)
        page.on_enter()
    return layout


def settings_form(model: SettingsParams | RunParams) -> Any:
    """Return the form of one group of settings, or of all groups, linked with the model."""
    if isinstance(model, RunParams):
        groups = model.groups.items()
        return pn.Column(*(settings_card(n, g, collapsed=True) for n, g in groups))
    return settings_card(type(model).__name__.removesuffix("Params"), model)


def _form_bundle(model: Any, include: Any = None, exclude: Any = None) -> Any:
    return settings_form(model)._repr_mimebundle_(include, exclude)


def page_bundle(page: Page, include: Any = None, exclude: Any = None) -> Any:
    """Return what a notebook shows of a page, and keep its figures up to date from now on."""
    layout = _enter(page)
    layout.param.update(sizing_mode="stretch_width", height=PAGE_HEIGHT)
    bundle = layout._repr_mimebundle_(include, exclude)
    try:
        task = asyncio.get_running_loop().create_task(_keep_pushing(layout))
    except RuntimeError:
        return bundle
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return bundle


async def _keep_pushing(layout: Any) -> None:
    """Send changes of figures and their data for as long as a view of the layout is there."""
    views = pn.state._views
    while shown := [views[ref] for ref in layout._models if ref in views]:
        for _, _, document, comm in shown:
            if document.callbacks._held_events:
                push(document, comm)
        await asyncio.sleep(PUSH_EVERY_S)
