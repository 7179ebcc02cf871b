"""What the workers of a job do: Dask's own dashboard, and our own curves."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param
from bokeh.models import ColumnDataSource, HoverTool, Range1d
from bokeh.plotting import figure

from components.dask_proxy import dashboard_path
from components.plots.base import hold_ranges
from components.plots.colours import RUNS
from components.widgets.plain import plain
from components.work import LatestWork
from fibsem_dash.compute.cluster_monitor import ClusterMonitor, ClusterSample, TaskSpan
from fibsem_dash.jobs import JobRecord

SECONDS = 120.0
"""Width of the curves."""

TASKS_SHOWN = 3000


class DaskFrame(pn.custom.JSComponent):
    """Dask's dashboard in a frame, where the server passes it on; nothing while `path` is empty."""

    path = param.String("", doc="Address relative to the application")
    reachable = param.Boolean(True, doc="Whether the address answered")

    _esm = """
    export function render({model}) {
      const box = document.createElement('div')
      box.style.cssText = 'height: 100%; width: 100%'
      const show = async () => {
        box.replaceChildren()
        const path = model.path
        if (!path) return
        let ok = false
        try {
          ok = (await fetch(path, {credentials: 'same-origin'})).ok
        } catch (error) { ok = false }
        if (path !== model.path) return
        model.reachable = ok
        if (!ok) return
        const frame = document.createElement('iframe')
        frame.src = path
        frame.title = 'Dask dashboard'
        frame.style.cssText = 'border: 0; width: 100%; height: 100%; background: white'
        box.replaceChildren(frame)
      }
      model.on('path', show)
      show()
      return box
    }
    """

    _stylesheets = [":host { display: block; height: 100%; }"]  # noqa: RUF012 - as Panel declares


@dataclass
class Course:
    """What was seen of a cluster in the last minutes."""

    start: float = 0.0
    samples: deque[ClusterSample] = field(default_factory=lambda: deque(maxlen=240))
    tasks: deque[TaskSpan] = field(default_factory=lambda: deque(maxlen=TASKS_SHOWN))

    def add(self, sample: ClusterSample) -> None:
        """Take a new sample."""
        self.start = self.start or sample.time
        self.samples.append(sample)
        self.tasks.extend(task for task in sample.tasks if task.action == "compute")

    def curves(self, name: str, scale: float) -> dict[str, list[Any]]:
        """Return the course of one value of each worker, for `multi_line`."""
        workers: dict[str, tuple[list[float], list[float]]] = {}
        for sample in self.samples:
            for worker in sample.workers:
                xs, ys = workers.setdefault(worker.name, ([], []))
                xs.append(sample.time - self.start)
                ys.append(getattr(worker, name) * scale)
        names = list(workers)
        return {
            "xs": [workers[n][0] for n in names],
            "ys": [workers[n][1] for n in names],
            "worker": [f"worker {n}" for n in names],
            "colour": [RUNS[k % len(RUNS)] for k in range(len(names))],
        }

    def spans(self) -> dict[str, list[Any]]:
        """Return the finished tasks as bars, a row for each worker."""
        rows: dict[str, int] = {}
        if self.samples:
            rows = {w.address: k for k, w in enumerate(self.samples[-1].workers)}
        names = list(dict.fromkeys(task.name for task in self.tasks))
        shown = [task for task in self.tasks if task.worker in rows]
        return {
            "left": [task.start - self.start for task in shown],
            "right": [task.stop - self.start for task in shown],
            "row": [rows[task.worker] for task in shown],
            "task": [task.name for task in shown],
            "seconds": [round(task.stop - task.start, 3) for task in shown],
            "colour": [RUNS[names.index(task.name) % len(RUNS)] for task in shown],
        }

    @property
    def window(self) -> tuple[float, float]:
        """Limits of the time axis, s."""
        last = self.samples[-1].time - self.start if self.samples else 0.0
        return max(last - SECONDS, 0.0), max(last, 10.0)


def _plot(title: str, y_label: str, x_range: Any, **options: Any) -> Any:
    return figure(
        title=title, y_axis_label=y_label, x_axis_label="time since this page looks (s)",
        x_range=x_range, height=165, sizing_mode="stretch_width", tools="", toolbar_location=None,
        output_backend="canvas", **options,
    )  # fmt: skip


class WorkersView(pn.viewable.Viewer):  # type: ignore[misc]
    """CPU, memory and tasks of the workers over time, from the scheduler itself."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.course = Course()
        self.work = LatestWork(self._sample)
        self.work.param.watch(lambda *_e: self._paint(), "done_count")
        self.work.param.watch(lambda event: self._say(event.new), "error")
        self._monitor: ClusterMonitor | None = None
        self._lock = threading.Lock()
        self.address = ""
        self.time = Range1d(0, 10)
        self.cpu = _plot("CPU of each worker", "CPU (% of a core)", self.time)
        self.memory = _plot("Memory of each worker", "memory (MB)", self.time)
        self.stream = _plot("Tasks", "worker", self.time, y_range=(-0.6, 1.6))
        self.stream.yaxis.ticker.desired_num_ticks = 4
        self.sources = {
            "cpu": _lines(self.cpu), "memory": _lines(self.memory), "tasks": _bars(self.stream)
        }  # fmt: skip
        for plot, name in ((self.cpu, "cpu"), (self.memory, "memory")):
            plot.y_range.start = 0
            plot.xaxis.axis_label = None
            hold_ranges(plot, self.sources[name])
        self.text = pmui.Typography("", variant="body2", margin=(4, 8))
        self.plots = pn.Column(
            *(pn.pane.Bokeh(p, sizing_mode="stretch_width") for p in
              (self.cpu, self.memory, self.stream)),
            sizing_mode="stretch_width", visible=False, margin=0,
        )  # fmt: skip
        self._layout = pn.Column(
            self.text, self.plots, sizing_mode="stretch_both", scroll="y-auto", margin=0
        )

    def follow(self, address: str) -> None:
        """Look at a scheduler once; an empty address leaves the last picture as it is."""
        if address != self.address:
            self.leave()
            self.address = address
            if address:
                self.course = Course()
            self._say("")
        if address and not self.work.busy:
            self.work.request(address)
        elif not address and not self.course.samples:
            self._say("")

    def clear(self) -> None:
        """Forget what was seen."""
        self.leave()
        self.course = Course()
        self.plots.visible = False
        self._say("")

    def leave(self) -> None:
        """Let go of the scheduler; off the loop, for it may be gone."""
        self.address = ""
        with self._lock:
            monitor, self._monitor = self._monitor, None
        if monitor is not None:
            threading.Thread(target=monitor.close, daemon=True).start()

    def _sample(self, address: str) -> ClusterSample:
        with self._lock:
            monitor = self._monitor
        if monitor is None or monitor.address != address:
            monitor = ClusterMonitor(address)
            with self._lock:
                self._monitor = monitor
        return monitor.sample()

    def _say(self, error: str) -> None:
        text = plain(error)
        if not text and not self.course.samples:
            text = (
                "Waiting for the workers to start ..."
                if self.address
                else "The workers are shown here while a run is under way."
            )
        self.text.object = text

    def _paint(self) -> None:
        sample: ClusterSample = self.work.result
        self.course.add(sample)
        self.plots.visible = True
        self.time.update(start=self.course.window[0], end=self.course.window[1])
        self.sources["cpu"].data = self.course.curves("cpu_percent", 1.0)
        self.sources["memory"].data = self.course.curves("memory_bytes", 1e-6)
        self.sources["tasks"].data = self.course.spans()
        n = len(sample.workers)
        self.stream.y_range.update(start=-0.6, end=max(n, 1) - 0.4)
        busy = sum(worker.processing for worker in sample.workers)
        self.text.object = f"{n} workers, {busy} tasks waiting or under way"

    def __panel__(self) -> Any:
        return self._layout


def _lines(plot: Any) -> ColumnDataSource:
    source = ColumnDataSource({"xs": [], "ys": [], "worker": [], "colour": []})
    plot.multi_line("xs", "ys", line_color="colour", line_width=2, source=source)
    plot.add_tools(HoverTool(tooltips=[("", "@worker"), ("time", "$x{0.0} s"), ("value", "$y{0}")]))
    return source


def _bars(plot: Any) -> ColumnDataSource:
    names = ("left", "right", "row", "task", "seconds", "colour")
    source = ColumnDataSource({name: [] for name in names})
    plot.hbar(
        y="row", left="left", right="right", height=0.8, fill_color="colour", line_color=None,
        source=source,
    )  # fmt: skip
    plot.add_tools(HoverTool(tooltips=[("task", "@task"), ("took", "@seconds s")]))
    return source


class ClusterTabs:
    """The tabs *Dask* and *Workers* of a job; looks only while one of them is shown."""

    def __init__(self) -> None:
        self.workers = WorkersView()
        self.frame = DaskFrame(sizing_mode="stretch_both", min_height=420)
        self.note = pmui.Typography("", variant="body2", margin=(8, 8))
        self.dask = pn.Column(self.note, self.frame, sizing_mode="stretch_both", margin=0)
        self._path = LatestWork(dashboard_path)
        self._path.param.watch(lambda *_e: self._show_path(), "done_count")
        self.frame.param.watch(lambda *_e: self._show_path(), "reachable")
        self._seen: object = None
        self._running = False

    def poll(self, record: JobRecord, shown: str) -> None:
        """Bring the shown tab up to date."""
        running = record.state == "running"
        self._running = running
        seen = (record.id, record.state, record.dashboard)
        if shown == "Dask" and seen != self._seen:
            self._seen = seen
            self._path.request(record)
        if self.frame.path and (not running or shown != "Dask"):
            # Its websocket would go on asking.
            self._seen = None
            self.frame.path = ""
            self._show_path()
        if shown == "Workers":
            self.workers.follow(record.scheduler if running else "")
        elif self.workers.address:
            self.workers.leave()

    def _show_path(self) -> None:
        path = self._path.result or ""
        if self._seen is not None and self.frame.path != path:
            self.frame.param.update(path=path, reachable=True)
        text = ""
        if not self.frame.path:
            text = (
                "Dask's dashboard has not started yet, or this run has none; Workers shows ours."
                if self._running
                else "Dask's dashboard is shown here while a run is under way."
            )
        elif not self.frame.reachable:
            text = "Dask's dashboard cannot be reached from here; the tab Workers shows ours."
        self.note.param.update(object=text, visible=bool(text))
        self.frame.visible = bool(self.frame.path) and self.frame.reachable

    def clear(self) -> None:
        """Forget the job."""
        self.leave()
        self.workers.clear()

    def leave(self) -> None:
        """Look no longer."""
        self._seen = None
        self.frame.path = ""
        self.workers.leave()
