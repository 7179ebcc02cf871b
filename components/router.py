"""The address bar and the session say the same, back and forward included."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode

import panel as pn
import param

from components.session import Session

PAGE_KEYS = ("page", "folder", "pattern", "frame", "box", "run")
"""What an address holds."""


class AddressBar(pn.custom.JSComponent):
    """Mirror of the query part of the address; listens to back and forward."""

    search = param.String("")

    _esm = """
    export function render({model}) {
      const onpop = () => { model.search = window.location.search }
      window.addEventListener('popstate', onpop)
      model.on('search', () => {
        if (window.location.search !== model.search)
          history.pushState({}, '', window.location.pathname + model.search)
      })
      model.on('remove', () => window.removeEventListener('popstate', onpop))
      const element = document.createElement('span')
      element.style.display = 'none'
      return element
    }
    """


def query_of(session: Session) -> str:
    """Return the query of an address that opens the same view, with its question mark."""
    values = {"page": session.page}
    if session.folder:
        values |= {"folder": session.folder, "frame": str(session.frame)}
    if session.pattern:
        values["pattern"] = session.pattern
    if any(session.box):
        values["box"] = ",".join(map(str, session.box))
    if session.run_folder:
        values["run"] = session.run_folder
    return "?" + urlencode(values)


def parse_query(search: str, pages: tuple[str, ...]) -> dict[str, object]:
    """Return the valid parts of a query by session parameter; what makes no sense is left out."""
    raw = {k: v[-1] for k, v in parse_qs(search.lstrip("?")).items() if k in PAGE_KEYS}
    values: dict[str, object] = {}
    if raw.get("page") in pages:
        values["page"] = raw["page"]
    for key, name in (("folder", "folder"), ("pattern", "pattern"), ("run", "run_folder")):
        if key in raw and len(raw[key]) < 4096:
            values[name] = raw[key]
    if raw.get("frame", "").isdecimal() and len(raw["frame"]) < 8:
        values["frame"] = int(raw["frame"])
    box = raw.get("box", "").split(",")
    if len(box) == 4 and all(part.isdecimal() and len(part) < 7 for part in box):
        values["box"] = tuple(map(int, box))
    return values


class Router:
    """Keeps address and session equal.

    Parameters
    ----------
    session : Session
        State of the tab.
    pages : tuple of str
        Names of the pages.
    open_folder : callable
        Told the folder of an address that was opened.
    """

    def __init__(self, session: Session, pages: tuple[str, ...], open_folder: object) -> None:
        self.session, self.pages = session, pages
        self.open_folder = open_folder
        self.bar = AddressBar()
        self._applying = False
        session.param.watch(
            self._to_address, ["page", "folder", "pattern", "frame", "box", "run_folder"]
        )
        self.bar.param.watch(lambda event: self.apply(event.new), "search")

    def apply(self, search: str) -> None:
        """Bring the session to the state of an address."""
        if self._applying or search == query_of(self.session):
            return
        values = parse_query(search, self.pages)
        folder = values.pop("folder", None)
        if folder:
            # A pattern belongs to its folder: that of the folder before is not kept.
            values.setdefault("pattern", "")
        self._applying = True
        try:
            self.session.param.update(**values)
            if folder and folder != self.session.folder:
                self.open_folder(str(folder))  # type: ignore[operator]
        finally:
            self._applying = False

    def _to_address(self, *_events: object) -> None:
        if not self._applying:
            self.bar.search = query_of(self.session)
