"""Models of Bokeh have the defaults and the references that Bokeh itself finds."""

from __future__ import annotations

import bokeh.model.util as model_util
import numpy as np
import pytest
from bokeh.core.property.descriptors import PropertyDescriptor, UnsetValueError
from bokeh.model import Model
from bokeh.model.util import collect_models
from bokeh.models import Column, ColumnDataSource, Div, GlyphRenderer, Range1d, Title
from bokeh.plotting import figure

from components.light_models import make_models_light, plain_defaults, visit_references

BOKEHS_DEFAULT = PropertyDescriptor._get_default
BOKEHS_VISIT = model_util.visit_immediate_value_references


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models are read as the server reads them."""
    for owner, name in (
        (PropertyDescriptor, "_get_default"),
        (PropertyDescriptor, "has_unstable_default"),
        (model_util, "visit_immediate_value_references"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    make_models_light()


def some_figure() -> Column:
    plot = figure(title="a figure", x_range=Range1d(0, 1))
    source = ColumnDataSource({"x": np.arange(4.0), "y": np.ones(4), "name": list("abcd")})
    line = plot.line("x", "y", source=source, legend_label="line")
    text = Div(text="below", tags=[{"inside": [Div(text="in a tag")]}])
    return Column(children=[plot, text], tags=[line])


def test_every_plain_default_is_the_one_that_bokeh_gives() -> None:
    n_compared = 0
    for kind in {type(model) for model in collect_models(some_figure())}:
        model = None
        for name, value in plain_defaults(kind).items():
            model = kind() if model is None else model
            if name not in model._property_values:
                # As text, so that one NaN equals another.
                assert repr(BOKEHS_DEFAULT(kind.lookup(name), model)) == repr(value), (kind, name)
                n_compared += 1
    assert n_compared > 300


@pytest.mark.usefixtures("light")
def test_a_default_that_can_be_changed_belongs_to_one_model() -> None:
    first, second = figure(), figure()
    first.tags.append("mine")
    assert first.title is not second.title
    assert (first.tags, second.tags) == (["mine"], [])


@pytest.mark.usefixtures("light")
def test_a_theme_goes_before_a_default() -> None:
    plot = figure()
    before = plot.background_fill_color
    plot.apply_theme({"background_fill_color": "#123456"})
    assert plot.background_fill_color == "#123456"
    plot.unapply_theme()
    assert plot.background_fill_color == before


@pytest.mark.usefixtures("light")
def test_a_property_without_default_that_is_not_set_is_reported() -> None:
    with pytest.raises(UnsetValueError):
        collect_models(GlyphRenderer())


@pytest.mark.parametrize("themed", [False, True])
def test_references_are_those_that_bokeh_finds(themed: bool) -> None:
    root = some_figure()
    if themed:
        root.children[0].apply_theme({"title": Title(text="of the theme")})
    waiting, seen = [root], {root}
    while waiting:
        model = waiting.pop()
        ours: list[Model] = []
        theirs: list[Model] = []
        visit_references(model, ours.append)
        BOKEHS_VISIT(model, theirs.append)
        assert ours == theirs, model
        waiting += [found for found in ours if found not in seen]
        seen |= set(ours)
    assert len(seen) > 30
    assert any(getattr(model, "text", "") == "in a tag" for model in seen)
