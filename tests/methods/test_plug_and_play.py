"""Plug-and-play: schedule, objective of its turns, convergence, bytes."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from focusbench.errors import InputError
from focusbench.evaluation.psnr import psnr
from focusbench.methods.plug_and_play import PlugAndPlay, PlugAndPlayStepper
from focusbench.optics import rays
from focusbench.problem import Noise
from focusbench.solvers import block_matching
from focusbench.training.run import quick_run

EIGHT_BITS = 1 / 255 / math.sqrt(12)


@pytest.fixture(scope="module")
def noisy_problem(ray_problem, small_truth):
    clean = rays.render(small_truth, ray_problem.forward.geometry)
    noise = np.random.default_rng(5).normal(0, 0.02, clean.shape)
    observed = np.clip(clean + noise, 0, 1).astype(np.float32)
    return replace(ray_problem, observed=observed, noise=Noise(gaussian_sigma=0.02))


def test_strength_falls_from_first_to_last(ray_problem):
    stepper = PlugAndPlayStepper(PlugAndPlay(max_evaluations=100, falling=0.5), ray_problem, "cpu")
    last = 0.1 * math.sqrt(EIGHT_BITS)
    assert stepper.sigma(0) == pytest.approx(0.05)
    assert stepper.sigma(25) == pytest.approx(math.sqrt(0.05 * last))
    assert stepper.sigma(50) == stepper.sigma(99) == pytest.approx(last)


@pytest.mark.parametrize("noise", [None, Noise()])
def test_unknown_noise_counts_as_that_of_8_bits(ray_problem, noise):
    known = PlugAndPlay(max_evaluations=9).restore(ray_problem, quick_run())
    other = PlugAndPlay(max_evaluations=9).restore(replace(ray_problem, noise=noise), quick_run())
    assert other.estimate.tobytes() == known.estimate.tobytes()


def test_a_turn_against_its_objective(ray_problem):
    stepper = PlugAndPlayStepper(PlugAndPlay(strength=3.0), ray_problem, "cpu")
    value = stepper.step()
    light = torch.from_numpy(ray_problem.observed)
    start = (light.clamp(1 / 255, 1).log() / 5).float()  # log of I^(1/L)
    groups = block_matching.match(start)
    sigma = stepper.sigma(1)
    centre = block_matching.denoise(start, groups, sigma, 2.7).clamp(max=0)
    torch.testing.assert_close(stepper.pull.centre, centre)
    point = stepper.minimum.point.clone().requires_grad_()
    objective = (ray_problem.forward.rays(point) - light).double().square().sum()
    pull = 3.0 * (EIGHT_BITS / sigma) ** 2 * (point - centre).double().square().sum()
    (objective + pull).backward()
    assert value == pytest.approx((objective + pull).item(), rel=1e-5)
    torch.testing.assert_close(stepper.minimum.gradient, point.grad, rtol=1e-3, atol=1e-5)


def test_denoises_by_turns_and_keeps_the_groups_after_the_fall(ray_problem, monkeypatch):
    seen = []

    def look(volume, groups, sigma, threshold):
        seen.append((sigma, groups))
        return volume.clone()

    monkeypatch.setattr(block_matching, "denoise", look)
    method = PlugAndPlay(max_evaluations=60, between=2, falling=0.6)
    method.restore(ray_problem, quick_run())
    sigmas = [sigma for sigma, _ in seen]
    assert 20 <= len(seen) <= 30
    assert sigmas == sorted(sigmas, reverse=True)
    last = [groups for sigma, groups in seen if sigma == sigmas[-1]]
    assert len(last) > 5
    assert all(groups is last[0] for groups in last)
    assert len({id(groups) for _, groups in seen}) >= 3


def test_restores(ray_problem, small_truth):
    found = PlugAndPlay(max_evaluations=120).restore(ray_problem, quick_run())
    assert found.estimate.dtype == np.float32
    assert found.evaluations <= 120
    assert found.iterations <= found.evaluations
    assert found.repeatable
    assert 1e-4 <= found.estimate.min() <= found.estimate.max() <= 1
    start = PlugAndPlayStepper(PlugAndPlay(), ray_problem, "cpu").estimate().numpy()
    assert psnr(small_truth, found.estimate, 1.0) > psnr(small_truth, start, 1.0) + 10


def test_the_denoiser_is_what_keeps_noise_out(ray_problem):
    z, y, x = np.meshgrid(np.arange(5) - 2, *[np.arange(16) - 7.5] * 2, indexing="ij")
    ball = 1 - 0.3 * np.clip(6.5 - np.sqrt(4 * z**2 + y**2 + x**2), 0, 1).astype(np.float32)
    light = rays.render(ball, ray_problem.forward.geometry)
    noise = np.random.default_rng(5).normal(0, 0.03, light.shape)
    observed = np.clip(light + noise, 0, 1).astype(np.float32)
    problem = replace(ray_problem, observed=observed, noise=Noise(gaussian_sigma=0.03))
    method = PlugAndPlay(max_evaluations=100)
    with_it = method.restore(problem, quick_run()).estimate
    without = replace(method, strength=1e-9).restore(problem, quick_run()).estimate
    assert psnr(ball, with_it, 1.0) > psnr(ball, without, 1.0) + 2


def test_converges(noisy_problem):
    """Until single precision allows no further step: then the denoiser changes nothing more."""
    stepper = PlugAndPlayStepper(PlugAndPlay(max_evaluations=800), noisy_problem, "cpu")
    while not stepper.finished:
        stepper.step()
    assert stepper.minimum.evaluations < 800
    assert stepper.residuals[0] > 1e-3
    assert stepper.residuals[-1] <= 1e-7
    assert max(stepper.residuals[-5:]) < stepper.residuals[0] / 20
    groups = block_matching.match(stepper.matched)
    point = stepper.minimum.point
    again = block_matching.denoise(point, groups, stepper.sigma(800), 2.7).clamp(max=0)
    assert (again - stepper.pull.centre).square().mean().sqrt() < 1e-5


def test_tolerance_ends_the_run(noisy_problem):
    method = PlugAndPlay(max_evaluations=400, falling=0.2, tolerance=1e-3)
    stepper = PlugAndPlayStepper(method, noisy_problem, "cpu")
    while not stepper.finished:
        stepper.step()
    assert 80 <= stepper.minimum.evaluations < 400
    assert stepper.residuals[-1] <= 1e-3


def test_cut_off_at_any_step_gives_the_same_bytes(noisy_problem, restore_with_cuts):
    method = PlugAndPlay(max_evaluations=40, between=2, falling=0.5)
    whole, rows, _ = restore_with_cuts(method, noisy_problem)
    cuts = (1, 2, 5, 13, 20, 26, len(rows))
    cut, rows_of_cut, attempts = restore_with_cuts(method, noisy_problem, cuts=cuts)
    assert attempts == 8
    assert cut.estimate.tobytes() == whole.estimate.tobytes()
    assert rows_of_cut == rows
    assert cut.evaluations == whole.evaluations == 40


def test_same_bytes_again_whatever_the_seed(ray_problem):
    method = PlugAndPlay(max_evaluations=15)
    one, two = (method.restore(ray_problem, quick_run(seed)).estimate for seed in (0, 1))
    assert one.tobytes() == two.tobytes()


def test_a_time_budget_marks_the_row(ray_problem):
    method = PlugAndPlay(max_evaluations=10**6, tolerance=0.0)
    assert not method.restore(ray_problem, quick_run(budget_seconds=0.05)).repeatable


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_evaluations": 0},
        {"max_evaluations": 1.5},
        {"between": True},
        {"first_sigma": 0.0},
        {"sigma_factor": math.nan},
        {"strength": -1.0},
        {"falling": 1.1},
        {"threshold": 0},
        {"tolerance": -1e-9},
    ],
)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PlugAndPlay(**wrong)


def test_needs_an_imaging_model(ray_problem):
    with pytest.raises(InputError, match="plug_and_play: the problem has no imaging model"):
        PlugAndPlay().restore(replace(ray_problem, forward=None), quick_run())


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda_as_on_the_cpu(noisy_problem, small_truth):
    method = PlugAndPlay(max_evaluations=60)
    scores = [
        psnr(small_truth, method.restore(noisy_problem, quick_run(device=device)).estimate, 1.0)
        for device in ("cpu", "cuda")
    ]
    assert scores[1] == pytest.approx(scores[0], abs=0.5)
