"""A misfit with a penalty in a box, by Newton steps on a cheap model that L-BFGS pairs correct.

For functions whose evaluation is dear while a model of their curvature is cheap. Like
`quasi_newton`, a pure function from one iterate to the next: `State` is all that the next iteration
depends on.

An iteration:

1. The objective is replaced by a quadratic: its gradient is the exact one, its curvature that of
   `Objective.curvature`, corrected by the last pairs of step and gradient change (BFGS formula,
   each pair damped where it contradicts the model: Powell 1978; Nocedal and Wright, 18.2).
2. The quadratic is lowered within the box by conjugate gradients (`krylov.quadratic_in_box`), which
   evaluate nothing.
3. The step is shortened until the objective falls enough (Armijo's rule; the next length is the
   minimum of a parabola through what is known, kept within a tenth and a half of the last one).
   Every trial is one evaluation; the first one mostly serves.
4. The curvature's damping grows where the quadratic promised too much, and shrinks where it held
   (Levenberg-Marquardt).

The penalty's weight starts at `first_weight` and is multiplied by `weight_decay` with every
accepted step until it is the wanted one. So the coarse things are found first, and what the misfit
hardly determines never strays far.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from focusbench.solvers.krylov import Linear, dot, quadratic_in_box
from focusbench.solvers.line_search import DECREASE, shorter

TRIALS = 12  # lengths tried in one iteration
POWELL = 0.05  # part of the model's curvature that a pair must show
LEAST_DAMPING, MOST_DAMPING = 1e-3, 10.0


class Evaluation(NamedTuple):
    """What one evaluation gives: the misfit, its gradient, and what curvature needs besides."""

    misfit: float
    gradient: Tensor
    light: Tensor


class Curvature(NamedTuple):
    """A model's second derivative and about its inverse, both symmetric and positive definite."""

    apply: Linear
    precondition: Linear


class Objective(Protocol):
    """Misfit + weight * penalty."""

    def evaluate(self, point: Tensor) -> Evaluation:
        """Evaluate the misfit: the dear part. It must not keep or change the point."""

    def penalty(self, point: Tensor) -> tuple[float, Tensor]:
        """Value and gradient of the penalty."""

    def curvature(
        self, point: Tensor, light: Tensor, free: Tensor, weight: float, damping: float
    ) -> Curvature:
        """Model the objective's curvature; `free` marks the variables that no bound holds."""


@dataclass(frozen=True)
class Settings:
    """How to minimise.

    Parameters
    ----------
    lower, upper
        Bounds of every variable.
    weight
        Of the penalty.
    first_weight, weight_decay
        The penalty's weight in the first iteration (if above `weight`), and what it is multiplied
        by after every accepted step.
    memory
        Pairs kept; 0: none. They belong to one weight and are dropped when it changes.
    rounds, products
        Of `krylov.quadratic_in_box`.
    first_damping
        Damping in the first iteration.
    max_evaluations
        No more evaluations than this.
    value_tolerance, patience
        Finished when, at the wanted weight, the objective fell by no more than `value_tolerance` of
        itself in each of `patience` iterations in a row.
    """

    lower: float
    upper: float
    weight: float
    max_evaluations: int
    first_weight: float = 0.0
    weight_decay: float = 0.5
    memory: int = 8
    rounds: int = 3
    products: int = 8
    first_damping: float = 0.03
    value_tolerance: float = 0.0
    patience: int = 5

    def __post_init__(self) -> None:
        if not self.lower < self.upper:
            raise ValueError(f"lower {self.lower} must be below upper {self.upper}")
        if not 0 < self.weight_decay < 1:
            raise ValueError(f"weight_decay is {self.weight_decay}; between 0 and 1 is accepted")
        for name in ("max_evaluations", "rounds", "products", "patience"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; at least 1 is accepted")


@dataclass(frozen=True)
class State:
    """An iterate, and all that the next one depends on.

    `steps` and `changes` (pairs, *shape of the point) hold steps and changes of the gradient,
    oldest first; `value` is the objective with the weight that the last step was taken with,
    `weight` that of the next one; `reason` says why the minimisation is finished.
    """

    point: Tensor
    gradient: Tensor
    light: Tensor
    steps: Tensor
    changes: Tensor
    misfit: float
    value: float
    weight: float
    damping: float
    iterations: int = 0
    evaluations: int = 0
    stalls: int = 0
    finished: bool = False
    reason: str = ""


def begin(point: Tensor, objective: Objective, settings: Settings) -> State:
    """Evaluate (once) at the point of the box that is nearest to `point`."""
    point = point.detach().clamp(settings.lower, settings.upper)
    found = objective.evaluate(point)
    weight = max(settings.weight, settings.first_weight)
    empty = point.new_zeros((0, *point.shape))
    state = State(
        point=point,
        gradient=found.gradient,
        light=found.light,
        steps=empty,
        changes=empty,
        misfit=found.misfit,
        value=found.misfit + weight * objective.penalty(point)[0],
        weight=weight,
        damping=settings.first_damping,
        evaluations=1,
    )
    return _judged(state, settings)


def iterate(state: State, objective: Objective, settings: Settings) -> State:
    """Do one iteration; return `state` itself if it is finished.

    The objective never rises, at the weight that the step is taken with. If the evaluations end in
    the middle of a line search, the point stays where it was.
    """
    if state.finished:
        return state
    penalty, slope_of_penalty = objective.penalty(state.point)
    value = state.misfit + state.weight * penalty
    gradient = state.gradient + state.weight * slope_of_penalty
    step, promised = _newton_step(state, gradient, objective, settings)
    slope = dot(gradient, step)
    if not slope < 0:
        return replace(state, finished=True, reason="no step lowers the value")
    length, evaluations, trials = 1.0, state.evaluations, 0
    while True:
        if evaluations >= settings.max_evaluations:
            return replace(
                state, evaluations=evaluations, finished=True, reason="evaluations are used up"
            )
        point = (state.point + length * step).clamp(settings.lower, settings.upper)
        found = objective.evaluate(point)
        evaluations, trials = evaluations + 1, trials + 1
        penalty, slope_of_penalty = objective.penalty(point)
        new_value = found.misfit + state.weight * penalty
        if new_value <= value + DECREASE * length * slope:
            break
        if trials == TRIALS:
            return _failed(state, evaluations, settings)
        length *= shorter(length * slope, new_value - value)
    new_gradient = found.gradient + state.weight * slope_of_penalty
    weight = max(settings.weight, state.weight * settings.weight_decay)
    steps, changes = state.steps, state.changes
    if state.weight == settings.weight and settings.memory:
        steps = torch.cat([steps, (point - state.point)[None]])[-settings.memory :]
        changes = torch.cat([changes, (new_gradient - gradient)[None]])[-settings.memory :]
    settled = state.weight == settings.weight
    stalled = settled and value - new_value <= settings.value_tolerance * abs(value)
    held = (value - new_value) / promised if trials == 1 and promised > 0 else -math.inf
    return _judged(
        replace(
            state,
            point=point,
            gradient=found.gradient,
            light=found.light,
            steps=steps,
            changes=changes,
            misfit=found.misfit,
            value=new_value,
            weight=weight,
            damping=_damping(state.damping, held),
            iterations=state.iterations + 1,
            evaluations=evaluations,
            stalls=state.stalls + 1 if stalled else 0,
        ),
        settings,
    )


def _newton_step(
    state: State, gradient: Tensor, objective: Objective, settings: Settings
) -> tuple[Tensor, float]:
    """Step that lowers the quadratic, and by how much it does."""
    point = state.point
    free = ((point < settings.upper) | (gradient > 0)) & ((point > settings.lower) | (gradient < 0))
    model = objective.curvature(point, state.light, free, state.weight, state.damping)
    found = quadratic_in_box(
        _corrected(model.apply, state.steps, state.changes),
        model.precondition,
        gradient,
        settings.lower - point,
        settings.upper - point,
        rounds=settings.rounds,
        iterations=settings.products,
    )
    return found.step, -(dot(gradient, found.step) + dot(found.gradient, found.step)) / 2


def _corrected(apply: Linear, steps: Tensor, changes: Tensor) -> Linear:
    """B, changed so that it maps each step to about the change of the gradient along it."""
    if not len(steps):
        return apply
    rows: list[Tensor] = []
    scales: list[float] = []
    for step, change in zip(steps, changes, strict=True):
        image = apply(step)
        for row, scale in zip(rows, scales, strict=True):
            image = image.add(row, alpha=scale * dot(row, step))
        seen, modelled = dot(step, change), dot(step, image)
        if not modelled > 0:
            continue
        if seen < POWELL * modelled:
            part = (1 - POWELL) * modelled / (modelled - seen)
            change = part * change + (1 - part) * image
            seen = dot(step, change)
        rows += [change, image]
        scales += [1 / seen, -1 / modelled]
    if not rows:
        return apply
    stacked = torch.stack(rows).flatten(1)
    factors = torch.tensor(scales, dtype=stacked.dtype, device=stacked.device)

    def product(vector: Tensor) -> Tensor:
        extra = (factors * (stacked @ vector.flatten())) @ stacked
        return apply(vector) + extra.reshape(vector.shape)

    return product


def _damping(damping: float, held: float) -> float:
    """Next damping, `held` being the part of the promised fall that the first trial brought."""
    if held == -math.inf:
        damping *= 4
    elif held < 0.3:
        damping *= 2
    elif held > 0.7:
        damping /= 2
    return min(max(damping, LEAST_DAMPING), MOST_DAMPING)


def _failed(state: State, evaluations: int, settings: Settings) -> State:
    """Try once more without pairs and with more damping, unless that is how it failed."""
    state = replace(state, iterations=state.iterations + 1, evaluations=evaluations)
    if not len(state.steps) and state.damping >= MOST_DAMPING:
        return replace(state, finished=True, reason="no step lowers the value")
    empty = state.steps[:0].clone()
    return _judged(replace(state, steps=empty, changes=empty, damping=MOST_DAMPING), settings)


def _judged(state: State, settings: Settings) -> State:
    """Mark a state as finished if it is."""
    if state.stalls >= settings.patience:
        return replace(state, finished=True, reason="the value hardly falls")
    if state.evaluations >= settings.max_evaluations:
        return replace(state, finished=True, reason="evaluations are used up")
    return state
