"""The `fibsem-dash` command."""

from fibsem_dash.cli.main import main

__all__ = ["main"]
