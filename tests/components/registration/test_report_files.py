"""Reports of runs as files that the server gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from tornado.web import HTTPError

from components.report_files import report_address, report_file
from components.session import Session
from fibsem_dash.errors import FibsemDashError

# Panel's table calls pandas in a way that pandas wants to drop.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")


def test_reports_are_those_of_runs_below_the_run_root(session: Session, raw: Path) -> None:
    root = session.config.run_root
    for name in ("run", "no-run"):
        (root / name).mkdir(parents=True)
        (root / name / "report.html").write_text("<p>")
    (root / "run" / "run.json").write_text('{"schema_version": 1}')
    (raw.parent / "run.json").write_text("{}")
    (raw.parent / "report.html").write_text("<p>")
    (root / "link").symlink_to(raw.parent)
    assert report_file(session.config, "run") == root / "run" / "report.html"
    for name in ("no-run", "absent", "../..", "link", str(raw.parent), "."):
        with pytest.raises((FibsemDashError, HTTPError)):
            report_file(session.config, name)
    (root / "run" / "report.html").unlink()
    (root / "run" / "report.html").symlink_to(raw.parent / "report.html")
    with pytest.raises((FibsemDashError, HTTPError)):
        report_file(session.config, "run")
    assert report_address(session.config, raw) == ""
