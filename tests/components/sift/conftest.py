"""A stack of six frames and the SIFT page over it."""

from __future__ import annotations

import pytest

from components.pages.sift import SiftPage
from fibsem_dash.phantom import write_phantom
from tests.open_session import open_session


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_phantom(tmp_path_factory.mktemp("sift"), frames=6, size=192, seed=3).folder


@pytest.fixture
def page(folder):
    page = SiftPage(open_session(folder))
    page.__panel__()
    page.on_enter()
    return page
