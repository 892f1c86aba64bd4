"""Variation of the structure tensor: few directions of change in a neighbourhood are cheap.

Differences as in `solvers.tv`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from focusbench.solvers.tv import adjoint_differences, forward_differences

PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))  # entries of a symmetric matrix, kept once


class Variation(NamedTuple):
    """What `structure_variation` gives: value, gradient, and the majorant's weights.

    `gradient` is (..., Z, Y, X) in the volume's type. `weights` has for each voxel a symmetric,
    positive matrix W, as (6, ..., Z, Y, X) in the order of `PAIRS`: the half sum of d^T W d, d
    being the forward differences, has the same gradient there, and from there the value nowhere
    rises more.
    """

    value: float
    gradient: Tensor
    weights: Tensor


def spread(volume: Tensor, share: float) -> Tensor:
    """Give `share` of every voxel (..., Z, Y, X) to its two neighbours, along z, y and x in turn.

    What would leave the volume is lost, so that this is its own adjoint.
    """
    for axis in (-3, -2, -1):
        n = volume.shape[axis] - 1
        moved = volume * (1 - share)
        moved.narrow(axis, 1, n).add_(volume.narrow(axis, 0, n), alpha=share / 2)
        moved.narrow(axis, 0, n).add_(volume.narrow(axis, 1, n), alpha=share / 2)
        volume = moved
    return volume


def structure_variation(
    volume: Tensor,
    smoothing: float,
    power: float = 1.0,
    reference: float = 1.0,
    share: float = 0.25,
) -> Variation:
    """Variation of a power of the structure tensor, rounded off where it is flat.

    The structure tensor S of a voxel is the product d d^T of its three forward differences,
    averaged over a small neighbourhood by `spread`. The value is r^(1-p) / p times the sum over
    voxels and the eigenvalues m of S of (m + s^2)^(p/2) - s^p, with p = `power` in (0, 1],
    s = `smoothing` > 0 and r = `reference` > 0 in the volume's unit. p = 1 is the structure tensor
    total variation (Lefkimmiatis et al. 2015, with the nuclear norm). Below 1 it is not convex:
    steps larger than r are charged less than at p = 1, smaller ones more. With `share` 0, S has one
    eigenvalue that is not 0, |d|^2, and p = 1 is the isotropic total variation.

    The majorant holds because the trace of a concave function of a matrix is concave (lagged
    diffusivity, Vogel and Oman 1996, for matrices).
    """
    differences = forward_differences(volume)
    products = torch.stack([differences[i] * differences[j] for i, j in PAIRS])
    entries = spread(products, share).double()
    least = smoothing**2
    matrix = entries[_places(volume.device)].movedim((0, 1), (-2, -1))
    values, vectors = torch.linalg.eigh(matrix)
    values = values.clamp_(min=0.0).add_(least)  # rounding makes some a little negative
    scale = reference ** (1 - power)
    value = (values ** (power / 2) - smoothing**power).sum().item()
    charged = (vectors * (scale * values ** (power / 2 - 1))[..., None, :]) @ vectors.mT
    weights = torch.stack([charged[..., i, j] for i, j in PAIRS]).to(volume)
    weights = spread(weights, share)
    gradient = adjoint_differences(weighed(weights, differences))
    return Variation(scale / power * value, gradient, weights)


def weighed(weights: Tensor, differences: Tensor) -> Tensor:
    """Products W d of symmetric matrices (6, ..., Z, Y, X) with differences (3, ..., Z, Y, X)."""
    (zz, yy, xx, zy, zx, yx), (z, y, x) = weights, differences
    return torch.stack(
        [
            zz * z + zy * y + zx * x,
            zy * z + yy * y + yx * x,
            zx * z + yx * y + xx * x,
        ]
    )


def _places(device: torch.device) -> Tensor:
    """Where in `PAIRS` the entry (i, j) of the matrix stands: (3, 3)."""
    return torch.tensor([[0, 3, 4], [3, 1, 5], [4, 5, 2]], device=device)
