"""One line on each page that says what to try there; once closed it does not return."""

from __future__ import annotations

from typing import Any

import panel as pn
import param

from components.session import Session


class HintBar(pn.custom.JSComponent):
    """The line itself; the browser remembers which of them were closed."""

    key = param.String("", doc="What the line is about: the key of a page")
    text = param.String("", doc="The line; nothing is shown while it is empty")
    closed = param.String("", doc="Key of the line that was closed last")

    _esm = """
    export function render({model}) {
      const NAME = 'fibsem-dash-hints-closed'
      const known = () => {
        try { return JSON.parse(window.localStorage.getItem(NAME)) || [] } catch { return [] }
      }
      const line = document.createElement('div')
      line.setAttribute('role', 'note')
      line.style.cssText = 'display: none; align-items: center; gap: 10px; margin: 4px 10px 0;' +
        'padding: 1px 4px 1px 12px; border-left: 4px solid #0072B2; border-radius: 3px;' +
        'background: rgba(0, 114, 178, 0.13); font: 14px/1.5 Roboto, sans-serif;' +
        'color: var(--mui-palette-text-primary, var(--panel-on-background-color, inherit))'
      const words = document.createElement('span')
      words.style.cssText = 'flex: 1; min-width: 0'
      const close = document.createElement('button')
      close.textContent = '×'
      close.title = 'Do not show this hint again'
      close.setAttribute('aria-label', 'Close the hint')
      close.style.cssText = 'background: none; border: 0; color: inherit; cursor: pointer;' +
        'font-size: 20px; line-height: 1; padding: 3px 9px; border-radius: 3px'
      line.append(words, close)
      const show = () => {
        words.textContent = model.text
        const visible = model.text && model.closed !== model.key && !known().includes(model.key)
        line.style.display = visible ? 'flex' : 'none'
      }
      close.addEventListener('click', () => {
        try {
          window.localStorage.setItem(NAME, JSON.stringify([...known(), model.key]))
        } catch { /* The session remembers it. */ }
        model.closed = model.key
        show()
      })
      model.on('text', show)
      model.on('key', show)
      show()
      return line
    }
    """


class HintLine(pn.viewable.Viewer):  # type: ignore[misc]
    """Shows the hint of a page until the user closes it.

    Parameters
    ----------
    session : Session
        Remembers what was closed where the browser may not.
    """

    def __init__(self, session: Session, **values: Any) -> None:
        super().__init__(**values)
        self.session = session
        self.bar = HintBar(sizing_mode="stretch_width", margin=0)
        self.bar.param.watch(lambda event: self.session.dismissed.add(event.new), "closed")

    def show(self, key: str, text: str) -> None:
        """Show the hint of a page; an empty text hides the line."""
        closed = key in self.session.dismissed
        self.bar.param.update(key=key, text="" if closed else text)

    def __panel__(self) -> Any:
        return self.bar
