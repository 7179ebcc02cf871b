"""Many sessions on one server while a registration goes on.

Each session is what a browser is to the server: it fetches the page, opens the websocket, pulls the
document, and then asks for another page or frame every few seconds. Nothing is drawn, so the
figures are those of the server and of the way to it.

    python benchmarks/load.py --sessions 20 --seconds 120
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

from fibsem_dash.phantom import write_phantom

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("data", "header", "range", "sift", "registration")
THINK_S = 2.0
"""Mean pause of a session between two pages."""

SILENCE_S = 0.5
"""A page counts as complete when the server sends nothing for so long; it is not counted."""


def start_server(root: Path) -> tuple[subprocess.Popen[str], str]:
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "components.server", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--run-root", str(root / "runs"), "--", str(root / "data")],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    for line in process.stdout or ():
        if found := re.search(r"is at (http://[^/\s]+)", line):
            threading.Thread(target=lambda: list(process.stdout or ()), daemon=True).start()
            return process, found[1]
    raise SystemExit("the server did not start")


def register(root: Path, out: str) -> float:
    """Run a registration in a process of its own; return its wall time, s."""
    command = [sys.executable, "-m", "fibsem_dash", "register", str(root / "data" / "stack")]
    started = time.monotonic()
    subprocess.run(
        [*command, "--out", str(root / out), "--workers", "1"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    return time.monotonic() - started


class Visitor(threading.Thread):
    """One session: opens the application, then goes from page to page."""

    def __init__(self, address: str, number: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.address, self.number, self.stop = address, number, stop
        self.opened: list[float] = []
        self.answers: list[float] = []
        self.fault = ""

    def run(self) -> None:
        try:
            asyncio.run(self._visit())
        except Exception as error:  # noqa: BLE001 - a lost session is what is counted
            self.fault = f"{type(error).__name__}: {error}"

    async def _visit(self) -> None:
        rng = np.random.default_rng(self.number)
        started = time.monotonic()
        query = f"?page={PAGES[self.number % len(PAGES)]}"
        page = await AsyncHTTPClient().fetch(f"{self.address}/{query}", request_timeout=120)
        token = re.search(r'"token":"([^"]+)"', page.body.decode())[1]
        request = HTTPRequest(
            f"{self.address.replace('http', 'ws', 1)}/ws", headers={"Origin": self.address}
        )
        self.socket = await websocket_connect(
            request, subprotocols=["bokeh", token], max_message_size=10**9
        )
        await self._message()
        await self._send("PULL-DOC-REQ", {})
        content = (await self._reply())["content"]
        self.opened.append(time.monotonic() - started)
        bar = _id_of(content, "AddressBar")
        count = 0
        while not self.stop.is_set():
            await asyncio.sleep(rng.exponential(THINK_S))
            count += 1
            query = f"?page={PAGES[(self.number + count) % len(PAGES)]}"
            started = time.monotonic()
            change = {"kind": "ModelChanged", "model": {"id": bar}, "attr": "popped"}
            await self._send("PATCH-DOC", {"events": [change | {"new": [query, count]}]})
            self.answers.append(await self._last_change() - started)
        self.socket.close()

    async def _send(self, kind: str, content: object) -> None:
        self.request = f"{self.number}-{time.monotonic_ns()}"
        header = {"msgid": self.request, "msgtype": kind}
        for part in (header, {}, content):
            await self.socket.write_message(json.dumps(part))

    async def _message(self) -> dict[str, Any]:
        parts = []
        for _ in range(3):
            text = await self.socket.read_message()
            if text is None:
                raise ConnectionError("the server closed the connection")
            parts.append(json.loads(text))
        for _ in range(2 * parts[0].get("num_buffers", 0)):
            await self.socket.read_message()
        return {"header": parts[0], "content": parts[2]}

    async def _reply(self) -> dict[str, Any]:
        while True:
            message = await self._message()
            if message["header"].get("reqid") == self.request:
                return message

    async def _last_change(self) -> float:
        """Return when the page was complete: the reply is here, and nothing follows for a while."""
        await self._reply()
        last = time.monotonic()
        waiting = asyncio.ensure_future(self._message())
        while (await asyncio.wait([waiting], timeout=SILENCE_S))[0]:
            waiting.result()
            last = time.monotonic()
            waiting = asyncio.ensure_future(self._message())
            if self.stop.is_set():
                break
        waiting.cancel()
        return last


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


def measure(n_sessions: int, seconds: float, frames: int, size: int) -> dict[str, Any]:
    """Measure the run alone, then the run with the sessions; return the figures."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        write_phantom(root / "data" / "stack", frames=frames, size=size)
        server, address = start_server(root)
        try:
            time.sleep(8)
            process = psutil.Process(server.pid)
            alone = register(root, "alone")
            before = process.memory_info().rss
            stop = threading.Event()
            visitors = [Visitor(address, k, stop) for k in range(n_sessions)]
            for visitor in visitors:
                visitor.start()
                time.sleep(0.2)
            began = time.monotonic()
            shared = register(root, "shared")
            while time.monotonic() - began < seconds:
                time.sleep(0.5)
            after = process.memory_info().rss
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
        "lost": [v.fault for v in visitors if v.fault or not v.opened],
        "answers": len(answers),
        "answer_median_s": round(float(np.median(answers)), 3),
        "answer_p95_s": round(float(np.quantile(answers, 0.95)), 3),
        "opened_median_s": round(float(np.median(opened)), 3),
        "opened_p95_s": round(float(np.quantile(opened, 0.95)), 3),
        "run_alone_s": round(alone, 1),
        "run_shared_s": round(shared, 1),
        "memory_per_session_mb": round((after - before) / max(n_sessions, 1) / 1e6, 1),
        "cores": os.cpu_count(),
        "load_average": [round(x, 1) for x in os.getloadavg()],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--size", type=int, default=512)
    arguments = parser.parse_args()
    found = measure(arguments.sessions, arguments.seconds, arguments.frames, arguments.size)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
