"""The address bar and the session say the same, back and forward included."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode

import panel as pn
import param

from components.session import Session

PAGE_KEYS = ("page", "folder", "stack", "pattern", "frame", "box", "run", "runs", "volume", "at")
"""What an address holds; "stack" is another word for "folder"; "volume" is the stack of the
Stack page and "at" the voxel z,y,x where its planes cross."""

SEPARATOR = "|"
"""Between the paths of several runs."""

MOST_RUNS = 50
"""Most runs that an address may name."""


class AddressBar(pn.custom.JSComponent):
    """Writes the query part of the address; listens to back and forward.

    A new page is a new entry of the history. Values on a page replace the entry, a few times per
    second at most: browsers refuse more.
    """

    shown = param.List(["", False], doc="Query to be shown, and whether it is a new entry")
    popped = param.List(["", 0], doc="Query that back or forward led to, and a counter")

    _esm = """
    export function render({model}) {
      const WAIT_MS = 300
      let waiting = null, last = 0, count = 0
      const replace = () => {
        waiting = null
        last = Date.now()
        const search = model.shown[0]
        if (window.location.search !== search)
          history.replaceState({}, '', window.location.pathname + search)
      }
      const onpop = () => {
        clearTimeout(waiting)
        waiting = null
        count += 1
        model.popped = [window.location.search, count]
      }
      const onshown = () => {
        const [search, fresh] = model.shown
        if (fresh) {
          clearTimeout(waiting)
          waiting = null
          if (window.location.search !== search)
            history.pushState({}, '', window.location.pathname + search)
        } else if (waiting === null) {
          waiting = setTimeout(replace, Math.max(0, WAIT_MS - (Date.now() - last)))
        }
      }
      window.addEventListener('popstate', onpop)
      model.on('shown', onshown)
      if (model.shown[0]) onshown()
      model.on('remove', () => {
        clearTimeout(waiting)
        window.removeEventListener('popstate', onpop)
      })
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
    if session.compared and session.page == "quality":
        values["runs"] = SEPARATOR.join(session.compared)
    if session.stack_file:
        values["volume"] = session.stack_file
        if min(session.stack_position) >= 0:
            values["at"] = ",".join(map(str, session.stack_position))
    return "?" + urlencode(values)


def read_query(search: str, pages: tuple[str, ...]) -> tuple[dict[str, object], list[str]]:
    """Return the valid parts of a query by session parameter, and what is wrong with the others.

    Parameters
    ----------
    search : str
        Query part of an address, with or without its question mark.
    pages : tuple of str
        Keys of the pages.
    """
    raw = {k: v[-1] for k, v in parse_qs(search.lstrip("?")).items() if k in PAGE_KEYS}
    values: dict[str, object] = {}
    problems = []
    if raw.get("page") in pages:
        values["page"] = raw["page"]
    elif "page" in raw:
        problems.append(f"there is no page '{raw['page'][:40]}', only {', '.join(pages)}")
    for key, name in (("stack", "folder"), ("folder", "folder"), ("pattern", "pattern"),
                      ("run", "run_folder"), ("volume", "stack_file")):  # fmt: skip
        if key in raw and len(raw[key]) < 4096:
            values[name] = raw[key]
        elif key in raw:
            problems.append(f"{key} is too long")
    runs = raw.get("runs", "").split(SEPARATOR)
    if len(runs) <= MOST_RUNS and all(len(path) < 4096 for path in runs):
        values |= {"compared": [path for path in runs if path]} if any(runs) else {}
    else:
        problems.append("runs names too much")
    frame = raw.get("frame", "")
    if frame.isascii() and frame.isdecimal() and len(frame) < 8:
        values["frame"] = int(frame)
    elif "frame" in raw:
        problems.append(f"frame '{frame[:20]}' is not a number from 0 on")
    box = raw.get("box", "").split(",")
    if len(box) == 4 and all(p.isascii() and p.isdecimal() and len(p) < 7 for p in box):
        values["box"] = tuple(map(int, box))
    elif "box" in raw:
        problems.append(f"box '{raw['box'][:40]}' is not top,height,left,width in px")
    place = raw.get("at", "").split(",")
    if len(place) == 3 and all(p.isascii() and p.isdecimal() and len(p) < 8 for p in place):
        values["stack_position"] = tuple(map(int, place))
    elif "at" in raw:
        problems.append(f"at '{raw['at'][:40]}' is not z,y,x in voxels")
    return values, problems


def parse_query(search: str, pages: tuple[str, ...]) -> dict[str, object]:
    """Return the valid parts of a query by session parameter; what makes no sense is left out."""
    return read_query(search, pages)[0]


class Router:
    """Keeps address and session equal.

    Parameters
    ----------
    session : Session
        State of the tab.
    pages : tuple of str
        Names of the pages.
    """

    def __init__(self, session: Session, pages: tuple[str, ...]) -> None:
        self.session, self.pages = session, pages
        self.bar = AddressBar()
        self._applying = False
        self._page = session.page
        session.param.watch(
            self._to_address,
            [
                "page",
                "folder",
                "pattern",
                "frame",
                "box",
                "run_folder",
                "compared",
                "stack_file",
                "stack_position",
            ],
        )
        self.bar.param.watch(lambda event: self.apply(event.new[0]), "popped")

    def apply(self, search: str) -> None:
        """Bring the session to the state of an address; tell what makes no sense in it."""
        if self._applying or search == query_of(self.session):
            return
        values, problems = read_query(search, self.pages)
        folder, run = str(values.pop("folder", "")), str(values.pop("run_folder", ""))
        if folder:
            # A pattern belongs to its folder: that of the folder before is not kept.
            values.setdefault("pattern", "")
        self._applying = True
        try:
            self.session.param.update(**values)
            self._page = self.session.page
            if run and run != self.session.run_folder:
                self.session.open_run(run, otherwise=folder)
            elif folder and folder != self.session.folder:
                self.session.open_folder(folder)
        finally:
            self._applying = False
        if problems:
            self.session.error = f"The address was not understood: {'; '.join(problems)}."

    def _to_address(self, *_events: object) -> None:
        if not self._applying:
            fresh = self.session.page != self._page
            self._page = self.session.page
            self.bar.shown = [query_of(self.session), fresh]
