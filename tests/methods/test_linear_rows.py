"""Rows of the deconvolution track that need no iteration."""

from dataclasses import replace

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.evaluation.psnr import psnr
from focusbench.methods.input import Input
from focusbench.methods.wiener import Wiener
from focusbench.methods.zeros import Zeros
from focusbench.optics.depth_variant import DepthVariant
from focusbench.problem import Noise
from focusbench.solvers.wiener import wiener
from focusbench.training.run import quick_run


def test_zeros_are_zero(blurred_problem):
    found = Zeros().restore(blurred_problem, quick_run())
    assert found.estimate.dtype == np.float32
    assert found.estimate.shape == blurred_problem.observed.shape
    assert not found.estimate.any()
    assert (found.iterations, found.evaluations, found.repeatable) == (0, 0, True)


def test_input_is_the_observation(blurred_problem):
    observed = blurred_problem.observed - 0.05
    found = Input().restore(replace(blurred_problem, observed=observed), quick_run())
    assert found.estimate.dtype == np.float32
    assert np.array_equal(found.estimate, observed)
    assert not np.shares_memory(found.estimate, observed)


def by_hand(problem, boundary, factor=0.02):
    signal = np.mean(problem.observed.astype(np.float64).clip(0) ** 2)
    return wiener(
        problem.observed,
        problem.forward.kernel,
        regularisation=factor * problem.noise.mean_square / signal,
        boundary=boundary,
    ).estimate


def test_wiener_is_regularised_by_the_ratio_of_noise_to_signal(blurred_problem, lines):
    found = Wiener().restore(blurred_problem, quick_run())
    assert found.estimate.tobytes() == by_hand(blurred_problem, "linear").tobytes()
    other = Wiener(factor=0.1).restore(blurred_problem, quick_run())
    assert other.estimate.tobytes() == by_hand(blurred_problem, "linear", 0.1).tobytes()
    gain = psnr(lines, found.estimate, 1.0) - psnr(lines, blurred_problem.observed, 1.0)
    assert gain > 1
    with pytest.raises(ValueError, match="factor is 0"):
        Wiener(factor=0.0)


def test_wiener_does_not_depend_on_the_unit_of_intensity(blurred_problem):
    noise = blurred_problem.noise
    thousandfold = replace(
        blurred_problem,
        observed=blurred_problem.observed * np.float32(1000),
        noise=Noise(power=noise.mean_square * 1e6),
    )
    one = Wiener().restore(blurred_problem, quick_run()).estimate
    other = Wiener().restore(thousandfold, quick_run()).estimate
    np.testing.assert_allclose(other, 1000 * one, rtol=1e-3, atol=1e-2)


def test_wiener_estimates_noise_that_is_not_known(blurred_problem, lines):
    known = Wiener().restore(blurred_problem, quick_run()).estimate
    unknown = Wiener().restore(replace(blurred_problem, noise=None), quick_run()).estimate
    assert psnr(lines, unknown, 1.0) == pytest.approx(psnr(lines, known, 1.0), abs=0.3)


def test_wiener_follows_the_boundary(blurred_problem):
    circular = Wiener(boundary="circular").restore(blurred_problem, quick_run()).estimate
    assert np.array_equal(circular, by_hand(blurred_problem, "circular"))
    assert not np.array_equal(circular, Wiener().restore(blurred_problem, quick_run()).estimate)
    with pytest.raises(ValueError, match="boundary"):
        Wiener(boundary="mirror")


def test_wiener_needs_one_psf(blurred_problem):
    varying = DepthVariant([np.ones((3, 3))], np.ones((1, 9, 9)))
    for forward in (None, varying):
        with pytest.raises(InputError, match="no PSF"):
            Wiener().restore(replace(blurred_problem, forward=forward), quick_run())
