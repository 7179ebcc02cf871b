"""Keys of the whole page: frame steps, fit, contrast, help, history."""

from __future__ import annotations

import panel as pn
import param


class Keyboard(pn.custom.JSComponent):
    """Sends the keys that the dashboard knows to Python, unless the user types into a field."""

    pressed = param.List(["", 0], doc="Last key and a counter, so that repeats are seen")

    _esm = """
    const KNOWN = new Set(['ArrowLeft', 'ArrowRight', 'Home', 'End', ' ', 'f', 'c', 'b', '?'])
    export function render({model}) {
      let count = 0
      const typing = (event) => {
        const target = event.composedPath()[0]
        const tag = target && target.tagName
        return target && (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(tag)
          || ['slider', 'spinbutton', 'listbox', 'menu', 'tab'].includes(
            target.getAttribute && target.getAttribute('role')))
      }
      const onkey = (event) => {
        if (typing(event) || event.altKey || event.metaKey) return
        let key = event.key
        if (event.ctrlKey) {
          if (!['z', 'y', 'Enter'].includes(key)) return
          key = 'ctrl-' + key
        } else if (!KNOWN.has(key)) return
        const button = event.composedPath().some((e) => e.tagName === 'BUTTON')
        if (key === ' ' && button) return
        if (event.shiftKey && key.startsWith('Arrow')) key = 'shift-' + key
        event.preventDefault()
        count += 1
        model.pressed = [key, count]
      }
      // A button that was clicked with the mouse keeps the focus, and the space bar would press it
      // again instead of flickering. Who reaches a button with the tab key presses it with space.
      const onclick = (event) => {
        const button = event.composedPath().find((e) => e.tagName === 'BUTTON')
        const pointer = event.detail > 0
        if (button && pointer && !button.getAttribute('aria-haspopup')) button.blur()
      }
      window.addEventListener('keydown', onkey)
      window.addEventListener('click', onclick)
      model.on('remove', () => {
        window.removeEventListener('keydown', onkey)
        window.removeEventListener('click', onclick)
      })
      const element = document.createElement('span')
      element.style.display = 'none'
      return element
    }
    """


FRAME_STEPS = {"ArrowLeft": -1, "ArrowRight": 1, "shift-ArrowLeft": -10, "shift-ArrowRight": 10}
"""Keys that move the cursor by some frames."""

KEY_HELP = """
| key | does |
|---|---|
| ← → | previous, next frame (with shift: 10 frames) |
| Home, End | first, last frame |
| f | fit the view |
| c | automatic contrast |
| b | box tool |
| space | flicker between two images |
| ctrl-z, ctrl-y | undo, redo where there is a history |
| ctrl-Enter | start what the page is for, such as a run |
| ? | this help |
"""
"""Table of the keys, for the help of every page."""
