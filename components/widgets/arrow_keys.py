"""Arrow keys that move a picture while it is set by hand, in place of stepping frames."""

from __future__ import annotations

import panel as pn
import param


class ArrowKeys(pn.custom.JSComponent):
    """While active, arrow keys come here and nowhere else."""

    active = param.Boolean(False, doc="Take the arrow keys")
    pressed = param.List([0, 0, 0], doc="Steps to the right and down, and a counter")

    _esm = """
    const STEPS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}
    export function render({model}) {
      let count = 0
      const onkey = (event) => {
        const step = STEPS[event.key]
        const target = event.composedPath()[0]
        if (!model.active || !step || event.ctrlKey || event.altKey || event.metaKey) return
        if (target && ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName)) return
        event.preventDefault()
        event.stopImmediatePropagation()
        count += 1
        const size = event.shiftKey ? 1.0 : 0.1
        model.pressed = [step[0] * size, step[1] * size, count]
      }
      window.addEventListener('keydown', onkey, true)
      model.on('remove', () => window.removeEventListener('keydown', onkey, true))
      const element = document.createElement('span')
      element.style.display = 'none'
      return element
    }
    """
