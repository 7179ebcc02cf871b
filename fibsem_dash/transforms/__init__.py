"""Transform models, their solvers and residual statistics.

Geometry of the whole package: pixel centres lie at integers, points are (x, y) = (column, row). A
matrix is 3 x 3 homogeneous and acts on (x, y, 1). A pair matrix ``A_j`` maps coordinates in frame j
(source) to coordinates in frame j+1 (destination); ``C_0 = I``, ``C_{j+1} = A_j C_j``, and a
registered image is ``output(p) = frame_j(C_j p)``.
"""

from fibsem_dash.transforms.linreg import solve_linreg
from fibsem_dash.transforms.matrices import apply, residuals, translation
from fibsem_dash.transforms.models import TransformModel, get_model
from fibsem_dash.transforms.ransac import solve_ransac
from fibsem_dash.transforms.result import TransformEstimate
from fibsem_dash.transforms.statistics import fwhm

__all__ = [
    "TransformEstimate",
    "TransformModel",
    "apply",
    "fwhm",
    "get_model",
    "residuals",
    "solve_linreg",
    "solve_ransac",
    "translation",
]
