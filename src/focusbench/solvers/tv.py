"""Total variation of a volume, and the sum of squares that is sometimes called by its name.

Differences are between neighbours, in voxels (not divided by the voxel size); where a voxel has no
next neighbour along an axis, the difference is 0. Volumes may have leading batch dimensions, whose
terms are summed.
"""

from __future__ import annotations

import torch
from torch import Tensor

AXES = (-3, -2, -1)


def forward_differences(volume: Tensor) -> Tensor:
    """Return next neighbour minus voxel along z, y, x: (..., Z, Y, X) to (3, ..., Z, Y, X)."""
    result = volume.new_zeros((3, *volume.shape))
    for along, axis in zip(result, AXES, strict=True):
        n = volume.shape[axis] - 1
        torch.sub(
            volume.narrow(axis, 1, n), volume.narrow(axis, 0, n), out=along.narrow(axis, 0, n)
        )
    return result


def adjoint_differences(differences: Tensor) -> Tensor:
    """Apply the exact adjoint of `forward_differences`: (3, ..., Z, Y, X) to (..., Z, Y, X)."""
    result = torch.zeros_like(differences[0])
    for along, axis in zip(differences, AXES, strict=True):
        n = along.shape[axis] - 1
        result.narrow(axis, 1, n).add_(along.narrow(axis, 0, n))
        result.narrow(axis, 0, n).sub_(along.narrow(axis, 0, n))
    return result


def smoothed_total_variation(volume: Tensor, smoothing: float) -> tuple[float, Tensor]:
    """Isotropic total variation, rounded off where it is flat, and its gradient.

    The value is the sum over voxels of sqrt(|d|^2 + s^2) - s, d the three forward differences and
    s = `smoothing` > 0 in the volume's unit: s^-1 |d|^2 / 2 for differences far below s, |d| far
    above.

    Returns
    -------
    value, gradient
        The sum, added up in float64; (..., Z, Y, X) in the volume's type.
    """
    differences = forward_differences(volume)
    norm = differences.square().sum(0).add_(smoothing**2).sqrt_()
    value = (norm - smoothing).sum(dtype=torch.float64).item()
    return value, adjoint_differences(differences.div_(norm))


def squared_differences(volume: Tensor) -> tuple[float, Tensor]:
    """Sum over voxels and axes of squared forward differences, and its gradient.

    Returns
    -------
    value, gradient
        The sum, added up in float64; (..., Z, Y, X) in the volume's type.
    """
    differences = forward_differences(volume)
    value = differences.square().sum(dtype=torch.float64).item()
    return value, adjoint_differences(differences).mul_(2)
