"""Synthetic FIB-SEM stacks of stained tissue with exactly known drift, written as real files."""

from fibsem_dash.phantom.options import BrightnessChange, PhantomFormat, PhantomSettings
from fibsem_dash.phantom.render import FrameRenderer
from fibsem_dash.phantom.write import PhantomResult, write_phantom

__all__ = [
    "BrightnessChange",
    "FrameRenderer",
    "PhantomFormat",
    "PhantomResult",
    "PhantomSettings",
    "write_phantom",
]
