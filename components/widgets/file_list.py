"""Paths of files with their sizes, each with a button that copies it."""

from __future__ import annotations

import panel as pn
import param


class FileList(pn.custom.JSComponent):
    """Rows of paths; set as text, so nothing in a name is ever read as HTML."""

    files = param.List([], doc="[path, size in words] of each file")

    _esm = """
    export function render({model}) {
      const box = document.createElement('div')
      const copy = (text) => {
        const fallback = () => {
          const area = document.createElement('textarea')
          area.value = text
          area.style.position = 'fixed'
          area.style.opacity = '0'
          document.body.appendChild(area)
          area.select()
          document.execCommand('copy')
          area.remove()
        }
        if (navigator.clipboard && window.isSecureContext)
          navigator.clipboard.writeText(text).catch(fallback)
        else fallback()
      }
      const paint = () => box.replaceChildren(...model.files.map(([path, size]) => {
        const row = document.createElement('div')
        row.className = 'row'
        const button = document.createElement('button')
        button.textContent = 'Copy'
        button.setAttribute('aria-label', 'Copy the path ' + path)
        button.onclick = () => {
          copy(path)
          button.textContent = 'Copied'
          setTimeout(() => { button.textContent = 'Copy' }, 1500)
        }
        const name = document.createElement('span')
        name.className = 'name'
        name.textContent = path
        name.title = path
        const amount = document.createElement('span')
        amount.className = 'size'
        amount.textContent = size
        row.append(button, name, amount)
        return row
      }))
      model.on('files', paint)
      paint()
      return box
    }
    """

    _stylesheets = [  # noqa: RUF012 - as Panel declares it
        """
    :host { display: block; }
    .row { display: flex; align-items: center; gap: 10px; height: 28px;
      font: 13px Roboto, sans-serif; color: var(--mui-palette-text-primary, inherit); }
    .name { flex: 1; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
      direction: rtl; text-align: left; unicode-bidi: plaintext; }
    .size { opacity: .75; font-variant-numeric: tabular-nums; }
    button { width: 62px; flex: none; font: 12px Roboto, sans-serif; padding: 2px 6px;
      border-radius: 4px; background: none; cursor: pointer;
      color: var(--mui-palette-primary-main, inherit);
      border: 1px solid color-mix(in srgb, currentColor 50%, transparent); }
    button:hover { background: color-mix(in srgb, currentColor 12%, transparent); }
    """
    ]
