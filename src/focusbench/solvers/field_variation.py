"""Total variation of a field whose weight varies, as a step that a restoration takes in between.

Differences are between neighbours, in pixels; beyond the last row and column they are 0.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor

STEPS = 4


def smooth_step(
    values: Tensor, trust: Tensor, weight: Tensor, dual: Tensor, steps: int = STEPS
) -> tuple[Tensor, Tensor]:
    """Approach the z >= 0 with the least sum of (z - values)^2 / (2 trust) + weight |grad z|.

    Projected gradient on the dual problem (Chambolle, J. Math. Imaging Vis. 20, 89 (2004)), with a
    step for each pixel that the largest `trust` beside it allows. A few steps do where the dual
    variable is handed on from a problem much like this one.

    Parameters
    ----------
    values, trust, weight
        (Y, X); `trust` and `weight` above 0.
    dual
        (2, Y, X): where the last call ended, or 0.
    steps
        Of the dual variable.

    Returns
    -------
    Tensor
        z, (Y, X).
    Tensor
        The dual variable, (2, Y, X).
    """
    largest = functional.max_pool2d(trust[None, None], 3, 1, 1)[0, 0]
    length = largest.mul_(8).reciprocal_()
    for _ in range(steps):
        dual = torch.addcmul(dual, length, differences(_primal(values, trust, dual)))
        norm = dual.square().sum(0).sqrt_()
        dual /= norm.div_(weight).clamp_(min=1)
    return _primal(values, trust, dual), dual


def differences(field: Tensor) -> Tensor:
    """Next pixel minus pixel along y and x: (Y, X) to (2, Y, X)."""
    result = field.new_zeros((2, *field.shape))
    torch.sub(field[1:], field[:-1], out=result[0, :-1])
    torch.sub(field[:, 1:], field[:, :-1], out=result[1, :, :-1])
    return result


def adjoint_differences(dual: Tensor) -> Tensor:
    """Apply the exact adjoint of `differences`: (2, Y, X) to (Y, X)."""
    result = torch.zeros_like(dual[0])
    result[1:] += dual[0, :-1]
    result[:-1] -= dual[0, :-1]
    result[:, 1:] += dual[1, :, :-1]
    result[:, :-1] -= dual[1, :, :-1]
    return result


def _primal(values: Tensor, trust: Tensor, dual: Tensor) -> Tensor:
    return torch.addcmul(values, trust, adjoint_differences(dual), value=-1).clamp_(min=0)
