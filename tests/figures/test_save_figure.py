"""Figures as files: kinds, determinism, errors; and nothing of it is loaded before it is used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from fibsem_dash.compare import fsc
from fibsem_dash.errors import AccessError, ParameterError
from fibsem_dash.figures import draw_box, draw_fsc, save_figure
from fibsem_dash.figures.save import check_figure_path


def figure(texture: np.ndarray, title: str = "a title") -> object:
    return draw_box([texture], (5, 40, 5, 40), title=title, pixel_size_nm=8.0)


@pytest.mark.parametrize(
    ("name", "kind"), [("a.png", "PNG"), ("b.jpg", "JPEG"), ("c.JPEG", "JPEG")]
)
def test_pictures_open(texture: np.ndarray, tmp_path: Path, name: str, kind: str) -> None:
    saved = save_figure(figure(texture), tmp_path / name, dpi=50)
    with Image.open(saved) as picture:
        picture.load()
        assert picture.format == kind
        assert picture.size == (350, int(50 * figure(texture).get_figheight()))


def test_svg_is_svg(texture: np.ndarray, tmp_path: Path) -> None:
    saved = save_figure(draw_fsc(fsc(texture, texture)), tmp_path / "a.svg")
    root = ElementTree.fromstring(saved.read_bytes())
    assert root.tag.endswith("svg")
    assert b"dc:date" not in saved.read_bytes()


@pytest.mark.parametrize("suffix", ["png", "jpg", "svg"])
def test_equal_figures_give_equal_bytes(texture: np.ndarray, tmp_path: Path, suffix: str) -> None:
    contents = set()
    for k in range(2):
        result = fsc(texture, texture, pixel_size_nm=8.0)
        drawn = draw_fsc(result, (texture, texture), title="x")
        contents.add(save_figure(drawn, tmp_path / f"{k}.{suffix}", dpi=60).read_bytes())
    assert len(contents) == 1


def test_any_text_can_be_a_title(texture: np.ndarray, tmp_path: Path) -> None:
    for title in ("$x^", "costs $5 or $6", r"\frac{", "日本語 𝕏 \u0007", ""):
        save_figure(figure(texture, title), tmp_path / "t.png", dpi=30)


def test_other_kinds_and_places_are_refused(texture: np.ndarray, tmp_path: Path) -> None:
    for name in ("a.pdf", "a", "a.npz"):
        with pytest.raises(ParameterError, match="cannot be saved"):
            save_figure(figure(texture), tmp_path / name)
    with pytest.raises(ParameterError, match="Resolution"):
        save_figure(figure(texture), tmp_path / "a.png", dpi=0)
    with pytest.raises(AccessError):
        save_figure(figure(texture), tmp_path / "missing" / "a.png")
    assert not list(tmp_path.iterdir())
    assert check_figure_path("x.JPG") == "jpeg"


def test_a_failure_leaves_the_older_file(texture: np.ndarray, tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    target.write_bytes(b"older")
    broken = figure(texture)
    broken.text(0.5, 0.5, "$\\frac{$")  # what Matplotlib refuses when it draws
    with pytest.raises(ValueError, match="frac"):
        save_figure(broken, target, dpi=30)
    assert target.read_bytes() == b"older"
    assert os.listdir(tmp_path) == ["a.png"]


def test_threads_do_not_disturb_each_other(texture: np.ndarray, tmp_path: Path) -> None:
    def work(k: int) -> None:
        save_figure(figure(texture), tmp_path / f"{k}.svg", dpi=40)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
    assert len(list(tmp_path.iterdir())) == 4


def test_no_global_state_is_used(tmp_path: Path) -> None:
    code = f"""
import json, sys
import numpy as np
import fibsem_dash.frame, fibsem_dash.figures, fibsem_dash.cli.entry
before = "matplotlib" in sys.modules
import matplotlib as mpl
settings = mpl.rcParams.copy()
image = np.random.default_rng(0).normal(size=(40, 40))
figure = fibsem_dash.figures.draw_box([image], (0, 9, 0, 9), pixel_size_nm=3.0)
fibsem_dash.figures.save_figure(figure, {str(tmp_path / "a.svg")!r})
screen = "matplotlib.pyplot" in sys.modules
same = all(mpl.rcParams[name] == settings[name] for name in settings if name != "backend")
print(json.dumps([before, screen, same]))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [False, False, True]
