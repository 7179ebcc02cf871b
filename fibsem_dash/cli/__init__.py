"""The `fibsem-dash` command."""

from fibsem_dash.cli.entry import main

__all__ = ["main"]
