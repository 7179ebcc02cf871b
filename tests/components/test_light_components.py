"""Components of Panel are made with what Panel itself makes them of."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("panel_material_ui")

import panel as pn
import panel_material_ui as pmui
from bokeh.document import Document
from bokeh.settings import settings
from panel.custom import ReactiveESM

from components.light_components import make_components_light, select

PATCHED = ("select", "_get_properties", "_get_children")
PANELS = {name: getattr(ReactiveESM, name) for name in PATCHED}


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Components are made as the server makes them."""
    for name, method in PANELS.items():
        monkeypatch.setattr(ReactiveESM, name, method)
    make_components_light()
    yield
    settings.perform_error_diagnostics.unset_value()


def some_page() -> pn.Column:
    field = pmui.FloatInput(label="Size", value=3.0)
    choice = pmui.Select(label="Kind", options={"one": 1, "two": 2}, value=2)
    button = pmui.Button(label="Go", icon="play_arrow", description="Begins")
    card = pmui.Card(field, pn.Row(choice, button), title="Card", header=pmui.Typography("Head"))
    return pn.Column(card, pmui.Tabs(("A", pn.pane.Markdown("*a*")), ("B", pmui.Switch())))


def described(page: Any) -> list[tuple[str, str]]:
    """Return the models of a page and their plain values, without numbers of chance in names."""
    models = page.get_root(Document()).references()
    return sorted((type(model).__name__, _plain(model)) for model in models)


def _plain(model: Any) -> str:
    values = model.properties_with_values(include_defaults=False)
    kept = {k: v for k, v in values.items() if k not in ("tags", "js_property_callbacks")}
    text = {k: type(v).__name__ if "id=" in repr(v) else v for k, v in sorted(kept.items())}
    return re.sub(r"\d{5}", "#", str(text))


@pytest.mark.parametrize(
    "selector",
    [None, pmui.Button, pn.viewable.Viewable, lambda part: isinstance(part, pmui.FloatInput)],
)
def test_the_same_components_are_selected(
    monkeypatch: pytest.MonkeyPatch, selector: type | Callable[[Any], bool] | None
) -> None:
    page = some_page()
    with monkeypatch.context() as panels:
        panels.setattr(ReactiveESM, "select", PANELS["select"])
        expected = page.select(selector)
    monkeypatch.setattr(ReactiveESM, "select", select)
    assert page.select(selector) == expected
    assert expected


def test_the_models_of_a_page_are_those_of_panel(
    monkeypatch: pytest.MonkeyPatch, light: None
) -> None:
    ours = described(some_page())
    for name, method in PANELS.items():
        monkeypatch.setattr(ReactiveESM, name, method)
    assert ours == described(some_page())
    assert len(ours) > 20


@pytest.mark.usefixtures("light")
def test_making_a_model_copies_no_parameter() -> None:
    button = pmui.Button(label="Go")
    before = set(button._param__private.params)
    button.get_root(Document())
    assert set(button._param__private.params) - before <= {"label"}


@pytest.mark.usefixtures("light")
def test_a_parameter_that_a_component_has_of_its_own_stays() -> None:
    field, other = pmui.FloatInput(), pmui.FloatInput()
    field.param.value.bounds = (0, 5)
    field.get_root(Document())
    other.get_root(Document())
    assert field.param.value.bounds == (0, 5)
    assert pmui.FloatInput.param.value.bounds is None
    assert other.param.value.bounds is None
