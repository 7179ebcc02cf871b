"""The five transform types as classes, for scikit-image and for ``TransformType=``."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from skimage.transform import AffineTransform as SkimageAffine
from skimage.transform import ProjectiveTransform

from fibsem_dash.errors import ParameterError
from fibsem_dash.settings import TRANSFORMS, SolverSettings
from fibsem_dash.transforms import TransformModel, get_model


class LibraryTransform(ProjectiveTransform):  # type: ignore[misc]
    """A transform of scikit-image whose estimation is that of `fibsem_dash.transforms`.

    Parameters
    ----------
    matrix : (3, 3) array-like, optional
        Homogeneous matrix; the entries that the type does not have are set to their fixed values
        in a copy.
    scale : float or (float, float), optional
    rotation, shear : float, optional
        Radians; only for the affine types.
    translation : (float, float), optional
        (x, y), px.
    dimensionality : int, default 2
        Only 2 is possible.

    Raises
    ------
    ValueError
        For a matrix together with other parameters, one of another shape, or a parameter that the
        type does not have.
    """

    model_name = ""
    allowed: frozenset[str] = frozenset({"translation"})
    l2_matrix: npt.ArrayLike | None = None
    targ_vector: npt.ArrayLike | None = None

    def __init__(
        self,
        matrix: npt.ArrayLike | None = None,
        scale: Any = None,
        rotation: float | None = None,
        shear: float | None = None,
        translation: npt.ArrayLike | None = None,
        *,
        dimensionality: int = 2,
    ) -> None:
        implicit = {
            "scale": scale,
            "rotation": rotation,
            "shear": shear,
            "translation": translation,
        }
        used = {name for name, value in implicit.items() if value is not None}
        if dimensionality not in (None, 2):
            raise ParameterError("dimensionality", expected=2, found=dimensionality)
        if used and matrix is not None:
            raise ParameterError("Give a matrix or parameters, not both", found=sorted(used))
        if used - self.allowed:
            raise ParameterError(
                f"{type(self).__name__} has no such parameter",
                expected=sorted(self.allowed),
                found=sorted(used - self.allowed),
            )
        if matrix is None:
            whole = _implicit_matrix(scale, rotation or 0.0, shear or 0.0, translation)
        else:
            whole = np.array(matrix, dtype=np.float64)
        if whole.shape != (3, 3):
            raise ParameterError("matrix", expected="3 x 3", found=whole.shape)
        super().__init__(self.restrict(whole))

    @classmethod
    def restrict(cls, matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the matrix with the fixed entries of the type."""
        return matrix

    @classmethod
    def library_model(cls) -> TransformModel:
        """Return the library's model with the regularization of this class."""
        rows = None if cls.l2_matrix is None else np.asarray(cls.l2_matrix, np.float64)
        target = (1.0, 0, 0, 0, 1, 0) if cls.targ_vector is None else np.ravel(cls.targ_vector)
        settings = SolverSettings(
            transform=cls.model_name,
            l2_matrix=None if rows is None else tuple(map(tuple, rows.tolist())),
            targ_vector=tuple(float(value) for value in target),
        )
        return get_model(settings)

    def estimate(self, src: npt.ArrayLike, dst: npt.ArrayLike, *_weights: Any) -> bool:
        """Fit to matched points, (n, 2) px; False and NaN where they do not determine it."""
        self.params = self.library_model().estimate(src, dst)
        return bool(np.isfinite(self.params).all())

    @classmethod
    def from_estimate(cls, src: npt.ArrayLike, dst: npt.ArrayLike, *_weights: Any) -> Self | None:
        """Fit to matched points, (n, 2) px; None where they do not determine it."""
        found = cls()
        return found if found.estimate(src, dst) else None

    @property
    def scale(self) -> npt.NDArray[np.float64]:
        """Scales (x, y)."""
        return np.asarray(np.sqrt((self.params[:2, :2] ** 2).sum(axis=0)))

    @property
    def rotation(self) -> float:
        """Rotation, radians."""
        return float(np.arctan2(self.params[1, 0], self.params[0, 0]))

    @property
    def shear(self) -> float:
        """Shear angle, radians."""
        return float(np.arctan2(-self.params[0, 1], self.params[1, 1])) - self.rotation

    @property
    def translation(self) -> npt.NDArray[np.float64]:
        """Translation (x, y), px."""
        return np.asarray(self.params[:2, 2])


def _implicit_matrix(
    scale: Any, rotation: float, shear: float, translation: Any
) -> npt.NDArray[np.float64]:
    sx, sy = np.broadcast_to(1.0 if scale is None else scale, 2)
    tx, ty = (0.0, 0.0) if translation is None else translation
    angle = rotation + shear
    return np.array(
        [
            [sx * np.cos(rotation), -sy * np.sin(angle), tx],
            [sx * np.sin(rotation), sy * np.cos(angle), ty],
            [0.0, 0.0, 1.0],
        ]
    )


class ShiftTransform(LibraryTransform):
    """Shift along x and y: 2 degrees of freedom."""

    model_name = "shift"

    @classmethod
    def restrict(cls, matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the matrix without scales and shears."""
        return np.array([[1.0, 0, matrix[0, 2]], [0, 1.0, matrix[1, 2]], [0, 0, 1.0]])


class XScaleShiftTransform(LibraryTransform):
    """Shift and scale along x: 3 degrees of freedom, for flat, wide frames."""

    model_name = "x_scale_shift"
    allowed = frozenset({"scale", "translation"})

    @classmethod
    def restrict(cls, matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the matrix without shears and with the y scale 1."""
        return np.array([[matrix[0, 0], 0, matrix[0, 2]], [0, 1.0, matrix[1, 2]], [0, 0, 1.0]])


class ScaleShiftTransform(LibraryTransform):
    """Shift and scale along x and y: 4 degrees of freedom."""

    model_name = "scale_shift"
    allowed = frozenset({"scale", "translation"})

    @classmethod
    def restrict(cls, matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the matrix without shears."""
        return np.array(
            [[matrix[0, 0], 0, matrix[0, 2]], [0, matrix[1, 1], matrix[1, 2]], [0, 0, 1.0]]
        )


class AffineTransform(LibraryTransform):
    """All affine transforms: 6 degrees of freedom."""

    model_name = "affine"
    allowed = frozenset({"scale", "rotation", "shear", "translation"})


class RegularizedAffineTransform(AffineTransform):
    """Affine transforms that are pulled to a target.

    Attributes
    ----------
    l2_matrix : (6, 6) array, optional
        Strength, order Sxx Sxy Tx Syx Syy Ty; 1e-5 on scales and shears by default.
    targ_vector : (6,) array, optional
        Target; the identity by default.
    """

    model_name = "regularized_affine"


TYPES: dict[str, type[LibraryTransform]] = {
    kind.model_name: kind
    for kind in (
        ShiftTransform,
        XScaleShiftTransform,
        ScaleShiftTransform,
        AffineTransform,
        RegularizedAffineTransform,
    )
}
"""The classes by the library's names of their models."""


def model_name(transform: Any) -> str:
    """Return the library's name of a transform type: a class, its name, or a library name.

    Raises
    ------
    ParameterError
        For anything else.
    """
    if isinstance(transform, type) and issubclass(transform, LibraryTransform):
        return transform.model_name
    if transform is SkimageAffine:
        return "affine"
    names = {kind.__name__: name for name, kind in TYPES.items()}
    text = str(transform)
    if text in TRANSFORMS or text in names:
        return names.get(text, text)
    raise ParameterError("TransformType", expected=" or ".join(names), found=transform)
