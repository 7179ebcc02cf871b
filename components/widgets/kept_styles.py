"""Style sheets that stay as they are are not written again."""

from __future__ import annotations

import panel as pn


class KeptStyles(pn.custom.JSComponent):
    """Has the browser leave style sheets of Bokeh alone whose text does not change.

    With each painting of a figure, Bokeh 3.9 writes the style sheets of its dozen panels anew,
    mostly the same text. After each of them the browser computes the styles of the whole page
    again as soon as one is asked for, which is what the next figure begins with: this took four
    times as long as the painting itself. The class of these sheets is not public: where it is
    another one, nothing is changed.
    """

    _esm = """
    export function render({view}) {
      const sheet = view._css_vars
      const kind = sheet && Object.getPrototypeOf(sheet)
      const write = kind && Object.hasOwn(kind, '_update') && kind._update
      if (write && !write.keepsSame && sheet.el instanceof HTMLStyleElement) {
        kind._update = function (css) {
          if (this.el.textContent !== css) write.call(this, css)
        }
        kind._update.keepsSame = true
      }
      const element = document.createElement('span')
      element.style.display = 'none'
      return element
    }
    """
