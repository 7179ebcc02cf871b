"""The script and the fonts that widgets share in a notebook, so that each lies in it once."""

from __future__ import annotations

import base64
import inspect
import json
import re
from pathlib import Path
from typing import Any

import panel_material_ui as pmui
from panel_material_ui.base import MaterialComponent
from param.parameterized import descendents

LONGEST_SCRIPT = 100_000
"""Scripts of single components are shorter, that of all widgets is longer; characters."""

FONTS = ("material-icons", "roboto-latin-400", "roboto-latin-700")
"""Files of fonts that a notebook gets."""

_HAND_OVER = """
while (!globalThis.fibsem_dash_widgets) await new Promise((go) => setTimeout(go, 50));
const widgets = await importShim(globalThis.fibsem_dash_widgets);
export default widgets.default;
"""
"""Stands for the script of all widgets where it lies in the notebook already, maybe further on."""


def shared_assets() -> list[dict[str, str]]:
    """Return what the output of one cell must hold, by kind, and let widgets rely on it."""
    text = json.dumps(_share_script()).replace("</", "<\\/")
    blob = f'new Blob([{text}], {{type: "text/javascript"}})'
    script = f"globalThis.fibsem_dash_widgets = URL.createObjectURL({blob});"
    return [{"application/javascript": script}, {"text/html": _share_fonts()}]


def _share_script() -> str:
    """Let widgets share one copy of their script, 1 MB, and return it.

    Panel would put a copy into the output of a cell for each of the widgets in it.
    """
    original = vars(MaterialComponent)["_render_esm"].__func__
    original = getattr(original, "original", original)

    def render(cls: Any, compiled: Any = True, server: bool = False) -> Any:
        text = original(cls, compiled, server)
        is_shared = not server and isinstance(text, str) and len(text) > LONGEST_SCRIPT
        return _HAND_OVER if is_shared else text

    render.original = original  # type: ignore[attr-defined]
    MaterialComponent._render_esm = classmethod(render)
    return str(original(pmui.Button))


def _share_fonts() -> str:
    """Return fonts of text and icons as a style; give the widgets the rules of their icons."""
    folder = Path(inspect.getfile(MaterialComponent)).parent / "dist"
    rules = (folder / "panel-material-ui.bundle.css").read_text(encoding="utf-8")
    icons = "".join(re.findall(r"\.material-icons[^{]*\{[^}]*\}", rules))
    for kind in [MaterialComponent, *descendents(MaterialComponent)]:
        if icons not in kind._stylesheets:
            kind._stylesheets = [*kind._stylesheets, icons]
    faces = []
    for face in re.findall(r"@font-face\{[^}]*\}", rules):
        name = re.search(r"url\(\"\./([^\"]+\.woff2)\"\)", face)
        if name and name[1].startswith(FONTS):
            content = base64.b64encode((folder / name[1]).read_bytes()).decode("ascii")
            source = f"src:url(data:font/woff2;base64,{content})"
            faces.append(re.sub(r"src:[^;}]*", source, face))
    return f"<style>{''.join(faces)}</style>"
