import dataclasses
import math

import numpy as np
import pytest
import torch

from focusbench.errors import InputError
from focusbench.evaluation.psnr import psnr
from focusbench.methods.neural_field import FieldStepper, NeuralField
from focusbench.networks.neural_field import NeuralField as Network
from focusbench.optics.even_absorption import even_absorption
from focusbench.training.progress import Trace
from focusbench.training.run import quick_run

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = NeuralField(steps=8, width=8, grids=2)


@pytest.fixture
def stepper(ray_problem):
    torch.manual_seed(0)
    network = Network(ray_problem.observed.shape, cells=(2, 1), width=8)
    observed = torch.from_numpy(ray_problem.observed)
    return FieldStepper(SMALL, network, ray_problem.forward, observed, "cpu")


def test_loss_and_range(stepper, ray_problem):
    raw = stepper.network().detach()
    expected = torch.exp(-0.05 * torch.log1p(raw.exp()))
    torch.testing.assert_close(stepper.estimate(), expected)
    images = ray_problem.forward.apply(expected) - torch.from_numpy(ray_problem.observed)
    assert stepper.step() == pytest.approx(images.abs().mean().item(), rel=1e-5)
    with torch.no_grad():
        stepper.network.head.bias.fill_(-1e4)
    stepper.step()
    assert (stepper.estimate() == 1).all()  # nothing is brighter than empty space


def test_learning_rate_rises_then_falls_as_a_cosine(stepper):
    stepper._method = NeuralField(steps=101, learning_rate=0.2)
    assert stepper.rate(0) == pytest.approx(0.02)
    assert stepper.rate(50.5) == pytest.approx(0.2 * (0.01 + 0.99 / 2))
    assert stepper.rate(101) == pytest.approx(0.002)
    rates = [stepper.rate(step) for step in range(101)]
    assert max(rates) < 0.2
    stepper.step()
    stepper.step()
    (group,) = stepper.optimizer.param_groups
    assert group["lr"] == rates[1]
    assert (group["betas"], group["eps"], group["weight_decay"]) == ((0.9, 0.999), 1e-8, 0)


def test_start_is_the_mean_of_even_absorption(ray_problem):
    found = NeuralField(steps=0).restore(ray_problem, quick_run()).estimate
    start = even_absorption(ray_problem.observed, 1.0)
    assert found.mean() == pytest.approx(start.mean(), abs=0.005)
    assert found.std() < start.std()
    empty = dataclasses.replace(ray_problem, observed=np.ones_like(ray_problem.observed))
    assert NeuralField(steps=0).restore(empty, quick_run()).estimate.mean() > 0.998


def test_restores(ray_problem, small_truth):
    trace = Trace(None, lambda x: psnr(small_truth, x, 1.0), 149, "", quiet=True)
    found = NeuralField(steps=150).restore(ray_problem, quick_run(monitor=trace))
    assert found.estimate.shape == small_truth.shape
    assert found.estimate.dtype == np.float32
    assert 0 < found.estimate.min() <= found.estimate.max() <= 1
    assert (found.iterations, found.evaluations, found.repeatable) == (150, 150, True)
    first, _, last = trace.rows
    assert last.loss < first.loss / 10
    start = psnr(small_truth, even_absorption(ray_problem.observed, 1.0), 1.0)
    assert last.psnr == psnr(small_truth, found.estimate, 1.0)
    assert last.psnr > start + 3


def test_same_seed_same_bytes(ray_problem):
    state = torch.get_rng_state()
    one, two, other = (SMALL.restore(ray_problem, quick_run(s)).estimate for s in (0, 0, 1))
    assert one.tobytes() == two.tobytes()
    assert one.tobytes() != other.tobytes()
    assert torch.equal(torch.get_rng_state(), state)


def test_cut_off_at_any_step_gives_the_same_bytes(ray_problem, restore_with_cuts):
    whole, rows, _ = restore_with_cuts(SMALL, ray_problem)
    cut, rows_of_cut, attempts = restore_with_cuts(SMALL, ray_problem, cuts=(1, 2, 5, 8))
    assert attempts == 5
    assert cut.estimate.tobytes() == whole.estimate.tobytes()
    assert rows_of_cut == rows
    assert len(rows) == cut.iterations == 8


def test_a_time_budget_marks_the_row(ray_problem):
    method = dataclasses.replace(SMALL, steps=10**6)
    found = method.restore(ray_problem, quick_run(budget_seconds=0.05))
    assert not found.repeatable
    assert found.iterations < 10**6


def test_bad_problems(ray_problem):
    with pytest.raises(InputError, match="neural_field: the problem has no imaging model"):
        SMALL.restore(dataclasses.replace(ray_problem, forward=None), quick_run())
    with pytest.raises(InputError, match="axes YX"):
        SMALL.restore(dataclasses.replace(ray_problem, axes="YX"), quick_run())


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": -1},
        {"steps": 1.5},
        {"width": 0},
        {"layers": True},
        {"features": 0},
        {"grids": 0},
        {"learning_rate": 0.0},
        {"depth_ratio": math.inf},
    ],
)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        NeuralField(**wrong)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda_as_on_the_cpu(ray_problem):
    cpu = SMALL.restore(ray_problem, quick_run()).estimate
    cuda = SMALL.restore(ray_problem, quick_run(device="cuda")).estimate
    np.testing.assert_allclose(cuda, cpu, rtol=0, atol=1e-3)
