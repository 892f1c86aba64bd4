"""Conjugate gradients for a quadratic in a box."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

Linear = Callable[[Tensor], Tensor]

AT_BOUND = 1e-7  # closer to a bound than this counts as at it
SHORTENING = 0.4  # of a step that the bounds bent too much
LENGTHS = 6  # tried before a round is given up


class Minimum(NamedTuple):
    """A step, and the gradient of the quadratic where it ends."""

    step: Tensor
    gradient: Tensor


def dot(first: Tensor, second: Tensor) -> float:
    """Inner product, added up in float64."""
    return (first.double() * second.double()).sum().item()


def quadratic_in_box(
    apply: Linear,
    precondition: Linear,
    gradient: Tensor,
    lower: Tensor,
    upper: Tensor,
    *,
    rounds: int,
    iterations: int,
    tolerance: float = 0.1,
) -> Minimum:
    """Lower <gradient, s> + <s, B s> / 2 over lower <= s <= upper, starting from s = 0.

    In each round the variables that lie at a bound, and that the gradient pushes outwards, are
    held; preconditioned conjugate gradients on the others; then a search along the step, cut at the
    bounds, until the quadratic falls (in the manner of More and Toraldo 1991). It never rises.

    Parameters
    ----------
    apply
        B, symmetric and positive definite.
    precondition
        About B^-1, symmetric and positive definite.
    gradient
        Of the quadratic at 0.
    lower, upper
        Bounds of the step, `lower` <= 0 <= `upper`, shaped as the gradient.
    rounds, iterations
        Changes of the held variables; products with B in each, at most (and a few for searches).
    tolerance
        A round ends when the preconditioned residual is this part of its first one.

    Returns
    -------
    Minimum
        The step, and gradient + B step.
    """
    step = torch.zeros_like(gradient)
    first = None
    for _ in range(rounds):
        held = ((step >= upper - AT_BOUND) & (gradient < 0)) | (
            (step <= lower + AT_BOUND) & (gradient > 0)
        )
        free = (~held).to(gradient)
        residual = -gradient * free
        ahead = free * precondition(residual)
        size = dot(residual, ahead)
        first = size if first is None else first
        if not size > 1e-2 * tolerance**2 * first:
            break
        enough = tolerance**2 * size
        towards, change, move = ahead, torch.zeros_like(step), torch.zeros_like(step)
        for _ in range(iterations):
            product = apply(towards)
            curvature = dot(towards, product)
            if not curvature > 0:
                break
            length = size / curvature
            move = move.add(towards, alpha=length)
            change = change.add(product, alpha=length)
            residual = residual.addcmul(free, product, value=-length)
            ahead = free * precondition(residual)
            last, size = size, dot(residual, ahead)
            if not size > enough:
                break
            towards = ahead.add(towards, alpha=size / last)
        whole = step + move
        if ((whole >= lower) & (whole <= upper)).all():
            step, gradient = whole, gradient + change
            continue
        length = 1.0
        for _ in range(LENGTHS):
            bent = torch.minimum(torch.maximum(step.add(move, alpha=length), lower), upper)
            move_bent = bent - step
            change = apply(move_bent)
            if dot(gradient, move_bent) + dot(move_bent, change) / 2 < 0:
                break
            length *= SHORTENING
        else:
            break
        step, gradient = bent, gradient + change
    return Minimum(step, gradient)
