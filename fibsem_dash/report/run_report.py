"""report.html of a run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fibsem_dash.errors import FibsemDashError
from fibsem_dash.io.atomic import write_text
from fibsem_dash.quality import Gate, GateResult, check_gates, summarise
from fibsem_dash.report.images import stack_pictures
from fibsem_dash.report.markup import (
    Cell,
    Section,
    details,
    empty,
    facts,
    number,
    paragraph,
    table,
    tiles,
)
from fibsem_dash.report.page import render_page
from fibsem_dash.report.plots import PlotGroup
from fibsem_dash.report.quality_section import (
    gates_html,
    quality_html,
    quality_plots,
    statistics_table,
)
from fibsem_dash.report.run_facts import RunFacts, read_run
from fibsem_dash.report.telemetry_section import telemetry_section, transformation_section
from fibsem_dash.units import format_bytes, format_duration

NAME = "report.html"
"""File name of the report in its run folder."""


def write_run_report(
    run_folder: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    gates: Sequence[Gate] = (),
) -> tuple[Path, tuple[GateResult, ...]]:
    """Write the report of a run: one HTML file that works without a network.

    Parameters
    ----------
    run_folder : path-like
        A run folder, also of a run that was stopped.
    out : path-like, optional
        File to write; report.html in the run folder by default.
    gates : sequence of Gate, optional
        From `fibsem_dash.quality.read_gates`.

    Returns
    -------
    path : Path
        The report.
    results : tuple of GateResult
        What became of the gates.

    Raises
    ------
    FibsemDashError
        When the folder is no run folder, or the report cannot be written.
    """
    run = read_run(run_folder)
    told = summarise(run.quality) if run.quality else {}
    results = check_gates(gates, run.folder.name, told, run.gate_facts)
    quality, groups = _quality_section(run)
    transforms, transform_groups = transformation_section(run)
    telemetry, telemetry_groups = telemetry_section(run)
    sections = [Section("summary", "", _summary(run, results))]
    if results:
        sections.append(Section("gates", "Gates", gates_html(results)))
    sections += [
        Section("problems", "Problems", _problems(run)),
        Section("images", "Images", _images(run)),
        quality,
        transforms,
        telemetry,
        Section("settings", "Settings", _settings(run)),
        Section("files", "Inputs", _files(run)),
    ]
    groups = [*groups, *transform_groups, *telemetry_groups]
    data = {"groups": [group.data() for group in groups], "inputs": _inputs(run)}
    path = Path(out) if out is not None else run.folder / NAME
    finished = run.record.get("finished") or run.record.get("created") or ""
    subtitle = f"Registration of {len(run.record.get('input') or [])} frames, {_time(finished)}"
    write_text(path, render_page(run.folder.name, subtitle, sections, data))
    return path, results


def _time(text: object) -> str:
    return str(text).replace("T", " ").replace("+00:00", " UTC")


def _summary(run: RunFacts, results: Sequence[GateResult]) -> str:
    items = []
    state = str(run.record.get("state") or "unknown")
    items.append(("State", state, "good" if state == "done" else "bad"))
    if run.frames is not None:
        used = len(run.frames) - len(run.excluded)
        items.append(("Frames used", f"{used} of {len(run.frames)}", ""))
        items.append(("Frames left out", str(len(run.excluded)), "bad" if run.excluded else "good"))
    if run.pairs is not None:
        items.append(("Failed pairs", str(len(run.failed)), "bad" if run.failed else "good"))
    if run.quality is not None:
        for name, item in summarise(run.quality).items():
            if name in ("NSAD", "NCC", "NMI", "FSC", "SNR"):
                items.append((f"Median {name}", number(item.median), ""))
    if results:
        n_failed = sum(not r.passed for r in results)
        items.append(
            ("Gates", f"{n_failed} failed" if n_failed else "passed", "bad" if n_failed else "good")
        )
    seconds = [s.get("seconds") for s in _stages(run).values() if isinstance(s, dict)]
    total = sum(s for s in seconds if isinstance(s, int | float))
    items.append(("Computing time", format_duration(total), ""))
    return tiles(items)


def _stages(run: RunFacts) -> dict[str, Any]:
    stages = run.record.get("stages")
    return stages if isinstance(stages, dict) else {}


def _problems(run: RunFacts) -> str:
    html = ""
    for name, found in (("Failed pairs", run.failed), ("Frames left out", run.excluded)):
        if found:
            rows = [[Cell(f, "num"), Cell(n, "text"), Cell(r, "text")] for f, n, r in found]
            html += f"<h3>{name}</h3>" + table(["Frame", "File", "Reason"], rows, tall=True)
    messages = run.record.get("messages") or []
    if messages:
        lines = "".join(paragraph(str(text)) for text in messages[:500])
        html += details(f"Messages of the run ({len(messages)})", lines, opened=not html)
    return html or empty("No frame was left out and no pair failed.")


def _images(run: RunFacts) -> str:
    path = run.stack_path
    if path is None:
        return empty("The run has not written its stack.")
    box = None
    if run.quality is not None and len(run.quality):
        box = run.quality.box_at(int(run.quality.frames[len(run.quality) // 2]))
    try:
        pictures = stack_pictures(path, box)
    except FibsemDashError as error:
        return empty(f"The stack cannot be shown: {error.one_line()}.")
    files = path.rglob("*") if path.is_dir() else [path]
    size = format_bytes(sum(file.stat().st_size for file in files if file.is_file()))
    return pictures + paragraph(f"{path.name}, {size}. The frame is the evaluation box.", "soft")


def _quality_section(run: RunFacts) -> tuple[Section, list[PlotGroup]]:
    if run.quality is None:
        return Section("quality", "Quality", empty("The run has not measured its stack.")), []
    # The label of the run would be the only entry of the legend.
    item = run.quality
    group = quality_plots([item])
    html = statistics_table([item], [summarise(item)]) + "<h3>Along the stack</h3>"
    return Section("quality", "Quality", html + quality_html(group)), [group] if group else []


def _settings(run: RunFacts) -> str:
    rows = run.settings()
    changed = [row for row in rows if row.changed]
    heading = ["Setting", "Value", "Default", "Unit", "Meaning"]

    def cells(row: Any) -> list[Cell]:
        texts = (row.name, row.value, row.default, row.unit)
        return [*(Cell(text, "text") for text in texts), Cell(row.doc, "text")]

    html = (
        table(heading, map(cells, changed))
        if changed
        else empty("All settings have their defaults.")
    )
    marks = [row.changed for row in rows]
    html += details("All settings", table(heading, map(cells, rows), tall=True, changed=marks))
    software = run.record.get("software")
    versions = software if isinstance(software, dict) else {}
    stages = [
        (name, format_duration(stage["seconds"]))
        for name, stage in _stages(run).items()
        if isinstance(stage, dict) and isinstance(stage.get("seconds"), int | float)
    ]
    html += details("Software versions", facts((str(k), str(v)) for k, v in versions.items()))
    return html + details("Time of the stages", facts(stages))


def _files(run: RunFacts) -> str:
    inputs = _inputs(run)["names"]
    folder = os.path.dirname(str((run.record.get("input") or [{}])[0].get("path", "")))
    if not inputs:
        return empty("The run has not listed its frames.")
    title = f"{len(inputs)} files in {folder}"
    return details(title, '<div id="inputs" tabindex="0"></div>')


def _inputs(run: RunFacts) -> dict[str, list[str]]:
    entries = [e for e in run.record.get("input") or [] if isinstance(e, dict)]
    reasons = {frame: reason for frame, _, reason in run.excluded}
    return {
        "names": [os.path.basename(str(e.get("path", ""))) for e in entries],
        "sizes": [format_bytes(float(e.get("size") or 0)) for e in entries],
        "notes": [reasons.get(str(k), "") for k in range(len(entries))],
    }
