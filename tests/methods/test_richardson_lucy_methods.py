"""Richardson-Lucy as methods: what they read of a problem, where they end, that they resume."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from focusbench.errors import InputError
from focusbench.evaluation.psnr import psnr
from focusbench.methods.richardson_lucy import RichardsonLucy
from focusbench.methods.richardson_lucy_tv import RichardsonLucyTv
from focusbench.optics.convolution import Convolution
from focusbench.optics.depth_variant import DepthVariant
from focusbench.problem import Noise, Problem
from focusbench.solvers.richardson_lucy import richardson_lucy
from focusbench.training.run import quick_run

METHODS = (RichardsonLucy, RichardsonLucyTv)


def test_unknown_noise_is_estimated_from_the_observation(blurred_problem, lines):
    for method in METHODS:
        known = method().restore(blurred_problem, quick_run())
        unknown = method().restore(replace(blurred_problem, noise=None), quick_run())
        assert abs(unknown.iterations - known.iterations) <= 3
        assert psnr(lines, unknown.estimate, 1.0) == pytest.approx(
            psnr(lines, known.estimate, 1.0), abs=0.1
        )


def test_ends_near_the_best_iterate_without_seeing_the_truth(blurred_problem, lines):
    found = RichardsonLucy().restore(blurred_problem, quick_run())
    assert found.estimate.dtype == np.float32
    assert found.iterations == found.evaluations < 200
    assert found.repeatable
    qualities = []

    class Watch:
        def __call__(self, step, loss, estimate):
            qualities.append(psnr(lines, estimate().numpy(), 1.0))

        def state(self):
            return {}

    RichardsonLucy(max_iterations=100, least_gain=0.0).restore(
        blurred_problem, quick_run(monitor=Watch())
    )
    reached = psnr(lines, found.estimate, 1.0)
    assert reached > max(qualities) - 0.5
    assert max(qualities) > qualities[-1] + 1  # the noise that it is ended before
    assert reached > psnr(lines, blurred_problem.observed, 1.0) + 4
    varied = RichardsonLucyTv().restore(blurred_problem, quick_run())
    assert psnr(lines, varied.estimate, 1.0) > reached + 0.3


@pytest.mark.parametrize("method", METHODS)
def test_the_unit_of_intensity_does_not_matter(blurred_problem, method):
    unit = 2.0**11  # exact in floating point
    noise = blurred_problem.noise
    other = replace(
        blurred_problem,
        observed=blurred_problem.observed * np.float32(unit),
        noise=Noise(noise.gaussian_sigma * unit, 0.0, noise.photons / unit, noise.power * unit**2),
    )
    first = method().restore(blurred_problem, quick_run())
    second = method().restore(other, quick_run())
    assert first.iterations == second.iterations
    np.testing.assert_allclose(second.estimate / unit, first.estimate, rtol=1e-3, atol=1e-6)


def test_weight_follows_the_noise_level_alone():
    method = RichardsonLucyTv()
    one = method.weight(4.0, Noise(0.2))
    assert one == pytest.approx(method.weight_factor * 0.1**method.weight_exponent)
    assert method.weight(4e6, Noise(200.0)) == pytest.approx(one)
    assert method.weight(4.0, Noise(0.4)) > one
    assert method.weight(4.0, Noise(0.2, power=0.16)) == method.weight(4.0, Noise(0.4))
    assert method.weight(4.0, Noise(100.0)) == method.weight_factor  # no more than noise alone
    assert method.weight(4.0, Noise()) == method.weight(4.0, None) == 0


def test_a_method_is_its_solver(blurred_problem):
    observed, forward = blurred_problem.observed, blurred_problem.forward
    method = RichardsonLucy(max_iterations=7, least_gain=0.0)
    found = method.restore(blurred_problem, quick_run())
    direct = richardson_lucy(observed, forward, 7, acceleration="biggs_andrews")
    assert found.estimate.tobytes() == direct.estimate.tobytes()
    assert found.iterations == 7
    plain = replace(method, acceleration=None, normalise=False, boundary="circular")
    found = plain.restore(blurred_problem, quick_run())
    direct = richardson_lucy(observed, forward.kernel, 7, boundary="circular", normalise=False)
    assert found.estimate.tobytes() == direct.estimate.tobytes()


@pytest.mark.parametrize(
    "method",
    [
        RichardsonLucy(),
        RichardsonLucy(acceleration=None, max_iterations=12),
        RichardsonLucyTv(max_iterations=30),
    ],
)
def test_cut_off_at_any_step_gives_the_same_bytes(blurred_problem, restore_with_cuts, method):
    whole, rows, _ = restore_with_cuts(method, blurred_problem)
    assert whole.iterations > 11
    cuts = (1, 2, 3, 7, 11, whole.iterations)
    cut, rows_of_cut, attempts = restore_with_cuts(method, blurred_problem, cuts=cuts)
    assert attempts == 7
    assert cut.estimate.tobytes() == whole.estimate.tobytes()
    assert cut.iterations == whole.iterations
    assert rows_of_cut == rows


def test_the_loss_is_the_mean_squared_residual(blurred_problem):
    losses = []

    class Watch:
        def __call__(self, step, loss, estimate):
            losses.append(loss)

        def state(self):
            return {}

    found = RichardsonLucy().restore(blurred_problem, quick_run(monitor=Watch()))
    model = blurred_problem.forward.apply(torch.from_numpy(found.estimate)).numpy()
    residual = np.mean((blurred_problem.observed - model.astype(np.float64)) ** 2)
    assert losses[-1] == pytest.approx(residual, rel=1e-5)
    gains = -np.diff(losses)
    mean = blurred_problem.noise.mean_square
    assert gains[-2:].mean() < RichardsonLucy().least_gain * mean < gains[-3:-1].mean()


@pytest.mark.parametrize("method", METHODS)
def test_a_time_budget_marks_the_row(blurred_problem, method):
    found = method(max_iterations=10**6, least_gain=0.0).restore(
        blurred_problem, quick_run(budget_seconds=0.05)
    )
    assert not found.repeatable
    assert 0 < found.iterations < 10**6


@pytest.mark.parametrize("method", METHODS)
def test_a_blur_that_varies_needs_no_other_method(method):
    rng = np.random.default_rng(0)
    kernels = [np.ones((3, 3)), np.ones((5, 5))]
    share = np.broadcast_to(np.linspace(0, 1, 24), (20, 24))
    forward = DepthVariant(kernels, np.stack([share, 1 - share]))
    truth = (rng.random((20, 24)) > 0.9).astype(np.float32) + 0.1
    observed = forward.apply(torch.from_numpy(truth)).numpy()
    problem = Problem("defocus", observed, "YX", (0.65, 0.65), forward, Noise(0.01))
    found = method(least_gain=0.0, max_iterations=50).restore(problem, quick_run())
    assert psnr(truth, found.estimate, 1.0) > psnr(truth, observed, 1.0) + 5
    with pytest.raises(InputError, match="model with a kernel"):
        method(boundary="circular").restore(problem, quick_run())


def test_noise_that_cannot_be_estimated_leaves_the_count(caplog):
    kernel = np.zeros((3, 3, 3))
    kernel[1, 1, 1] = 1  # passes all frequencies
    observed = np.random.default_rng(0).random((8, 8, 8)).astype(np.float32)
    forward = Convolution(kernel, observed.shape)
    problem = Problem("deconvolution", observed, "ZYX", (1.0,) * 3, forward)
    for method in METHODS:
        caplog.clear()
        assert method(max_iterations=9).restore(problem, quick_run()).iterations == 9
        assert "noise level not known" in caplog.text


@pytest.mark.parametrize("method", METHODS)
def test_what_cannot_be_restored_is_one_line(blurred_problem, method):
    dark = np.zeros_like(blurred_problem.observed)
    broken = blurred_problem.observed.copy()
    broken[3, 4, 5] = np.nan
    for changed, said in (
        ({"forward": None}, "no linear imaging model"),
        ({"observed": dark}, "no photons"),
        ({"observed": broken}, "NaN"),
        ({"observed": broken[1:]}, "shape"),
    ):
        with pytest.raises(InputError, match=said) as caught:
            method().restore(replace(blurred_problem, **changed), quick_run())
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "wrong",
    [
        {"max_iterations": 0},
        {"max_iterations": 10.0},
        {"acceleration": "fista"},
        {"boundary": "mirror"},
        {"least_gain": -1.0},
        {"least_gain": math.nan},
    ],
)
def test_wrong_parameters_are_refused(method, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        method(**wrong)


@pytest.mark.parametrize("wrong", [{"weight_factor": -1.0}, {"weight_exponent": math.inf}])
def test_wrong_weights_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RichardsonLucyTv(**wrong)


def test_normalise_is_yes_or_no():
    with pytest.raises(ValueError, match="normalise"):
        RichardsonLucy(normalise="no")
