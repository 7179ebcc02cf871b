"""The choice between light and dark outlives a reload: the browser keeps it in a cookie."""

from __future__ import annotations

from collections.abc import Mapping

import panel as pn
import param

COOKIE = "fibsem-dash-theme"
"""Name of the cookie; it holds "dark" or "light"."""


class ThemeMemory(pn.custom.JSComponent):
    """Writes the cookie when the theme changes."""

    dark = param.Boolean(False, doc="The page is dark")

    _esm = f"""
    export function render({{model}}) {{
      const remember = () => {{
        const theme = model.dark ? 'dark' : 'light'
        document.cookie = `{COOKIE}=${{theme}}; path=/; max-age=31536000; samesite=lax`
      }}
      model.on('dark', remember)
      const element = document.createElement('span')
      element.style.display = 'none'
      return element
    }}
    """


def wants_dark(cookies: Mapping[str, str] | None) -> bool:
    """Tell whether a browser asked for the dark theme before."""
    return (cookies or {}).get(COOKIE, "") == "dark"
