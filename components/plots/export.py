"""Buttons in the toolbar of a figure: save it as PNG or SVG, and its data as CSV."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

from bokeh.models import CustomAction, CustomJS, Plot, SaveTool

_SAVE = """
const save = (blob, name) => {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10000)
}
"""

# Bokeh draws the figure once more, into vectors instead of pixels.
_SVG = (
    _SAVE
    + """
const view = Bokeh.index.find_one(plot)
if (view != null)
  view.export('svg', false).to_blob().then((blob) => save(blob, tool.tags[0] + '.svg'))
"""
)

# Columns of all sources beside each other; an image is written as its rows of pixels. Text that a
# spreadsheet would take for a formula gets an apostrophe, as in fibsem_dash.io.tables.
_CSV = (
    _SAVE
    + r"""
const cell = (value) => {
  if (value == null || Number.isNaN(value)) return ''
  let text = String(value)
  if (typeof value === 'string' && /^'*[=+\-@\t\r]/.test(text)) text = "'" + text
  return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text
}
// A mapping comes as an object or as a Map.
const entries = (mapping) => mapping instanceof Map ? [...mapping] : Object.entries(mapping)
const names = Object.fromEntries(entries(titles))
const columns = [], images = []
const sources = new Set()
for (const renderer of plot.renderers) {
  const source = renderer.data_source
  if (source == null || sources.has(source)) continue
  if (wanted.length > 0 && !wanted.includes(source)) continue
  sources.add(source)
  for (const [name, values] of entries(source.data)) {
    if (unwanted.includes(name) || values.length === 0) continue
    if (values[0] != null && values[0].shape != null && values[0].shape.length === 2)
      images.push(values[0])
    else if (typeof values[0] !== 'object' || values[0] === null)
      columns.push([source.name, names[name] ?? name, values])
  }
}
const lines = []
if (images.length > 0) {
  for (const image of images) {
    const [height, width] = image.shape
    for (let y = 0; y < height; y++)
      lines.push(Array.from(image.slice(y * width, (y + 1) * width), cell).join(','))
  }
} else {
  const count = {}
  for (const [_source, title] of columns) count[title] = (count[title] ?? 0) + 1
  lines.push(columns.map(([source, title]) =>
    cell(count[title] > 1 && source ? `${source} ${title}` : title)).join(','))
  const length = Math.max(0, ...columns.map((column) => column[2].length))
  for (let i = 0; i < length; i++)
    lines.push(columns.map((c) => i < c[2].length ? cell(c[2][i]) : '').join(','))
}
save(new Blob([lines.join('\n') + '\n'], {type: 'text/csv'}), tool.tags[0] + '.csv')
"""
)

UNWANTED = ("colour", "color", "marker", "size", "angle", "base", "bottom")
"""Columns that say how something is drawn, not what was found."""


def icon(text: str) -> str:
    """Return a few letters as the icon of a tool."""
    # Mid grey reads on the light and on the dark page.
    picture = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><text x="12" y="16" '
        'text-anchor="middle" font-family="Arial, sans-serif" font-size="10.5" '
        f'font-weight="bold" fill="#858585">{text}</text></svg>'
    )
    return "data:image/svg+xml;base64," + base64.b64encode(picture.encode()).decode()


def safe_name(text: str) -> str:
    """Return a file name without suffix that every system accepts."""
    return re.sub(r"[^\w.-]+", "_", text).strip("._")[:120] or "figure"


def add_export(
    plot: Any,
    name: str,
    titles: Mapping[str, str] | None = None,
    data: bool = True,
    sources: Sequence[Any] = (),
) -> Any:
    """Let the user save a figure as PNG and SVG, and what it draws as CSV.

    Everything happens in the browser, so it works offline and shows what is on the screen.

    Parameters
    ----------
    plot : bokeh figure
        Its toolbar gets the buttons; a save button that is there gets the file name.
    name : str
        File name without suffix.
    titles : mapping of str to str, optional
        Headings, with units, for the columns of the sources.
    data : bool
        Offer CSV; images of frames have better forms.
    sources : sequence of ColumnDataSource
        Those whose data are saved; without any, all that the figure draws. Columns that only say
        how something is drawn are left out.

    Returns
    -------
    bokeh figure
        The same.
    """
    save = plot.select_one(SaveTool)
    if save is None:
        save = SaveTool()
        plot.add_tools(save)
    save.description = "Save as PNG"
    kinds = [("SVG", "Save as SVG", _SVG)]
    if data:
        kinds.append(("CSV", "Save the data as CSV", _CSV))
    for kind, text, code in kinds:
        tool = CustomAction(description=text, icon=icon(kind), name="export")
        tool.callback = CustomJS(
            args={
                "plot": plot, "tool": tool, "titles": dict(titles or {}),
                "unwanted": list(UNWANTED), "wanted": list(sources),
            },
            code=code,
        )  # fmt: skip
        plot.add_tools(tool)
    name_export(plot, name)
    return plot


def name_export(plot: Any, name: str) -> None:
    """Give the files of a figure another name, for example that of the frame."""
    name = safe_name(name)
    plot.select_one(SaveTool).filename = name
    for tool in plot.select({"type": CustomAction, "name": "export"}):
        tool.tags = [name]


def name_figures(figures: Any, prefix: str) -> None:
    """Put a text, for example the name of the frame, in front of the names of all files."""
    for plot in figures.references():
        if isinstance(plot, Plot) and (save := plot.select_one(SaveTool)) is not None:
            name_export(plot, f"{prefix} {save.filename}")
