"""Entry point of ``panel serve app.py``."""

from components.shell import build

build().servable(title="fibsem-dash")
