"""Documents that look at what was added to them, not at all of their models again."""

from __future__ import annotations

from typing import Any

from bokeh.document import Document
from bokeh.document.models import DocumentModelManager
from bokeh.model import Model
from bokeh.model.util import collect_filtered_models, visit_value_and_its_immediate_references

_bokehs_trigger = Model.trigger
_bokehs_recompute = DocumentModelManager.recompute


def held_models(value: Any) -> list[Model]:
    """Return the models that a value names, without those that they name themselves."""
    found: list[Model] = []
    visit_value_and_its_immediate_references(value, found.append)
    return found


class Changes:
    """What has changed in a document since its models were listed.

    Attributes
    ----------
    added : list of Model
        Named by models of the document, and maybe new in it.
    others : bool
        Whether models may have been taken away, so that all must be listed again.
    roots : list of str
        Names of the roots of the document when its models were listed.
    """

    def __init__(self) -> None:
        self.added: list[Model] = []
        self.others = False
        self.roots: list[str] = []

    def note(self, old: Any, new: Any) -> None:
        """Note a change of a property of a model, from one value to another."""
        before, after = held_models(old), held_models(new)
        if {id(model) for model in before} <= {id(model) for model in after}:
            self.added += after
        else:
            self.others = True


def changes_of(models: DocumentModelManager) -> Changes:
    """Return what is noted about the models of a document."""
    noted: Changes | None = models.__dict__.get("_changes")
    if noted is None:
        noted = models._changes = Changes()
        noted.others = True
    return noted


def trigger(
    model: Model, attr: str, old: Any, new: Any, hint: Any = None, setter: Any = None
) -> None:
    """Tell of a change, as ``Model.trigger`` does, and note which models it brings."""
    if hint is None and model._document is not None:
        changes_of(model.document.models).note(old, new)
    _bokehs_trigger(model, attr, old, new, hint, setter)


def recompute(models: DocumentModelManager) -> None:
    """List the models of a document, only those that were added where none was taken away.

    Bokeh 3.9 follows all references of all models whenever one is added: a tab in which all pages
    were visited has thousands, and a page is built of a dozen parts.

    Parameters
    ----------
    models : bokeh.document.models.DocumentModelManager
        Those of the document.
    """
    document = models._document()
    if document is None:
        return
    noted, since = changes_of(models), Changes()
    since.roots = [root.id for root in document.roots]
    models._changes = since
    try:
        if noted.others or noted.roots != since.roots:
            _bokehs_recompute(models)
        else:
            _attach(models, document, noted.added)
    except BaseException:
        since.others = True
        raise


def _attach(models: DocumentModelManager, document: Document, added: list[Model]) -> None:
    """Add models, and those that they name, to the list where they are not in it."""
    known = models._models
    new = [model for model in added if known.get(model.id) is not model]
    for model in collect_filtered_models(lambda found: known.get(found.id) is found, *new):
        model._attach_document(document)
        models._new_models.add(model)
        known[model.id] = model
        if model.name is not None:
            models._models_by_name.add_value(model.name, model)


def make_documents_light() -> None:
    """Let the models of all documents be listed this way."""
    Model.trigger = trigger
    DocumentModelManager.recompute = recompute
