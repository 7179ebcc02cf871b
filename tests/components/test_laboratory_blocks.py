"""Block matching in the laboratory of the SIFT page."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("panel_material_ui")

from components.config import ServerConfig
from components.pages.sift import SiftPage
from components.session import Session
from fibsem_dash.phantom import write_phantom

# Panel's table calls pandas in a way that pandas wants to drop.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")


def test_blocks_have_rows_beside_key_points_and_are_loaded(tmp_path: Path) -> None:
    folder = write_phantom(tmp_path.resolve() / "some", frames=3, size=384, seed=3).folder
    session = Session(ServerConfig((folder.parent,), folder.parent / "runs"))
    session.open_folder(str(folder))
    page = SiftPage(session)
    page.__panel__()
    page.on_enter()
    lab = page.laboratory
    lab.transforms.value, lab.solvers.value, lab.n_pairs.value = ["shift", "affine"], ["RANSAC"], 1
    lab.start()
    assert "estimator" in lab.table.hidden_columns
    lab.estimators.value = ["sift", "blocks"]
    lab.start()
    assert [row.estimator for row in lab.rows] == ["sift"] * 2 + ["blocks"] * 2
    assert all(not row.reason for row in lab.rows)
    assert "estimator" not in lab.table.hidden_columns
    assert list(lab.plot.source.data["marker"]) == ["circle"] * 2 + ["diamond"] * 2
    table = lab.table.value
    assert table["solver"].tolist()[2:] == ["", ""]
    solver = page.tuned.params.solver.solver
    lab._on_click(SimpleNamespace(row=3))
    assert page.tuned.params.estimation.estimator == "blocks"
    assert page.tuned.params.solver.transform == "affine"
    assert page.tuned.params.solver.solver == solver
    assert "Loaded: blocks, affine. The Blocks tab" in lab.words.object
    lab._on_click(SimpleNamespace(row=0))
    assert page.tuned.params.estimation.estimator == "sift"
