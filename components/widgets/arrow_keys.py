"""Keys that move and turn a picture while it is set by hand; arrows do not step frames then."""

from __future__ import annotations

import panel as pn
import param


class ArrowKeys(pn.custom.JSComponent):
    """While active, arrow keys, q and e come here and nowhere else."""

    active = param.Boolean(False, doc="Take the keys")
    pressed = param.List(
        [0, 0, 0, 0], doc="Steps to the right and down, px; turns, degrees; and a counter"
    )

    _esm = """
    const STEPS = {
      ArrowLeft: [-0.1, 0, 0], ArrowRight: [0.1, 0, 0], ArrowUp: [0, -0.1, 0],
      ArrowDown: [0, 0.1, 0], q: [0, 0, -0.02], e: [0, 0, 0.02],
    }
    export function render({model}) {
      let count = 0
      const onkey = (event) => {
        const step = STEPS[event.key.length > 1 ? event.key : event.key.toLowerCase()]
        const target = event.composedPath()[0]
        if (!model.active || !step || event.ctrlKey || event.altKey || event.metaKey) return
        if (target && ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName)) return
        event.preventDefault()
        event.stopImmediatePropagation()
        count += 1
        const size = event.shiftKey ? 10 : 1
        model.pressed = [...step.map((part) => part * size), count]
      }
      window.addEventListener('keydown', onkey, true)
      model.on('remove', () => window.removeEventListener('keydown', onkey, true))
      const element = document.createElement('span')
      element.style.display = 'none'
      return element
    }
    """
