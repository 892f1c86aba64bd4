"""Newton steps in a box on closed forms: minima, counts, weights, state taken apart."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from focusbench.solvers import box_newton
from focusbench.solvers.box_newton import Curvature, Evaluation, Settings
from focusbench.solvers.packing import pack, unpack

N = 12


class Exponentials:
    """|exp(A x) - b|^2 + weight * sum of sqrt(x^2 + 1e-4), modelled with a wrong Jacobian."""

    def __init__(self, error=0.1, seed=2):
        rng = np.random.default_rng(seed)
        self.matrix = torch.from_numpy(rng.uniform(0, 0.6, (N, N)))
        self.observed = torch.from_numpy(rng.uniform(0.2, 1, N))
        self.wrong = self.matrix * torch.from_numpy(1 + error * rng.normal(size=(N, N)))
        self.calls = 0

    def evaluate(self, x):
        self.calls += 1
        light = (self.matrix @ x).exp()
        residual = light - self.observed
        gradient = 2 * self.matrix.T @ (light * residual)
        return Evaluation(residual.square().sum().item(), gradient, light)

    def penalty(self, x):
        size = (x.square() + 1e-4).sqrt()
        return size.sum().item(), x / size

    def curvature(self, x, light, free, weight, damping):
        jacobian = light[:, None] * self.wrong
        matrix = 2 * jacobian.T @ jacobian + torch.diag(weight / (x.square() + 1e-4).sqrt())
        matrix += damping * torch.eye(N, dtype=x.dtype)
        return Curvature(lambda v: matrix @ v, lambda v: v / matrix.diagonal())


def settings(**changes):
    values = {"lower": -2.0, "upper": 0.0, "weight": 1e-3, "max_evaluations": 400, "products": 12}
    return Settings(**(values | changes))


def start(value=-0.5):
    return torch.full((N,), value, dtype=torch.float64)


def minimise(objective, wanted, point=None):
    states = [box_newton.begin(start() if point is None else point, objective, wanted)]
    while not states[-1].finished:
        states.append(box_newton.iterate(states[-1], objective, wanted))
    return states


def stationarity(objective, state, wanted):
    """Largest change that a plain gradient step in the box would make."""
    gradient = objective.evaluate(state.point).gradient
    gradient = gradient + wanted.weight * objective.penalty(state.point)[1]
    return ((state.point - gradient).clamp(wanted.lower, wanted.upper) - state.point).abs().max()


@pytest.mark.parametrize("error", [0.0, 0.1])
@pytest.mark.parametrize("memory", [0, 8])
def test_converges_though_the_model_is_wrong(error, memory):
    objective = Exponentials(error)
    wanted = settings(memory=memory)
    last = minimise(objective, wanted)[-1]
    assert stationarity(objective, last, wanted) < 1e-6
    assert (last.point == 0).any()  # some bound holds
    assert (last.point < -0.01).any()


def test_pairs_make_up_for_a_wrong_model():
    def count(memory):
        objective = Exponentials(0.5)
        wanted = settings(memory=memory, rounds=8)
        states = minimise(objective, wanted)
        return next(s.evaluations for s in states if stationarity(objective, s, wanted) < 1e-7)

    assert count(8) < 0.7 * count(0)


def test_the_value_never_rises_at_the_wanted_weight():
    states = minimise(Exponentials(0.3), settings(max_evaluations=60))
    assert all(after.value <= before.value for before, after in pairwise(states))


def test_the_weight_comes_down_to_the_wanted_one():
    wanted = settings(first_weight=0.1, weight_decay=0.5, weight=0.01)
    states = minimise(Exponentials(), wanted)
    weights = [state.weight for state in states]
    assert weights[:5] == [0.1, 0.05, 0.025, 0.0125, 0.01]
    assert weights[-1] == 0.01
    assert not len(states[4].steps)  # pairs of other weights are of no use
    assert len(states[6].steps)
    other = minimise(Exponentials(), settings(weight=0.01))[-1]
    torch.testing.assert_close(states[-1].point, other.point, rtol=0, atol=1e-5)


@pytest.mark.parametrize("most", [1, 2, 5])
def test_evaluations_are_a_hard_count(most):
    objective = Exponentials()
    last = minimise(objective, settings(max_evaluations=most))[-1]
    assert objective.calls == last.evaluations == most
    assert last.reason == "evaluations are used up"


def test_shortens_a_step_that_leads_up():
    class Timid(Exponentials):
        def curvature(self, *arguments):  # claims a hundredth of the curvature
            apply, _ = super().curvature(*arguments)
            return Curvature(lambda v: apply(v) / 100, lambda v: v)

    objective = Timid(0.0)
    wanted = settings(memory=0, max_evaluations=30)
    first = box_newton.begin(start(-0.05), objective, wanted)
    second = box_newton.iterate(first, objective, wanted)
    assert second.evaluations > first.evaluations + 1
    assert second.value < first.value
    assert second.damping > first.damping


def test_ends_when_the_value_hardly_falls():
    objective = Exponentials()
    wanted = settings(value_tolerance=1e-6, patience=3)
    states = minimise(objective, wanted)
    assert states[-1].reason == "the value hardly falls"
    falls = [(a.value - b.value) / a.value for a, b in pairwise(states)]
    assert all(fall <= 1e-6 for fall in falls[-3:])
    assert falls[-4] > 1e-6


def test_an_iteration_after_the_end_changes_nothing():
    objective = Exponentials()
    last = minimise(objective, settings(max_evaluations=3))[-1]
    assert box_newton.iterate(last, objective, settings(max_evaluations=3)) is last


def test_starts_in_the_box():
    wanted = settings(lower=-0.4)
    assert (box_newton.begin(start(-3.0), Exponentials(), wanted).point == -0.4).all()


def test_goes_on_from_packed_state_to_the_same_bytes():
    wanted = settings(first_weight=0.1, max_evaluations=25)
    straight = resumed = box_newton.begin(start(), Exponentials(), wanted)
    for _ in range(20):
        straight = box_newton.iterate(straight, Exponentials(), wanted)
        tensors, scalars = pack(resumed)
        resumed = unpack(
            box_newton.State,
            {name: value.clone() for name, value in tensors.items()},
            json.loads(json.dumps(scalars)),
        )
        resumed = box_newton.iterate(resumed, Exponentials(), wanted)
    assert straight.evaluations > 10
    for one, other in zip(pack(straight), pack(resumed), strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            same = torch.equal(value, other[name]) if isinstance(value, torch.Tensor) else None
            assert same if same is not None else value == other[name]


@pytest.mark.parametrize(
    "wrong", [{"lower": 0.0}, {"weight_decay": 1.0}, {"max_evaluations": 0}, {"rounds": 0}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(settings(), **wrong)
