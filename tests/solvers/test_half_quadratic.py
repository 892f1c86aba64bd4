"""A pull that moves: the state carried over is the one that evaluation would give."""

from itertools import pairwise

import pytest
import torch

from focusbench.solvers import quasi_newton
from focusbench.solvers.half_quadratic import Pull, exchanged


@pytest.fixture
def quartic():
    generator = torch.Generator().manual_seed(1)
    matrix = torch.randn(12, 12, generator=generator, dtype=torch.float64)
    target = torch.randn(12, generator=generator, dtype=torch.float64)

    def function(point):
        function.calls += 1
        residual = matrix @ point - target
        value = residual.square().sum() + point.pow(4).sum()
        return value.item(), 2 * matrix.T @ residual + 4 * point.pow(3)

    function.calls = 0
    return function


def test_pull_is_what_it_says(quartic):
    point = torch.linspace(-1, 1, 12, dtype=torch.float64)
    centre = torch.full_like(point, 0.3)
    value, gradient = Pull(centre, 2.5).added_to(quartic)(point)
    free = point.clone().requires_grad_()
    (2.5 * (free - centre).square().sum()).backward()
    plain_value, plain_gradient = quartic(point)
    assert value == pytest.approx(plain_value + 2.5 * (point - centre).square().sum().item())
    torch.testing.assert_close(gradient, plain_gradient + free.grad)


def test_exchange_is_exact_and_free(quartic):
    settings = quasi_newton.Settings(lower=-0.5, upper=0.6, memory=5)
    old = Pull(torch.zeros(12, dtype=torch.float64), 0.7)
    new = Pull(torch.full((12,), 0.2, dtype=torch.float64), 3.0)
    state = quasi_newton.begin(old.centre, old.added_to(quartic), settings)
    points = [state.point]
    for _ in range(4):
        state = quasi_newton.iterate(state, old.added_to(quartic), settings)
        points.append(state.point)
    calls = quartic.calls
    moved = exchanged(state, old, new)
    assert quartic.calls == calls
    function = new.added_to(quartic)
    value, gradient = function(state.point)
    assert moved.value == pytest.approx(value, rel=1e-12)
    torch.testing.assert_close(moved.gradient, gradient)
    expected = [function(b)[1] - function(a)[1] for a, b in pairwise(points)]
    torch.testing.assert_close(moved.changes, torch.stack(expected)[-len(moved.changes) :])
    assert torch.equal(moved.steps, state.steps)


def test_a_finished_minimisation_goes_on_to_the_new_minimum(quartic):
    settings = quasi_newton.Settings(value_tolerance=1e-15, gradient_tolerance=1e-9)
    old = Pull(torch.zeros(12, dtype=torch.float64), 1.0)
    new = Pull(torch.ones(12, dtype=torch.float64), 1e6)
    state = quasi_newton.begin(old.centre, old.added_to(quartic), settings)
    for _ in range(200):
        state = quasi_newton.iterate(state, old.added_to(quartic), settings)
    assert state.finished
    state = exchanged(state, old, new)
    assert not state.finished
    for _ in range(50):
        state = quasi_newton.iterate(state, new.added_to(quartic), settings)
    torch.testing.assert_close(state.point, new.centre, rtol=0, atol=1e-3)
