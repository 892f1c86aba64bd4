"""Half-quadratic splitting on top of L-BFGS: a quadratic pull whose centre and weight change.

The function minimised is f(u) + weight |u - centre|^2. Its quadratic part is known exactly, so that
a new centre and a new weight cost no evaluation of f, and the pairs of steps and gradient changes
that L-BFGS has gathered stay valid: weight only adds 2 (new - old) times the step to each change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from focusbench.solvers.quasi_newton import State, ValueAndGradient


@dataclass(frozen=True)
class Pull:
    """The quadratic part: weight |u - centre|^2, centre of the shape of u."""

    centre: Tensor
    weight: float

    def value(self, point: Tensor) -> float:
        """Value, added up in float64."""
        return self.weight * (point - self.centre).square().sum(dtype=torch.float64).item()

    def added_to(self, function: ValueAndGradient) -> ValueAndGradient:
        """Return f + this as a function of the point: value and gradient."""

        def both(point: Tensor) -> tuple[float, Tensor]:
            value, gradient = function(point)
            return value + self.value(point), gradient.add(
                point - self.centre, alpha=2 * self.weight
            )

        return both


def exchanged(state: State, old: Pull, new: Pull) -> State:
    """Carry a state of the minimisation with `old` over to the function with `new`.

    The same point, evaluations and pairs; f is not evaluated. A minimisation that was finished goes
    on.
    """
    point = state.point
    gradient = state.gradient - 2 * old.weight * (point - old.centre)
    gradient += 2 * new.weight * (point - new.centre)
    return replace(
        state,
        gradient=gradient,
        changes=state.changes + 2 * (new.weight - old.weight) * state.steps,
        value=state.value - old.value(point) + new.value(point),
        stalls=0,
        finished=False,
        reason="",
    )
