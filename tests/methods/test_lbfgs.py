"""The classical solution: weight rule, box, counts, bytes."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from focusbench.data import phantoms
from focusbench.errors import InputError
from focusbench.evaluation.psnr import psnr
from focusbench.methods.iterative import Iterative
from focusbench.methods.lbfgs import EIGHT_BITS, Lbfgs, LbfgsStepper
from focusbench.optics import rays
from focusbench.problem import Noise, Problem
from focusbench.training.run import quick_run


class CountedForward:
    """A ray model that counts how often it is evaluated."""

    def __init__(self, forward):
        self.forward = forward
        self.geometry = forward.geometry
        self.calls = 0

    @property
    def rays(self):
        return self

    def to(self, device):
        return self

    def __call__(self, x):
        self.calls += 1
        return self.forward.rays(x)


def with_noise(problem, noise):
    return replace(problem, noise=noise)


def test_weight_follows_the_noise_level_alone(ray_problem):
    method = Lbfgs()

    def weight(noise):
        return method.weight(with_noise(ray_problem, noise))

    assert pytest.approx(0.0011320594, rel=1e-6) == EIGHT_BITS
    clean = weight(Noise(0.0, 1 / 255))
    assert clean == pytest.approx(4.9516e-5, rel=1e-4)
    ratio = weight(Noise(0.02)) / weight(Noise(0.01))
    assert ratio == pytest.approx(2**method.weight_exponent)
    assert weight(Noise(0.01, 1 / 255)) > weight(Noise(0.01))
    # no noise at all: the floor; unknown: that of 8-bit images
    assert weight(Noise()) == method.weight_factor * method.least_noise**method.weight_exponent
    assert weight(None) == pytest.approx(clean, rel=1e-12)
    other = replace(ray_problem, observed=ray_problem.observed**2)
    assert method.weight(other) == method.weight(ray_problem)


@pytest.fixture
def objective(ray_problem):
    return LbfgsStepper(Lbfgs(smoothing=0.01, power=0.8, share=0.0), ray_problem, "cpu").objective


@pytest.fixture
def point(ray_problem):
    generator = torch.Generator().manual_seed(2)
    return -torch.rand(ray_problem.observed.shape, generator=generator, dtype=torch.float64)


def test_misfit_penalty_and_their_gradients(ray_problem, objective, point):
    found = objective.evaluate(point)
    light = ray_problem.forward.rays(point)
    torch.testing.assert_close(found.light, light)
    misfit = (light - torch.from_numpy(ray_problem.observed)).square().sum()
    assert found.misfit == pytest.approx(misfit.item(), rel=1e-9)
    d = [torch.zeros_like(point) for _ in range(3)]
    d[0][:-1], d[1][:, :-1], d[2][:, :, :-1] = (point.diff(dim=axis) for axis in range(3))
    squares = d[0] ** 2 + d[1] ** 2 + d[2] ** 2 + 1e-4
    variation = 0.02**0.2 / 0.8 * (squares**0.4 - 0.01**0.8).sum()
    penalty, slope_of_penalty = objective.penalty(point)
    assert penalty == pytest.approx(variation.item(), rel=1e-9)
    direction = torch.randn(point.shape, generator=torch.Generator().manual_seed(3)).double()
    step = 1e-5
    for value, gradient in (
        (lambda x: objective.evaluate(x).misfit, found.gradient),
        (lambda x: objective.penalty(x)[0], slope_of_penalty),
    ):
        ahead, behind = (value(point + s * step * direction) for s in (1, -1))
        slope = (gradient * direction).sum().item()
        assert (ahead - behind) / (2 * step) == pytest.approx(slope, rel=1e-5)


def test_the_variation_follows_the_point(objective, point):
    """It is kept for the last point, and only for that one."""
    first, _ = objective.penalty(point)
    assert objective.penalty(point)[0] == first
    assert objective.penalty(2 * point)[0] > first
    assert objective.penalty(point.clone())[0] == first


def test_curvature_is_near_that_of_the_rays(ray_problem, objective, small_truth):
    """<v, B v> against second differences of the misfit along v, near the truth."""
    point = torch.from_numpy(small_truth).double().log()
    light = objective.evaluate(point).light
    everywhere = torch.ones(point.shape, dtype=torch.bool)
    model = objective.curvature(point.float(), light.float(), everywhere, 0.0, 0.0)
    for seed in range(3):
        v = torch.randn(point.shape, generator=torch.Generator().manual_seed(seed))
        derivative = (
            objective.evaluate(point + 1e-4 * v).light - objective.evaluate(point - 1e-4 * v).light
        ) / 2e-4
        modelled = (v.double() * model.apply(v)).sum().item()
        assert modelled == pytest.approx(2 * derivative.square().sum().item(), rel=0.1)


def test_curvature_and_preconditioner_are_symmetric_and_positive(objective, point):
    point = point.float()
    light = objective.evaluate(point).light
    model = objective.curvature(point, light, point < -0.1, 1e-2, 0.1)
    generator = torch.Generator().manual_seed(4)
    x, y = (torch.randn(point.shape, generator=generator) for _ in range(2))
    for operator in model:
        left = (operator(x).double() * y).sum().item()
        assert left == pytest.approx((x.double() * operator(y)).sum().item(), rel=1e-3)
        assert (x * operator(x)).sum() > 0


def test_restores_better_than_adam_for_the_same_work(ray_problem, small_truth):
    found = Lbfgs(max_evaluations=60).restore(ray_problem, quick_run())
    assert found.estimate.dtype == np.float32
    assert found.repeatable
    adam = Iterative(steps=60).restore(ray_problem, quick_run())
    gain = psnr(small_truth, found.estimate, 1.0) - psnr(small_truth, adam.estimate, 1.0)
    assert gain > 3


def test_neighbours_help_where_surfaces_are_curved_and_images_noisy():
    """Against the variation of the gradient alone, with the weight that suits it."""
    density = phantoms.density("gyroid", 24, 7, settings={"seed": 1})
    truth = (1 - 0.3 * density).astype(np.float32)
    geometry = rays.Geometry(n_slices=7, aperture_grid=7)
    noise = np.random.default_rng(0).normal(0, 0.01, truth.shape)
    observed = np.clip(rays.render(truth, geometry) + noise, 0, 1).astype(np.float32)
    problem = Problem(
        "multifocus", observed, "ZYX", (1.0, 0.92, 0.92), rays.RayForward(geometry), Noise(0.01)
    )
    alone = Lbfgs(max_evaluations=30, power=0.85, share=0.0, weight_factor=4.0)
    reached = [
        psnr(truth, method.restore(problem, quick_run()).estimate, 1.0)
        for method in (Lbfgs(max_evaluations=30), alone)
    ]
    assert reached[0] > reached[1] + 2


def test_stays_in_the_box_and_reaches_the_empty_bound(ray_problem, small_truth):
    stepper = LbfgsStepper(Lbfgs(max_evaluations=60), ray_problem, "cpu")
    lowest = math.log(1e-4)
    while not stepper.finished:
        stepper.step()
        assert stepper.minimum.point.max() <= 0
        assert stepper.minimum.point.min() >= lowest - 1e-6
    empty = stepper.estimate().numpy() == 1  # exactly transparent
    assert empty[small_truth == 1].mean() > 0.3
    assert not empty[small_truth < 1].any()


@pytest.mark.parametrize("most", [1, 2, 3, 20])
def test_evaluations_are_a_hard_count(ray_problem, most):
    forward = CountedForward(ray_problem.forward)
    found = Lbfgs(max_evaluations=most, tolerance=0.0).restore(
        replace(ray_problem, forward=forward), quick_run()
    )
    assert forward.calls == found.evaluations == most
    assert found.iterations <= most


def test_ends_once_converged(ray_problem):
    found = Lbfgs(max_evaluations=5000, tolerance=1e-4).restore(ray_problem, quick_run())
    assert found.evaluations < 500
    more = Lbfgs(max_evaluations=2 * found.evaluations, tolerance=0.0)
    difference = more.restore(ray_problem, quick_run()).estimate - found.estimate
    assert np.sqrt(np.mean(difference**2)) < 2e-3


def test_cut_off_at_any_step_gives_the_same_bytes(ray_problem, restore_with_cuts):
    method = Lbfgs(max_evaluations=30, memory=4)
    whole, rows, _ = restore_with_cuts(method, ray_problem)
    last = whole.iterations
    cuts = (1, 2, 6, 7, last)
    cut, rows_of_cut, attempts = restore_with_cuts(method, ray_problem, cuts=cuts)
    assert attempts == 6
    assert cut.estimate.tobytes() == whole.estimate.tobytes()
    assert (cut.iterations, cut.evaluations) == (whole.iterations, whole.evaluations)
    assert rows_of_cut == rows


def test_a_time_budget_marks_the_row(ray_problem):
    method = Lbfgs(max_evaluations=10**6, tolerance=0.0)
    found = method.restore(ray_problem, quick_run(budget_seconds=0.05))
    assert not found.repeatable
    assert 0 < found.evaluations < 10**6
    none = method.restore(ray_problem, quick_run(budget_seconds=0.0))  # nothing left of it
    assert none.evaluations == none.iterations == 0
    assert none.estimate.shape == ray_problem.observed.shape


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_evaluations": 0},
        {"max_evaluations": 10.0},
        {"memory": -1},
        {"rounds": 0},
        {"products": 0},
        {"power": 0.0},
        {"power": 1.1},
        {"share": -0.1},
        {"share": 0.6},
        {"weight_decay": 1.0},
        {"first_weight": -0.1},
        {"smoothing": 0.0},
        {"least_noise": 0.0},
        {"weight_factor": -1.0},
        {"weight_exponent": math.inf},
        {"tolerance": -1e-9},
    ],
)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Lbfgs(**wrong)


def test_needs_an_imaging_model(ray_problem):
    with pytest.raises(InputError, match="imaging model"):
        Lbfgs().restore(replace(ray_problem, forward=None), quick_run())


@pytest.mark.cuda
def test_cuda_reaches_the_same_minimum(ray_problem):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    method = Lbfgs(max_evaluations=80)
    here = method.restore(ray_problem, quick_run())
    there = method.restore(ray_problem, replace(quick_run(), device="cuda"))
    assert np.sqrt(np.mean((here.estimate - there.estimate) ** 2)) < 1e-3
