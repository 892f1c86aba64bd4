"""Quadratics in a box, against closed forms and an exhaustive search over faces."""

import itertools

import pytest
import torch

from focusbench.solvers.krylov import quadratic_in_box


def problem(n, seed):
    generator = torch.Generator().manual_seed(seed)
    turn = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))[0]
    matrix = turn @ torch.diag(torch.logspace(0, 1, n, dtype=torch.float64)) @ turn.T
    return matrix, torch.randn(n, generator=generator, dtype=torch.float64)


def best_of_all_faces(matrix, gradient, lower, upper):
    """Least value over the box: the stationary point of each face that lies within it."""
    n, best = len(gradient), (float("inf"), None)
    for face in itertools.product((-1, 0, 1), repeat=n):
        at = torch.tensor(face)
        s = torch.where(at < 0, lower, torch.where(at > 0, upper, torch.zeros_like(lower)))
        free = at == 0
        if free.any():
            right = -(gradient + matrix @ s)[free]
            s[free] = torch.linalg.solve(matrix[free][:, free], right)
        if ((s >= lower - 1e-12) & (s <= upper + 1e-12)).all():
            value = (gradient @ s + s @ matrix @ s / 2).item()
            if value < best[0]:
                best = value, s
    return best


@pytest.mark.parametrize("seed", range(4))
def test_finds_the_minimum_in_the_box(seed):
    matrix, gradient = problem(5, seed)
    lower, upper = torch.full((5,), -0.1).double(), torch.full((5,), 0.15).double()
    value, expected = best_of_all_faces(matrix, gradient, lower, upper)
    found = quadratic_in_box(
        lambda v: matrix @ v,
        lambda v: v / matrix.diagonal(),
        gradient,
        lower,
        upper,
        rounds=40,
        iterations=5,
        tolerance=1e-8,
    )
    torch.testing.assert_close(found.step, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(found.gradient, gradient + matrix @ found.step)
    assert (found.step == lower).any() or (found.step == upper).any()
    assert value < 0


def test_a_perfect_preconditioner_needs_one_product():
    matrix, gradient = problem(6, 9)
    calls = []

    def apply(v):
        calls.append(1)
        return matrix @ v

    far = torch.full((6,), 1e3).double()
    inverse = torch.linalg.inv(matrix)
    found = quadratic_in_box(
        apply, lambda v: inverse @ v, gradient, -far, far, rounds=1, iterations=9
    )
    torch.testing.assert_close(found.step, -inverse @ gradient)
    assert len(calls) == 1


def test_never_rises_and_stays_inside_however_short_it_is():
    matrix, gradient = problem(30, 3)
    lower, upper = torch.full((30,), -0.02).double(), torch.zeros(30).double()
    last = 0.0
    for rounds in (1, 2, 3, 6):
        step = quadratic_in_box(
            lambda v: matrix @ v, lambda v: v, gradient, lower, upper, rounds=rounds, iterations=3
        ).step
        assert ((step >= lower) & (step <= upper)).all()
        value = (gradient @ step + step @ matrix @ step / 2).item()
        assert value <= last
        last = value
    assert last < 0


def test_a_gradient_that_points_out_of_the_box_moves_nothing():
    gradient = torch.tensor([-1.0, 2.0])
    lower, upper = torch.tensor([-1.0, 0.0]), torch.tensor([0.0, 1.0])
    found = quadratic_in_box(
        lambda v: v, lambda v: v, gradient, lower, upper, rounds=3, iterations=3
    )
    assert not found.step.any()
    assert torch.equal(found.gradient, gradient)
