"""Windows that stand still pull displacements towards zero: how far, so that it can be undone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fibsem_dash.backend import array_module, to_host
from fibsem_dash.features.blocks.correlation import band_weights
from fibsem_dash.features.blocks.spectra import Complexes
from fibsem_dash.settings import BlockSettings

BLOCKS_USED = 128
"""Blocks whose spectra are averaged; the factor changes by less than 0.002 with more of them."""

FEWEST_BLOCKS = 8
"""With fewer the average spectrum says nothing; vectors then stay as they are."""

HANN_SPREAD = 1 / 3
"""Variance of the power of a Hann window's transform along an axis, squared cycles per block."""

LIMITS = 0.8, 1.05
"""A factor outside of these is no property of a texture but noise."""


def window_pull(
    first: Complexes,
    second: Complexes,
    vectors: npt.NDArray[np.float64],
    confident: npt.NDArray[np.bool_],
    settings: BlockSettings,
) -> npt.NDArray[np.float64]:
    """Return the ratio of measured to true displacements along each axis.

    Both windows stand at the same pixels while the content moves. The coefficient at frequency k
    gathers content of neighbouring frequencies, weighted by the power of the image there and of
    the window's transform, so its phase turns with the mean of those frequencies. Power falls
    with frequency, so the mean lies below k and displacements come out too small. For a window
    whose transform is about a normal distribution of variance s, Tweedie's formula gives that mean
    from the power P as it is measured, ``k + s d(ln P)/dk`` (Efron 2011, doi
    10.1198/jasa.2011.tm11181); least squares over the weighted band makes one ratio of it.

    Parameters
    ----------
    first, second : (..., ky, kx) complex64 array
        Spectra of n blocks of both images.
    vectors : (n, 2) float64 array
        Their measured displacements (x, y), px.
    confident : (n,) bool array
        Blocks to average over.
    settings : BlockSettings
        Those that the spectra were made with.

    Returns
    -------
    (2,) float64 array
        Along x and y, mostly 0.97 to 1; one where too few blocks are confident.
    """
    chosen = np.flatnonzero(confident)
    if len(chosen) < FEWEST_BLOCKS:
        return np.ones(2)
    chosen = chosen[:: -(-len(chosen) // BLOCKS_USED)]
    size, (n_ky, n_kx) = settings.block_size, first.shape[-2:]
    columns = first.shape[1] if first.ndim == 4 else 1
    place = np.divmod(chosen, columns) if first.ndim == 4 else (chosen,)
    xp = array_module("auto", first)
    rows = tuple(xp.asarray(part) for part in place)
    product = to_host(first[rows].conj() * second[rows])
    ky, kx = np.arange(n_ky) - n_kx + 1, np.arange(n_kx)
    turn = (2j * np.pi / size * vectors[chosen]).astype(np.complex64)
    # Turned back by the displacement: what the images share adds up, noise does not.
    product *= np.exp(turn[:, 1:] * ky)[:, :, None] * np.exp(turn[:, :1] * kx)[:, None]
    power = product.real.mean(0, dtype=np.float64)
    magnitude = np.abs(product) + np.finfo(np.float32).tiny
    weight = (product.real * magnitude**-settings.whitening).mean(0, dtype=np.float64)
    weight *= band_weights(size, settings.low_pass, settings.suppress_axes)
    along_y, along_x = _log_slopes(power)
    weight = np.maximum(weight, 0)
    ratios = [
        1 + HANN_SPREAD * (weight * k * slope).sum() / max((weight * k**2).sum(), 1e-30)
        for k, slope in ((kx[None], along_x), (ky[:, None], along_y))
    ]
    result: npt.NDArray[np.float64] = np.clip(ratios, *LIMITS)
    return result


def _log_slopes(power: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], ...]:
    """Differentiate the logarithm of power along ky and kx, per cycle per block."""
    logarithm = np.log(np.maximum(power, 1e-6 * max(float(power.max()), 1e-30)))
    # The half that is not stored is the mirror image: no one-sided difference at kx = 0.
    whole = np.concatenate([logarithm[::-1, :0:-1], logarithm], 1)
    return tuple(slope[:, power.shape[1] - 1 :] for slope in np.gradient(whole))
