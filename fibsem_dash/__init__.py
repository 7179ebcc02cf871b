"""fibsem-dash: inspect, register and evaluate FIB-SEM image stacks."""

from fibsem_dash._version import __version__

__all__ = ["__version__"]
