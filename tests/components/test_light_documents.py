"""A document knows exactly the models that can be reached from its roots."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest
from bokeh.document import Document
from bokeh.document.models import DocumentModelManager
from bokeh.model import Model
from bokeh.model.util import collect_models
from bokeh.models import Column, CustomJS, Div

import components.light_documents as light_documents
from components.light_documents import make_documents_light

names = (f"div {k}" for k in count())


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[Document]:
    """Documents work as on the server; holds those of which all models were listed."""
    found: list[Document] = []
    bokehs = light_documents._bokehs_recompute

    def listing(models: DocumentModelManager) -> None:
        found.append(models._document())
        bokehs(models)

    monkeypatch.setattr(light_documents, "_bokehs_recompute", listing)
    for owner, name in ((Model, "trigger"), (DocumentModelManager, "recompute")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    make_documents_light()
    return found


def check(document: Document) -> None:
    """Compare what a document knows with what its roots name."""
    reached = set(collect_models(*document.roots))
    assert set(document.models) == reached
    assert all(model.document is document for model in reached)
    named = {model.name: model for model in reached if model.name}
    assert all(document.get_model_by_name(name) is model for name, model in named.items())


def tree(rng: np.random.Generator) -> Column:
    """Make some new models."""
    parts = [Div(name=next(names)) for _ in range(2)]
    if rng.random() < 0.4:
        parts.append(tree(rng))
    return Column(children=parts, tags=[Div()] if rng.random() < 0.3 else [])


def change(document: Document, rng: np.random.Generator) -> None:
    """Change something in a document, as pages do."""
    columns = [m for m in document.models if isinstance(m, Column)]
    column = columns[rng.integers(len(columns))]
    kind = rng.integers(7)
    if kind <= 1:
        column.children = [*column.children, tree(rng)]
    elif kind == 2:
        column.children.append(Div(name=next(names)))
    elif kind == 3:
        column.children = column.children[1:]
    elif kind == 4:
        column.tags = [tree(rng)]
    elif kind == 5:
        column.js_on_change("width", CustomJS(args={"other": Div()}, code=""))
    else:
        column.width = int(rng.integers(100))


@pytest.mark.parametrize("seed", range(6))
def test_the_models_of_a_document_stay_those_that_its_roots_name(
    listed: list[Document], seed: int
) -> None:
    rng, document = np.random.default_rng(seed), Document()
    document.add_root(tree(rng))
    document.add_root(tree(rng))
    gone: set[Model] = set()
    for _ in range(60):
        before = set(document.models)
        if rng.random() < 0.3:
            with document.models.freeze():
                for _ in range(3):
                    change(document, rng)
        else:
            change(document, rng)
        check(document)
        gone |= before - set(document.models)
        assert all(m.document is None for m in gone - set(document.models))
    assert gone


def test_adding_to_a_page_lists_only_what_was_added(listed: list[Document]) -> None:
    document, column = Document(), Column(children=[Div()])
    document.add_root(column)
    listed.clear()
    document.models.flush_synced()
    added = Column(children=[Div(name="new")])
    with document.models.freeze():
        column.children = [*column.children, added]
        added.children = [*added.children, Div(name="later")]
    check(document)
    assert listed == []
    assert document.models._new_models == {added, *added.children}
    column.children = column.children[:1]
    check(document)
    assert listed == [document]


def test_a_root_that_comes_or_goes_is_seen(listed: list[Document]) -> None:
    document, first, second = Document(), Column(children=[Div()]), Column(children=[Div()])
    document.add_root(first)
    document.add_root(second)
    check(document)
    document.remove_root(first)
    check(document)
    assert first.document is None


def test_after_a_failure_all_models_are_listed_again(listed: list[Document]) -> None:
    document, column, other = Document(), Column(children=[Div()]), Document()
    document.add_root(column)
    taken = Div()
    other.add_root(taken)
    with pytest.raises(RuntimeError, match="single document"):
        column.children = [*column.children, taken]
    listed.clear()
    with pytest.raises(RuntimeError, match="single document"):
        column.children = [*column.children, Div()]
    assert listed == [document]
