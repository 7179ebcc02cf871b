"""Many sessions on one server while registrations go on, one after the other.

Each session is what a browser is to the server: it fetches the page with an open stack, opens the
websocket, pulls the document, says that it is drawn, and then goes to another page now and then.
Nothing is drawn, so the figures are those of the server and of the way to it.

On a busy machine wall times say little: `server_cpu_s_per_page` and `run_cpu_*` are processor time.

    python benchmarks/load.py --sessions 20 --seconds 120 --think 15
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import psutil
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

from fibsem_dash.phantom import write_phantom

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("data", "header", "range", "sift", "registration", "quality", "stack")
THINK_S = 15.0
"""Mean pause of a session between two pages, s.

People look at a picture or a table before they go on: TPC-W, the usual model of visitors of a
site, takes 7 s for pages of a shop, which are read faster. 2 s is a crowd that only clicks.
"""

ALONE_RUNS = 3
"""Runs before the sessions begin; the median is compared."""

SILENCE_S = 0.5
"""A page counts as complete when the server sends nothing for so long; it is not counted."""


def start_server(root: Path, nice: int = 0) -> tuple[subprocess.Popen[str], str, deque[str]]:
    """Start a server; return it, its address and the last lines that it prints."""
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "components.server", "--port", "0"]
    if nice:
        command = ["nice", "-n", str(nice), *command]
    process = subprocess.Popen(
        [*command, "--run-root", str(root / "runs"), "--", str(root / "data")],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said: deque[str] = deque(maxlen=20)
    for line in process.stdout or ():
        if found := re.search(r"is at (http://[^/\s]+)", line):
            threading.Thread(target=listen, args=(process, said), daemon=True).start()
            return process, found[1], said
    raise SystemExit("the server did not start")


def listen(process: subprocess.Popen[str], said: deque[str]) -> None:
    """Keep the last lines that a process prints, until it ends."""
    with process.stdout as stream:  # type: ignore[union-attr]
        said.extend(stream)


def processor_s(process: psutil.Process) -> float:
    """Processor time of a process so far, s."""
    times = process.cpu_times()
    return float(times.user + times.system)


def register(root: Path, out: str, workers: int = 1) -> tuple[float, float]:
    """Run a registration in a process of its own; return its wall and its processor time, s."""
    command = [sys.executable, "-m", "fibsem_dash", "register", str(root / "data" / "stack")]
    started, before = time.monotonic(), os.times()
    subprocess.run(
        [*command, "--out", str(root / out), "--workers", str(workers)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    wall, after = time.monotonic() - started, os.times()
    used = after.children_user + after.children_system
    shutil.rmtree(root / out)
    return wall, used - before.children_user - before.children_system


def wait_until_idle(process: psutil.Process, seconds: float = 60) -> None:
    """Wait until a server has built its pages once and rests."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before = processor_s(process)
        time.sleep(2)
        if before > 3 and processor_s(process) - before < 0.1:
            return


class Visitor(threading.Thread):
    """One session: opens the application, then goes from page to page."""

    def __init__(
        self, address: str, number: int, stop: threading.Event, folder: str, think_s: float
    ) -> None:
        super().__init__(daemon=True)
        self.address, self.number, self.stop = address, number, stop
        self.folder, self.think_s = folder, think_s
        self.opened: list[float] = []
        self.answers: list[float] = []
        self.fault = ""
        self.replies: dict[str, asyncio.Future[Any]] = {}

    def run(self) -> None:
        try:
            asyncio.run(self._visit())
        except Exception as error:  # noqa: BLE001 - a lost session is what is counted
            self.fault = f"{type(error).__name__}: {error}"

    async def _visit(self) -> None:
        rng = np.random.default_rng(self.number)
        started = time.monotonic()
        query = self._query(0)
        page = await AsyncHTTPClient().fetch(f"{self.address}/{query}", request_timeout=120)
        token = re.search(r'"token":"([^"]+)"', page.body.decode())[1]
        request = HTTPRequest(
            f"{self.address.replace('http', 'ws', 1)}/ws", headers={"Origin": self.address}
        )
        self.socket = await websocket_connect(
            request, subprotocols=["bokeh", token], max_message_size=10**9
        )
        self.last, self.greeted = time.monotonic(), asyncio.Event()
        reading = asyncio.create_task(self._read())
        visiting = asyncio.create_task(self._browse(started, rng))
        both = (visiting, reading)
        ended, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        self.socket.close()
        for task in both:
            task.cancel()
        for task in ended:
            task.result()

    async def _browse(self, started: float, rng: np.random.Generator) -> None:
        # The server greets first; what it gets before, it cannot read.
        await self.greeted.wait()
        content = await self._ask("PULL-DOC-REQ", {})
        # What a browser says when it has drawn the page: timers of the session start with it.
        ready = {"type": "event", "name": "document_ready", "values": {"type": "map"}}
        event = {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": ready}
        await self._ask("PATCH-DOC", {"events": [event]})
        self.opened.append(await self._silence() - started)
        bar = _id_of(content, "AddressBar")
        count = 0
        while not self.stop.is_set():
            await self._pause(rng.exponential(self.think_s))
            if self.stop.is_set():
                return
            count += 1
            started = time.monotonic()
            change = {"kind": "ModelChanged", "model": {"id": bar}, "attr": "popped"}
            await self._ask(
                "PATCH-DOC", {"events": [change | {"new": [self._query(count), count]}]}
            )
            self.answers.append(await self._silence() - started)

    def _query(self, count: int) -> str:
        page = PAGES[(self.number + count) % len(PAGES)]
        return "?" + urlencode({"page": page, "folder": self.folder, "frame": str(count % 4)})

    async def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self.stop.is_set() and (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(left, 0.5))

    async def _ask(self, kind: str, content: object) -> Any:
        """Send a message and return the content of its reply."""
        number = f"{self.number}-{time.monotonic_ns()}"
        self.replies[number] = reply = asyncio.get_running_loop().create_future()
        for part in ({"msgid": number, "msgtype": kind}, {}, content):
            await self.socket.write_message(json.dumps(part))
        return await reply

    async def _read(self) -> None:
        """Read all that the server sends, as a browser does, until the socket is closed."""
        while True:
            parts = []
            for _ in range(3):
                text = await self.socket.read_message()
                if text is None:
                    socket = self.socket
                    raise ConnectionError(
                        f"the server closed the connection: {socket.close_code} "
                        f"{socket.close_reason} after {len(self.answers)} pages"
                    )
                parts.append(json.loads(text))
            for _ in range(2 * parts[0].get("num_buffers", 0)):
                await self.socket.read_message()
            self.last = time.monotonic()
            self.greeted.set()
            if reply := self.replies.pop(parts[0].get("reqid"), None):
                reply.set_result(parts[2])

    async def _silence(self) -> float:
        """Return when the page was complete: nothing follows for a while."""
        while not self.stop.is_set() and time.monotonic() - self.last < SILENCE_S:
            await asyncio.sleep(0.05)
        return self.last


def _id_of(content: Any, name: str) -> str:
    """Find the model of a class, numbered or not, in the plain form of a document."""
    waiting = [content]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if re.fullmatch(name + r"\d*", str(item.get("name"))) and "id" in item:
                return str(item["id"])
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    raise LookupError(f"the page has no {name}")


def measure(
    n_sessions: int,
    seconds: float,
    frames: int,
    size: int,
    think_s: float = THINK_S,
    *,
    workers: int = 1,
    alone_runs: int = ALONE_RUNS,
    nice: int = 0,
) -> dict[str, Any]:
    """Measure runs alone, then runs one after the other beside the sessions; return the figures."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        folder = write_phantom(root / "data" / "stack", frames=frames, size=size).folder
        server, address, said = start_server(root, nice)
        try:
            process = psutil.Process(server.pid)
            wait_until_idle(process)
            alone = [register(root, "alone", workers) for _ in range(alone_runs)]
            memory = process.memory_info().rss
            stop = threading.Event()
            visitors = [Visitor(address, k, stop, str(folder), think_s) for k in range(n_sessions)]
            spent, began = processor_s(process), time.monotonic()
            for visitor in visitors:
                visitor.start()
                time.sleep(0.2)
            while not all(v.opened or v.fault for v in visitors):
                time.sleep(0.2)
            opening = processor_s(process) - spent
            spent, before = processor_s(process), count_answers(visitors)
            shared = [register(root, "shared", workers)]
            while time.monotonic() - began < seconds:
                shared.append(register(root, "shared", workers))
            pages = count_answers(visitors) - before
            used, lasted = processor_s(process) - spent, time.monotonic() - began
            memory = process.memory_info().rss - memory
            stop.set()
            for visitor in visitors:
                visitor.join(60)
        finally:
            server.terminate()
            server.wait(20)
    answers = np.array([s for v in visitors for s in v.answers] or [np.nan])
    opened = np.array([s for v in visitors for s in v.opened] or [np.nan])
    return {
        "sessions": n_sessions,
        "think_s": think_s,
        "lost": [v.fault for v in visitors if v.fault or not v.opened],
        "server_said": [line.strip() for line in said if "Failed sending" not in line],
        "answers": len(answers),
        "answer_median_s": round(float(np.median(answers)), 3),
        "answer_p95_s": round(float(np.quantile(answers, 0.95)), 3),
        "opened_median_s": round(float(np.median(opened)), 3),
        "opened_p95_s": round(float(np.quantile(opened, 0.95)), 3),
        "server_cpu_s_per_opening": round(opening / max(n_sessions, 1), 3),
        "server_cpu_s_per_page": round(used / max(pages, 1), 3),
        "server_cpu_percent": round(100 * used / lasted, 1),
        "runs": len(shared),
        "run_workers": workers,
        "run_alone_s": median(alone, 0),
        "run_shared_s": median(shared, 0),
        "run_slower_percent": round(100 * (median(shared, 0) / median(alone, 0) - 1), 1),
        "run_cpu_alone_s": median(alone, 1),
        "run_cpu_shared_s": median(shared, 1),
        "memory_per_session_mb": round(memory / max(n_sessions, 1) / 1e6, 1),
        "cores": os.cpu_count(),
        "load_average": [round(x, 1) for x in os.getloadavg()],
    }


def median(runs: list[tuple[float, float]], which: int) -> float:
    """Return the median wall (0) or processor time (1) of runs, s."""
    return round(float(np.median([run[which] for run in runs])), 2)


def count_answers(visitors: list[Visitor]) -> int:
    return sum(len(visitor.answers) for visitor in visitors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--think", type=float, default=THINK_S, help="mean pause, s")
    parser.add_argument("--workers", type=int, default=1, help="of the runs")
    parser.add_argument("--nice", type=int, default=0, help="niceness of the server")
    given = parser.parse_args()
    found = measure(
        given.sessions,
        given.seconds,
        given.frames,
        given.size,
        given.think,
        workers=given.workers,
        nice=given.nice,
    )
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
