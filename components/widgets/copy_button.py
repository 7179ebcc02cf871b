"""A button that copies text: works on every address, also without https."""

from __future__ import annotations

import panel as pn
import param


class CopyBridge(pn.custom.JSComponent):
    """Puts its text on the clipboard of the browser whenever `count` grows."""

    text = param.String("")
    count = param.Integer(0)

    _esm = """
    export function render({model}) {
      model.on('count', () => {
        const fallback = () => {
          const area = document.createElement('textarea')
          area.value = model.text
          area.style.position = 'fixed'
          area.style.opacity = '0'
          document.body.appendChild(area)
          area.select()
          document.execCommand('copy')
          area.remove()
        }
        if (navigator.clipboard && window.isSecureContext)
          navigator.clipboard.writeText(model.text).catch(fallback)
        else fallback()
      })
      const element = document.createElement('span')
      element.style.display = 'none'
      return element
    }
    """

    def copy(self, text: str) -> None:
        """Put a text on the clipboard."""
        self.param.update(text=text)
        self.count += 1
