"""The published iterative method: constants, objective, optimiser, bytes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from focusbench.errors import InputError
from focusbench.evaluation.psnr import psnr
from focusbench.methods.iterative import AdamStepper, Iterative
from focusbench.training.progress import Trace
from focusbench.training.run import quick_run


def test_constants_of_the_paper():
    # "We use Adam optimizer with standard parameters [9] and train [..] for 30 thousand
    # optimization steps. For the iterative optimization method, we use mu = 10^-3 [..] and a
    # constant learning rate gamma = 5 10^-3" (Azevedo et al. 2024, 4.1)
    assert Iterative() == Iterative(steps=30_000, learning_rate=5e-3, mu=1e-3)


def test_built_optimiser_is_the_papers(ray_problem):
    optimizer = AdamStepper(Iterative(), ray_problem, "cpu").optimizer
    (group,) = optimizer.param_groups
    assert type(optimizer) is torch.optim.Adam
    assert group["lr"] == 5e-3
    assert group["betas"] == (0.9, 0.999)  # Kingma and Ba 2015
    assert group["eps"] == 1e-8
    assert group["weight_decay"] == 0
    assert not group["amsgrad"]


def test_first_step_against_the_published_objective(ray_problem):
    mu = 0.3  # large, so that the term counts
    stepper = AdamStepper(Iterative(mu=mu), ray_problem, "cpu")
    light = torch.from_numpy(ray_problem.observed).double()
    x = (light.clamp(1 / 255, 1).log() / 5).requires_grad_()  # log of I^(1/L)
    objective = (ray_problem.forward.rays(x) - light).square().sum()
    for axis in range(3):
        objective = objective + mu * x.diff(dim=axis).square().sum()
    objective.backward()

    assert stepper.step() == pytest.approx(objective.item(), rel=1e-5)
    torch.testing.assert_close(
        stepper.log_transmittance.grad.double(), x.grad, rtol=1e-4, atol=1e-5
    )
    # Adam's first step is the learning rate against the sign of the gradient
    clear = x.grad.abs() > 1e-3
    assert clear.float().mean() > 0.5
    moved = stepper.log_transmittance.detach() - x.detach()
    expected = -5e-3 * x.grad.sign()
    torch.testing.assert_close(moved[clear], expected[clear], rtol=1e-3, atol=1e-7)


def test_restores(ray_problem, small_truth):
    trace = Trace(None, lambda x: psnr(small_truth, x, 1.0), 299, "", quiet=True)
    found = Iterative(steps=300).restore(ray_problem, quick_run(monitor=trace))
    assert found.estimate.dtype == np.float32
    assert (found.iterations, found.evaluations, found.repeatable) == (300, 300, True)
    first, _, last = trace.rows
    assert last.loss < first.loss / 100
    assert last.psnr > first.psnr + 2
    assert last.psnr == psnr(small_truth, found.estimate, 1.0)


def test_only_the_estimate_is_clipped(ray_problem):
    stepper = AdamStepper(Iterative(), ray_problem, "cpu")
    for _ in range(40):
        stepper.step()
    assert (stepper.log_transmittance > 0).any()
    assert stepper.estimate().max() == 1
    with torch.no_grad():
        stepper.log_transmittance[0, 0, 0] = -50.0
    assert stepper.estimate()[0, 0, 0] == pytest.approx(1e-4)


def test_cut_off_at_any_step_gives_the_same_bytes(ray_problem, restore_with_cuts):
    method = Iterative(steps=12)
    whole, rows, _ = restore_with_cuts(method, ray_problem)
    cut, rows_of_cut, attempts = restore_with_cuts(method, ray_problem, cuts=(1, 2, 7, 8, 12))
    assert attempts == 6
    assert cut.estimate.tobytes() == whole.estimate.tobytes()
    assert rows_of_cut == rows
    assert len(rows) == cut.iterations == cut.evaluations == 12


def test_a_time_budget_marks_the_row(ray_problem):
    found = Iterative(steps=10**6).restore(ray_problem, quick_run(budget_seconds=0.05))
    assert not found.repeatable
    assert found.iterations < 10**6


@pytest.mark.parametrize(
    "wrong",
    [{"steps": 0}, {"steps": 1.5}, {"steps": True}, {"learning_rate": 0.0}, {"mu": -1e-3}],
)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Iterative(**wrong)


def test_needs_an_imaging_model(ray_problem):
    with pytest.raises(InputError, match="imaging model"):
        Iterative(steps=1).restore(replace(ray_problem, forward=None), quick_run())
