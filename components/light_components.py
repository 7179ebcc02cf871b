"""Components of Panel that look at their children and parameters without a detour."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from typing import Any

from bokeh.settings import settings
from panel.custom import Child, Children, ReactiveESM, is_viewable_param


@cache
def child_parameters(kind: type[ReactiveESM]) -> tuple[tuple[str, bool], ...]:
    """Return the parameters of a class of components that hold others, and whether many.

    Parameters
    ----------
    kind : type
        Class of components.
    """
    parameters = kind.param.objects(instance=False).items()
    return tuple(
        (name, isinstance(parameter, Children))
        for name, parameter in parameters
        if isinstance(parameter, (Child, Children))
    )


@cache
def viewable_parameters(kind: type[ReactiveESM]) -> tuple[str, ...]:
    """Return the parameters of a class of components whose values are shown inside of it.

    Parameters
    ----------
    kind : type
        Class of components.
    """
    shown, names = kind._property_mapping, kind.param.objects(instance=False).items()
    return tuple(
        name
        for name, parameter in names
        if is_viewable_param(parameter) and shown.get(name, "") is not None
    )


def select(component: ReactiveESM, selector: Any = None) -> list[Any]:
    """Return the components in and below one that a selector takes, as ``select`` of Panel does.

    Panel 1.9 goes through all parameters of each component for it, four times for each card that
    is added to a page.

    Parameters
    ----------
    component : panel.custom.ReactiveESM
        Where to look.
    selector : type, callable or None
        A class of components, or what tells whether one is wanted; None takes all.
    """
    if isinstance(selector, type):
        wanted = isinstance(component, selector)
    else:
        wanted = selector is None or selector(component)
    selected = [component] if wanted else []
    for name, many in child_parameters(type(component)):
        child = getattr(component, name)
        for part in (child or ()) if many else (child,):
            if part is not None:
                selected += part.select(selector)
    return selected


@contextmanager
def shared_parameters(component: ReactiveESM) -> Iterator[None]:
    """Let what is only read be read from the parameters of the class.

    Param makes a copy of each parameter for each object that asks for it, and keeps it: a tab in
    which all pages were visited held ten thousands.

    Parameters
    ----------
    component : panel.custom.ReactiveESM
        Parameters that it has of its own stay.
    """
    own = component._param__private.params
    lent = {k: p for k, p in component.param.objects(instance=False).items() if k not in own}
    own.update(lent)
    try:
        yield
    finally:
        for name, parameter in lent.items():
            if own.get(name) is parameter:
                del own[name]


def with_shared_parameters(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method of components that only reads parameters, with those of the class."""

    @wraps(method)
    def read(component: ReactiveESM, *arguments: Any) -> Any:
        with shared_parameters(component):
            return method(component, *arguments)

    return read


def get_children(
    component: ReactiveESM, data_model: Any, doc: Any, root: Any, parent: Any, comm: Any
) -> tuple[dict[str, Any], list[Any]]:
    """Make the models of the parts of a component, as ``_get_children`` of Panel does."""
    children, known = {}, []
    for name in viewable_parameters(type(component)):
        part = getattr(component, name)
        children[name], old = component._get_child_model(part, doc, root, parent, comm)
        known += old
    return children, known


def make_components_light() -> None:
    """Let all components be made this way."""
    if ReactiveESM.select is select:
        return
    ReactiveESM.select = select
    ReactiveESM._get_properties = with_shared_parameters(ReactiveESM._get_properties)
    ReactiveESM._get_children = get_children
    # Bokeh takes the signature of each callback apart; Panel sets one for each property of each
    # model, and all of them are the same few methods.
    settings.perform_error_diagnostics = False
