"""Limited-memory BFGS in a box, as a pure function from one iterate to the next.

Written out here because a run must be able to stop after any iteration and go on, in another
process, to the same bytes: all that the next iteration depends on stands in `State`.

An iteration (two-metric projection, Bertsekas 1982, with the inverse Hessian of L-BFGS on the free
variables):

1. Variables at a bound, or closer to it than `near` allows, whose gradient pushes outwards are
   held; the rest are free.
2. The direction is -H g on the free ones, H being the inverse Hessian of the last `memory` pairs of
   step and gradient change, restricted to the free variables (Nocedal 1980). It is computed from
   inner products of the pairs (Chen, Wang and Zhou 2014), in float64 whatever type the point has.
3. The step is cut at the bounds and shortened until the value falls enough (Armijo's rule along the
   projected path, Bertsekas 1976), the next length being the minimum of a parabola through what is
   known, kept within a tenth and a half of the last one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from focusbench.solvers.krylov import dot
from focusbench.solvers.line_search import DECREASE, SHORTENING, shorter

ValueAndGradient = Callable[[Tensor], tuple[float, Tensor]]

CURVATURE = 1e-10  # pairs whose cosine is not above this are of no use: H must be positive
TRIALS = 20  # lengths tried in one iteration


@dataclass(frozen=True)
class Settings:
    """How to minimise.

    Parameters
    ----------
    lower, upper
        Bounds of every variable; None: none.
    memory
        Pairs kept.
    first_change
        Largest change of a variable in the first step (and after the memory was dropped), in the
        variables' unit.
    near
        A variable within this distance of a bound counts as at it. The distance used is never
        longer than a plain gradient step, so that it vanishes at the solution.
    max_evaluations
        No more calls of the function than this, over all iterations; None: no limit.
    gradient_tolerance
        Finished when the largest free entry of the gradient is not above this.
    value_tolerance, patience
        Finished when the value fell by no more than `value_tolerance` of itself in each of
        `patience` iterations in a row.
    """

    lower: float | None = None
    upper: float | None = None
    memory: int = 15
    first_change: float = 0.01
    near: float = 1e-6
    max_evaluations: int | None = None
    gradient_tolerance: float = 0.0
    value_tolerance: float = 0.0
    patience: int = 5

    def __post_init__(self) -> None:
        if self.memory < 1 or self.patience < 1:
            raise ValueError("memory and patience must be at least 1")
        if not self.first_change > 0:
            raise ValueError(f"first_change is {self.first_change}; a number above 0 is accepted")
        if None not in (self.lower, self.upper) and not self.lower < self.upper:
            raise ValueError(f"lower {self.lower} must be below upper {self.upper}")
        if self.max_evaluations is not None and self.max_evaluations < 1:
            raise ValueError(f"max_evaluations is {self.max_evaluations}; at least 1 is accepted")

    def clip(self, point: Tensor) -> Tensor:
        """Nearest point in the box."""
        if self.lower is None and self.upper is None:
            return point
        return point.clamp(self.lower, self.upper)


@dataclass(frozen=True)
class State:
    """An iterate, and all that the next one depends on.

    `steps` and `changes` (pairs, *shape of the point) hold the steps and the changes of the
    gradient, oldest first; `stalls` counts the last iterations in a row that hardly lowered the
    value; `reason` says why the minimisation is finished.
    """

    point: Tensor
    gradient: Tensor
    steps: Tensor
    changes: Tensor
    value: float
    iterations: int = 0
    evaluations: int = 0
    stalls: int = 0
    finished: bool = False
    reason: str = ""


def begin(point: Tensor, function: ValueAndGradient, settings: Settings) -> State:
    """Evaluate the function (once) at the point of the box that is nearest to `point`."""
    point = settings.clip(point.detach().clone())
    value, gradient = function(point)
    empty = point.new_zeros((0, *point.shape))
    state = State(point, gradient.detach().clone(), empty, empty, float(value), evaluations=1)
    return _judged(state, settings)


def iterate(state: State, function: ValueAndGradient, settings: Settings) -> State:
    """Do one iteration; return `state` itself if it is finished.

    Parameters
    ----------
    function
        Maps a point to value and gradient. It must not keep or change the point.

    Returns
    -------
    State
        Its value is never above that of `state`. If the evaluations end in the middle of a line
        search, the point stays where it was.
    """
    if state.finished:
        return state
    free, near = _free(state, settings)
    gradient = torch.where(free, state.gradient, torch.zeros_like(state.gradient))
    direction = _direction(state, free, gradient) if len(state.steps) else None
    if direction is None or not dot(direction, gradient) < 0:
        length = settings.first_change / gradient.abs().max().item()
        direction, state = -gradient, _forget(state)
    else:
        length = 1.0
    onto_bound = settings.clip(state.point - near * state.gradient.sign()) - state.point
    direction = torch.where(free, direction, onto_bound)
    evaluations = state.evaluations
    for _ in range(TRIALS):
        if settings.max_evaluations is not None and evaluations >= settings.max_evaluations:
            return replace(
                state, evaluations=evaluations, finished=True, reason="evaluations are used up"
            )
        point = settings.clip(state.point + length * direction)
        step = point - state.point
        slope = dot(state.gradient, step)
        if slope < 0:
            value, new_gradient = function(point)
            evaluations += 1
            if value <= state.value + DECREASE * slope:
                return _judged(
                    _accepted(state, point, step, value, new_gradient, evaluations, settings),
                    settings,
                )
            length *= shorter(slope, value - state.value)
        else:
            length *= SHORTENING[1]  # bounds bent the path uphill; near the start it leads down
    state = replace(state, iterations=state.iterations + 1, evaluations=evaluations)
    if len(state.steps):
        return _forget(state)  # once more, along the plain gradient
    return replace(state, finished=True, reason="no step lowers the value")


def _free(state: State, settings: Settings) -> tuple[Tensor, float]:
    """Variables that no bound holds, and the distance that counts as at a bound."""
    point, gradient = state.point, state.gradient
    free = torch.ones_like(point, dtype=torch.bool)
    if settings.lower is None and settings.upper is None:
        return free, 0.0
    near = min(settings.near, (settings.clip(point - gradient) - point).abs().max().item())
    if settings.lower is not None:
        free &= (point > settings.lower + near) | (gradient < 0)
    if settings.upper is not None:
        free &= (point < settings.upper - near) | (gradient > 0)
    return free, near


def _direction(state: State, free: Tensor, gradient: Tensor) -> Tensor | None:
    """Return -H g; None if no pair has positive curvature on the free variables."""
    k = len(state.steps)
    rows = torch.cat([state.steps, state.changes, gradient[None]]).flatten(1).double()
    rows[: 2 * k] *= free.flatten()
    products = (rows @ rows.T).cpu().numpy()
    curvature = np.array([products[i, k + i] for i in range(k)])
    sizes = np.sqrt(np.diag(products))
    good = [i for i in range(k) if curvature[i] > CURVATURE * sizes[i] * sizes[k + i]]
    if not good:
        return None
    weights = np.zeros(2 * k + 1)  # of the rows, in the vector that the two loops work on
    weights[-1] = 1.0
    alpha = np.zeros(k)
    for i in reversed(good):
        alpha[i] = weights @ products[i] / curvature[i]
        weights[k + i] -= alpha[i]
    newest = good[-1]
    weights *= curvature[newest] / products[k + newest, k + newest]
    for i in good:
        weights[i] += alpha[i] - weights @ products[k + i] / curvature[i]
    direction = torch.from_numpy(-weights).to(rows) @ rows
    return direction.to(gradient).reshape(gradient.shape)


def _accepted(
    state: State,
    point: Tensor,
    step: Tensor,
    value: float,
    gradient: Tensor,
    evaluations: int,
    settings: Settings,
) -> State:
    """Move to `point`, with the pair added to the memory."""
    gradient = gradient.detach().clone()
    stalled = state.value - value <= settings.value_tolerance * abs(state.value)
    return replace(
        state,
        point=point,
        gradient=gradient,
        steps=torch.cat([state.steps, step[None]])[-settings.memory :],
        changes=torch.cat([state.changes, (gradient - state.gradient)[None]])[-settings.memory :],
        value=float(value),
        iterations=state.iterations + 1,
        evaluations=evaluations,
        stalls=state.stalls + 1 if stalled else 0,
    )


def _judged(state: State, settings: Settings) -> State:
    """Mark a state as finished if it is."""
    held = torch.zeros_like(state.gradient)
    largest = torch.where(_free(state, settings)[0], state.gradient, held).abs().max().item()
    if largest <= settings.gradient_tolerance:
        return replace(state, finished=True, reason="the gradient vanishes")
    if state.stalls >= settings.patience:
        return replace(state, finished=True, reason="the value hardly falls")
    if settings.max_evaluations is not None and state.evaluations >= settings.max_evaluations:
        return replace(state, finished=True, reason="evaluations are used up")
    return state


def _forget(state: State) -> State:
    empty = state.steps[:0].clone()
    return replace(state, steps=empty, changes=empty)
