"""Bridges to Dask, xarray, IMOD, scikit-image, napari and Neuroglancer."""

from fibsem_dash.interoperability.lazy import LazyStack, open_stack
from fibsem_dash.interoperability.matrices import from_skimage, to_skimage
from fibsem_dash.interoperability.xf import from_xf, read_xf, run_to_xf, to_xf, write_xf

__all__ = [
    "LazyStack",
    "from_skimage",
    "from_xf",
    "open_stack",
    "read_xf",
    "run_to_xf",
    "to_skimage",
    "to_xf",
    "write_xf",
]
