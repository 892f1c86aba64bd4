"""L-BFGS in a box against closed forms and scipy, and its state taken apart and put together."""

import json
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import optimize

from focusbench.solvers import quasi_newton
from focusbench.solvers.packing import pack, unpack
from focusbench.solvers.quasi_newton import Settings


class Counted:
    """A function that counts its calls."""

    def __init__(self, function):
        self.function = function
        self.calls = 0

    def __call__(self, point):
        self.calls += 1
        return self.function(point)


def quadratic(size=40, condition=1e3, seed=1):
    """Return A, b of x'Ax/2 - b'x, with a full matrix, and the function."""
    rng = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(rng.normal(size=(size, size)))
    matrix = basis @ np.diag(np.geomspace(1, condition, size)) @ basis.T
    linear = matrix @ rng.normal(size=size)
    a, b = torch.from_numpy(matrix), torch.from_numpy(linear)
    return matrix, linear, lambda x: ((x @ a @ x / 2 - b @ x).item(), a @ x - b)


def rosenbrock(x):
    value = optimize.rosen(x.double().numpy())
    return value, torch.from_numpy(optimize.rosen_der(x.double().numpy())).to(x)


def minimise(function, start, settings, most=2000):
    state = quasi_newton.begin(start, function, settings)
    values = [state.value]
    for _ in range(most):
        if state.finished:
            break
        state = quasi_newton.iterate(state, function, settings)
        values.append(state.value)
    assert all(after <= before for before, after in pairwise(values))
    return state


def start(size, value=0.0):
    return torch.full((size,), value, dtype=torch.float64)


def test_quadratic_without_bounds_reaches_the_closed_form():
    matrix, linear, function = quadratic()
    state = minimise(function, start(40), Settings(gradient_tolerance=1e-5))
    assert state.reason == "the gradient vanishes"
    np.testing.assert_allclose(state.point, np.linalg.solve(matrix, linear), atol=1e-5)


@pytest.mark.parametrize(("lower", "upper"), [(-0.3, 0.5), (None, 0.0), (0.1, None)])
def test_quadratic_with_active_bounds_agrees_with_scipy(lower, upper):
    _, _, function = quadratic()
    settings = Settings(lower=lower, upper=upper, gradient_tolerance=1e-5)
    state = minimise(function, start(40, 2.0), settings)
    assert state.reason == "the gradient vanishes"
    expected = optimize.minimize(
        lambda x: tuple(np.asarray(v) for v in function(torch.from_numpy(x))),
        np.full(40, 0.2 if upper is None else -0.1),
        jac=True,
        method="L-BFGS-B",
        bounds=[(lower, upper)] * 40,
        options={"ftol": 1e-16, "gtol": 1e-9, "maxfun": 10_000, "maxiter": 10_000},
    )
    np.testing.assert_allclose(state.point, expected.x, atol=1e-5)
    at_bound = sum(
        (state.point == bound).sum().item() for bound in (lower, upper) if bound is not None
    )
    assert 5 < at_bound < 40  # the bounds matter, and are met exactly
    # conditions of first order: inwards at the bounds, zero between them
    _, gradient = function(state.point)
    between = torch.ones(40, dtype=torch.bool)
    if lower is not None:
        between &= state.point > lower
        assert (gradient[state.point == lower] >= 0).all()
    if upper is not None:
        between &= state.point < upper
        assert (gradient[state.point == upper] <= 0).all()
    assert gradient[between].abs().max() <= 1e-5


def test_separable_quadratic_in_a_box_is_the_clipped_minimum():
    target = torch.linspace(-2, 2, 101, dtype=torch.float64)
    scale = torch.linspace(1, 50, 101, dtype=torch.float64)

    def function(x):
        return (scale * (x - target) ** 2).sum().item(), 2 * scale * (x - target)

    settings = Settings(lower=-0.5, upper=1.0, gradient_tolerance=1e-10)
    state = minimise(function, torch.zeros(101, dtype=torch.float64), settings)
    torch.testing.assert_close(state.point, target.clamp(-0.5, 1.0), rtol=0, atol=1e-10)


@pytest.mark.parametrize("box", [(-2.0, 2.0), (-2.0, 0.8)])
def test_rosenbrock_in_a_box(box):
    settings = Settings(*box, memory=6, gradient_tolerance=1e-7)
    state = minimise(rosenbrock, start(6, -0.9), settings)
    assert state.finished
    expected = optimize.minimize(
        optimize.rosen,
        state.point.numpy(),
        jac=optimize.rosen_der,
        method="L-BFGS-B",
        bounds=[box] * 6,
        options={"ftol": 1e-16, "gtol": 1e-10},
    )
    assert state.value == pytest.approx(expected.fun, rel=1e-8, abs=1e-12)
    if box[1] > 1:
        np.testing.assert_allclose(state.point, np.ones(6), atol=1e-6)


def test_as_few_evaluations_as_scipy_needs():
    _, _, function = quadratic(size=200, condition=1e4, seed=5)
    counted = Counted(function)
    state = minimise(counted, start(200), Settings(upper=0.2, gradient_tolerance=1e-2))
    reference = Counted(lambda x: tuple(np.asarray(v) for v in function(torch.from_numpy(x))))
    optimize.minimize(
        reference,
        np.zeros(200),
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, 0.2)] * 200,
        options={"ftol": 0, "gtol": 1e-2, "maxcor": 15, "maxfun": 10_000, "maxiter": 10_000},
    )
    assert state.reason == "the gradient vanishes"
    assert counted.calls == state.evaluations < 1.2 * reference.calls


def test_evaluations_are_a_hard_count():
    for most in (1, 2, 3, 7, 30):
        counted = Counted(rosenbrock)
        state = minimise(counted, start(6, -0.9), Settings(max_evaluations=most))
        assert counted.calls == state.evaluations == most
        assert state.finished
        assert state.reason == "evaluations are used up"


def test_a_rejected_step_is_shortened():
    def steep(x):  # the first change of 10 overshoots by far
        return x.square().sum().item(), 2 * x

    settings = Settings(first_change=10.0, gradient_tolerance=1e-9)
    counted = Counted(steep)
    first = quasi_newton.begin(start(3, 1.0), counted, settings)
    state = quasi_newton.iterate(first, counted, settings)
    assert state.value < first.value
    assert state.evaluations == counted.calls > 2


def test_infinite_values_are_stepped_back_from():
    def barrier(x):
        if (x <= 0).any():
            return math.inf, torch.full_like(x, math.nan)
        return (x - x.log()).sum().item(), 1 - 1 / x

    settings = Settings(first_change=5.0, gradient_tolerance=1e-9)
    state = minimise(barrier, start(4, 3.0), settings)
    np.testing.assert_allclose(state.point, np.ones(4), atol=1e-8)


def test_negative_curvature_is_not_remembered():
    def saddle(x):  # concave until |x| is about 1
        return (x.pow(4) / 4 - x.square() / 2).sum().item(), x.pow(3) - x

    state = minimise(saddle, start(5, 0.05), Settings(gradient_tolerance=1e-9))
    np.testing.assert_allclose(state.point, np.ones(5), atol=1e-8)


def test_stays_where_it_is_once_finished():
    _, _, function = quadratic()
    settings = Settings(upper=0.0, gradient_tolerance=1e-9)
    state = minimise(function, start(40), settings)
    assert quasi_newton.iterate(state, function, settings) is state


def test_finishes_where_rounding_ends_the_fall():
    _, _, function = quadratic()
    state = minimise(function, start(40), Settings(upper=0.0))  # no tolerance at all
    assert state.finished
    again = quasi_newton.begin(start(40), function, Settings(upper=0.0))
    assert state.value < again.value
    settings = Settings(upper=0.0, value_tolerance=1e-6, patience=3)
    early = minimise(function, start(40), settings)
    assert early.reason == "the value hardly falls"
    assert early.evaluations < state.evaluations


def test_starts_outside_the_box_from_the_nearest_point_in_it():
    _, _, function = quadratic()
    state = quasi_newton.begin(start(40, 7.0), function, Settings(lower=-1.0, upper=0.5))
    assert (state.point == 0.5).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_state_put_together_again_goes_on_to_the_same_bytes(dtype):
    settings = Settings(lower=-2.0, upper=0.9, memory=4)
    straight = quasi_newton.begin(start(8, -0.9).to(dtype), rosenbrock, settings)
    resumed = straight
    for _ in range(25):
        straight = quasi_newton.iterate(straight, rosenbrock, settings)
        tensors, scalars = pack(resumed)
        tensors = {name: tensor.clone() for name, tensor in tensors.items()}
        resumed = unpack(quasi_newton.State, tensors, json.loads(json.dumps(scalars)))
        resumed = quasi_newton.iterate(resumed, rosenbrock, settings)
        assert torch.equal(resumed.point, straight.point)
        assert resumed.value == straight.value
    assert len(straight.steps) == 4  # the memory is full and has rolled
    assert straight.point.dtype == dtype


def test_shapes_of_points_are_free():
    _, _, function = quadratic()

    def folded(x):
        value, gradient = function(x.flatten())
        return value, gradient.reshape(x.shape)

    settings = Settings(lower=-0.3, upper=0.5, max_evaluations=30)
    flat = minimise(function, start(40), settings)
    cube = minimise(folded, start(40).reshape(2, 4, 5), settings)
    assert cube.point.shape == (2, 4, 5)
    assert torch.equal(cube.point.flatten(), flat.point)


@pytest.mark.parametrize(
    "wrong",
    [
        {"memory": 0},
        {"first_change": 0.0},
        {"lower": 1.0, "upper": 1.0},
        {"max_evaluations": 0},
        {"patience": 0},
    ],
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError):
        replace(Settings(), **wrong)
