"""fibsem-dash: inspect, register and evaluate FIB-SEM image stacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fibsem_dash._version import __version__

if TYPE_CHECKING:
    from fibsem_dash.interoperability.lazy import open_stack

__all__ = ["__version__", "open_stack"]


def __getattr__(name: str) -> Any:
    # Loaded when it is asked for, so that importing the package stays light.
    if name == "open_stack":
        from fibsem_dash.interoperability.lazy import open_stack

        return open_stack
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
