"""A button that copies text: works on every address, also without https."""

from __future__ import annotations

import panel as pn
import param

STYLE = """
:host { position: relative; width: 0; z-index: 2; }
.said { position: absolute; right: 0; top: 2px; height: 32px; min-width: 135px;
  display: flex; align-items: center; justify-content: center; white-space: nowrap;
  font: 500 13px Roboto, sans-serif; border-radius: 4px;
  color: var(--mui-palette-success-main, #2e7d32);
  background: var(--mui-palette-background-paper, #fff); }
.said[hidden] { display: none; }
"""
"""Over the button left of it, so that nothing else is hidden and nothing moves."""


class CopyBridge(pn.custom.JSComponent):
    """Puts its text on the clipboard of the browser whenever `count` grows."""

    text = param.String("")
    count = param.Integer(0)
    tells = param.Boolean(
        False, doc="Say for two seconds whether it worked, over the button left of it"
    )

    _esm = """
    export function render({model, el}) {
      const element = document.createElement('span')
      element.className = 'said'
      element.setAttribute('role', 'status')
      element.hidden = true
      let timer = 0
      const say = done => {
        if (!model.tells) return
        element.textContent = done ? '✓ Copied' : 'Not copied'
        element.title = model.text
        element.hidden = false
        clearTimeout(timer)
        timer = setTimeout(() => { element.hidden = true }, 2000)
      }
      model.on('count', () => {
        const fallback = () => {
          const area = document.createElement('textarea')
          area.value = model.text
          area.style.position = 'fixed'
          area.style.opacity = '0'
          document.body.appendChild(area)
          area.select()
          const done = document.execCommand('copy')
          area.remove()
          say(done)
        }
        if (navigator.clipboard && window.isSecureContext)
          navigator.clipboard.writeText(model.text).then(() => say(true), fallback)
        else fallback()
      })
      return element
    }
    """

    def __init__(self, **values: object) -> None:
        super().__init__(stylesheets=[STYLE], margin=0, **values)

    def copy(self, text: str) -> None:
        """Put a text on the clipboard."""
        self.param.update(text=text)
        self.count += 1
