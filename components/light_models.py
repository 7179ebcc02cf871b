"""Models of Bokeh whose defaults are worked out once for each class, not at each reading."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import bokeh.model.util as model_util
from bokeh.core.has_props import HasProps
from bokeh.core.property.descriptors import PropertyDescriptor
from bokeh.model import Model

PLAIN = (type(None), bool, int, float, str)
"""Types of defaults that nobody can change in place: one object serves all models."""

_bokehs_default = PropertyDescriptor._get_default
_bokehs_unstable = PropertyDescriptor.has_unstable_default
_visit_value = model_util.visit_value_and_its_immediate_references
_missing = object()


@cache
def plain_defaults(kind: type[HasProps]) -> dict[str, Any]:
    """Return the defaults of a class of models that are plain values, by property.

    A property is not in it when its default is made anew for each model, may be changed in place
    or does not exist.

    Parameters
    ----------
    kind : type
        Class of models.
    """
    given = kind._overridden_defaults()
    found = {}
    for name in kind.properties(_with_props=True):
        descriptor = kind.lookup(name)
        if not isinstance(descriptor, PropertyDescriptor):
            continue
        raw = given.get(name, descriptor.property._default)
        if isinstance(raw, PLAIN) and not descriptor.property._may_have_unstable_default():
            # Text may stand for a model, such as the title of a figure.
            value = descriptor.class_default(kind)
            if type(value) in PLAIN:
                found[name] = value
    return found


@cache
def _unstable_names(kind: type[HasProps]) -> dict[str, bool]:
    """Return what is known of a class: whether a property has a default of its own per model."""
    return {}


def _default_of(descriptor: PropertyDescriptor[Any], model: HasProps) -> Any:
    """Return the default of a property of a model, as Bokeh does."""
    name = descriptor.name
    themed = model.__dict__.get("__themed_values__")
    if themed is None or name not in themed:
        value = plain_defaults(type(model)).get(name, _missing)
        if value is not _missing:
            return value
    return _bokehs_default(descriptor, model)


def _is_unstable(descriptor: PropertyDescriptor[Any], model: HasProps) -> bool:
    """Tell whether each model has a default of its own, as Bokeh does."""
    known = _unstable_names(type(model))
    found = known.get(descriptor.name)
    if found is None:
        found = known[descriptor.name] = _bokehs_unstable(descriptor, model)
    return found


def visit_references(value: Any, visitor: Callable[[Model], None]) -> None:
    """Visit the models that a model holds, as ``visit_immediate_value_references`` does.

    Bokeh 3.9 reads each property, and works out the default where none is set: the models of a
    document are listed again whenever one is added, and half of the time to show a page went there.

    Parameters
    ----------
    value : object
        A model, or what may hold some.
    visitor : callable
        Gets each model that is found.
    """
    if not isinstance(value, HasProps):
        _visit_value(value, visitor)
        return
    kind = type(value)
    own, defaults = value._property_values, value._unstable_default_values
    themed = value.__dict__.get("__themed_values__") or ()
    plain = plain_defaults(kind)
    for name in kind.properties_with_refs():
        child = own.get(name, _missing)
        if child is _missing and name not in themed:
            child = defaults.get(name, _missing)
            if child is _missing and name in plain:
                continue
        if child is _missing:
            child = getattr(value, name)
        if isinstance(child, Model):
            visitor(child)
        elif child is not None and not (isinstance(child, (list, dict)) and not child):
            _visit_value(child, visitor)


def make_models_light() -> None:
    """Let defaults and references of all models be read this way."""
    PropertyDescriptor._get_default = _default_of
    PropertyDescriptor.has_unstable_default = _is_unstable
    model_util.visit_immediate_value_references = visit_references
