"""Saves a file that took some work to make: no second click when it is ready."""

from __future__ import annotations

import base64

import panel as pn
import param


class SaveBridge(pn.custom.JSComponent):
    """Has the browser save bytes under a name."""

    payload = param.List(["", "", "", 0], doc="File name, type, content in base64, counter")

    _esm = """
    export function render({model}) {
      model.on('payload', () => {
        const [name, type, content] = model.payload
        if (!name) return
        const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0))
        const link = document.createElement('a')
        link.href = URL.createObjectURL(new Blob([bytes], {type}))
        link.download = name
        link.click()
        setTimeout(() => URL.revokeObjectURL(link.href), 10000)
        model.payload = ['', '', '', model.payload[3]]
      })
      const element = document.createElement('span')
      element.style.display = 'none'
      return element
    }
    """

    def save(self, name: str, content: bytes, kind: str = "application/octet-stream") -> None:
        """Save a file on the user's machine.

        Parameters
        ----------
        name : str
            File name; no separators.
        content : bytes
            What it holds.
        kind : str
            Its media type.
        """
        encoded = base64.b64encode(content).decode("ascii")
        self.payload = [name, kind, encoded, self.payload[3] + 1]
