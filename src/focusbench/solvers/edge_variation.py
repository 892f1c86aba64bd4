"""Variation of a power of the step: total variation, or less for high steps and more for low ones.

Differences as in `solvers.tv`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from focusbench.solvers.tv import adjoint_differences, forward_differences


def smoothed_variation(
    volume: Tensor, smoothing: float, power: float = 1.0, reference: float = 1.0
) -> tuple[float, Tensor]:
    """Isotropic variation of a power of at most 1, rounded off where it is flat; its gradient.

    The value is r^(1-p) / p times the sum over voxels of (|d|^2 + s^2)^(p/2) - s^p, d the three
    forward differences, p = `power` in (0, 1], s = `smoothing` > 0 and r = `reference` > 0 in the
    volume's unit. p = 1 is the total variation. Below 1 it is not convex: differences larger than r
    are charged less than by the total variation, smaller ones more.

    Returns
    -------
    value, gradient
        The sum, added up in float64; (..., Z, Y, X) in the volume's type.
    """
    differences = forward_differences(volume)
    squares = differences.square().sum(0).add_(smoothing**2)
    scale = reference ** (1 - power)
    value = (squares ** (power / 2) - smoothing**power).sum(dtype=torch.float64).item()
    weights = scale * squares ** (power / 2 - 1)
    return scale / power * value, adjoint_differences(differences.mul_(weights))


def variation_weights(
    volume: Tensor, smoothing: float, power: float = 1.0, reference: float = 1.0
) -> Tensor:
    """Weights (..., Z, Y, X) of the squares whose half sum touches `smoothed_variation` from above.

    With w from a volume x0, the sum of w |d|^2 / 2 and `smoothed_variation` have the same gradient
    at x0, and nowhere does the former rise less from there (lagged diffusivity: Vogel and Oman
    1996).
    """
    squares = forward_differences(volume).square().sum(0).add_(smoothing**2)
    return reference ** (1 - power) * squares ** (power / 2 - 1)
