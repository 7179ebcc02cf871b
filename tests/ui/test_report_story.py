"""Reports opened from disk: nothing is asked of a network, nothing that data holds is run."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fibsem_dash.io.tables import write_csv
from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.pipeline import Registration
from fibsem_dash.report import read_tables, write_comparison, write_run_report

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.ui

EVIL = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1></script>"


@pytest.fixture
def open_file(browser: Any) -> Iterator[Any]:
    """open_file(path, dark=False, size): a tab that asks for nothing and complains of nothing."""
    seen: list[str] = []
    with contextlib.ExitStack() as stack:

        def go(path: Path, dark: bool = False, size: tuple[int, int] = (1366, 768)) -> Any:
            scheme = "dark" if dark else "light"
            context = browser.new_context(
                color_scheme=scheme, viewport={"width": size[0], "height": size[1]}
            )
            stack.callback(context.close)
            tab = context.new_page()
            tab.on("console", lambda m: seen.append(f"console: {m.text}"))
            tab.on("pageerror", lambda e: seen.append(f"error: {e}"))
            tab.on("request", lambda r: seen.append(r.url) if not known(r.url, path) else None)
            tab.goto(path.as_uri())
            return tab

        yield go
    assert not seen


def known(url: str, path: Path) -> bool:
    return url.startswith("data:") or url.partition("#")[0] == path.as_uri()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("report")
    write_phantom(root / "raw", frames=6, size=160)
    Registration(sorted((root / "raw").glob("*.dat")), root / "run").run()
    record = json.loads((root / "run" / "run.json").read_text())
    record["input"] = [
        {"path": f"/data/{EVIL}{k}.dat", "size": 1000, "mtime_ns": 0} for k in range(10_000)
    ]
    record["messages"] = [EVIL]
    record["software"]["evil"] = EVIL
    record["settings"]["output"]["file_name"] = EVIL
    (root / "run" / "run.json").write_text(json.dumps(record))
    frames = pd.read_csv(root / "run" / "frames.csv")
    frames["reason"] = EVIL
    frames["status"] = "excluded"
    write_csv(root / "run" / "frames.csv", frames)
    return write_run_report(root / "run")[0]


@pytest.mark.parametrize("size", [(1366, 768), (2560, 1440)])
@pytest.mark.parametrize("dark", [False, True])
def test_a_report_draws_its_plots_and_does_not_scroll_sideways(
    open_file: Any, report: Path, dark: bool, size: tuple[int, int]
) -> None:
    tab = open_file(report, dark, size)
    sync_api.expect(tab.locator("#plots-quality .uplot").first).to_be_visible()
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.evaluate("document.documentElement.dataset.theme") == ("dark" if dark else "light")
    tab.click("#theme")
    assert tab.evaluate("document.documentElement.dataset.theme") == ("light" if dark else "dark")


def test_text_of_files_is_shown_and_not_run(open_file: Any, report: Path) -> None:
    tab = open_file(report)
    tab.locator("summary", has_text="10000 files").click()
    row = tab.locator("#inputs .row").first
    sync_api.expect(row).to_contain_text("window.hacked")
    assert tab.locator("#inputs .row").count() < 60
    tab.evaluate("document.getElementById('inputs').scrollTop = 24 * 9990")
    sync_api.expect(tab.locator("#inputs .row").last).to_contain_text("9999.dat")
    sync_api.expect(tab.locator("#problems")).to_contain_text("<script>window.hacked=1</script>")
    assert tab.evaluate("window.hacked") is None


def test_zoom_is_shared_and_runs_can_be_muted(open_file: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    paths = []
    for k in range(3):
        paths.append(tmp_path / f"{EVIL.replace('/', '')}{k}.csv")
        data = {"frame": np.arange(1, 501), "NCC": rng.uniform(0.5, 0.9, 500)}
        write_csv(paths[-1], pd.DataFrame(data | {"NSAD": rng.uniform(size=500)}))
    out, _ = write_comparison(read_tables(paths), tmp_path / "out.html")
    tab = open_file(out)
    over = tab.locator(".u-over")
    sync_api.expect(over).to_have_count(3)
    box = over.first.bounding_box()
    tab.mouse.move(box["x"] + 100, box["y"] + 50)
    sync_api.expect(tab.locator(".at").nth(1)).to_contain_text("slice")
    before = over.nth(1).screenshot()
    tab.mouse.down()
    tab.mouse.move(box["x"] + 200, box["y"] + 50, steps=4)
    tab.mouse.up()
    tab.mouse.move(5, 5)
    tab.wait_for_timeout(300)
    zoomed = tab.locator(".uplot").nth(1).screenshot()
    assert zoomed != before
    tab.locator(".legend .key").nth(2).click()
    sync_api.expect(tab.locator(".legend .key.off")).to_have_count(1)
    tab.mouse.move(5, 5)
    tab.wait_for_timeout(300)
    assert tab.locator(".uplot").nth(1).screenshot() != zoomed
    assert tab.evaluate("window.hacked") is None
