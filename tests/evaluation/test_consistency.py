import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.evaluation.consistency import reduced_chi_square, rms
from focusbench.problem import Noise


def test_residual_of_pure_noise_has_chi_square_one():
    sigma = 0.02
    residual = np.random.default_rng(0).normal(0, sigma, (11, 100, 100))
    # 110,000 values: the standard error of the mean square is sqrt(2 / 110,000) = 0.0043
    assert reduced_chi_square(residual, sigma) == pytest.approx(1, abs=0.02)


def test_rounding_to_grey_levels_has_chi_square_one():
    image = np.random.default_rng(0).uniform(0, 1, (11, 100, 100))
    residual = np.round(image * 255) / 255 - image
    noise = Noise(quantisation_step=1 / 255)
    assert reduced_chi_square(residual, noise.standard_deviation) == pytest.approx(1, abs=0.02)


def test_closed_form():
    residual = np.array([0.3, -0.4], np.float32)
    assert rms(residual) == pytest.approx(0.125**0.5)
    assert reduced_chi_square(residual, 0.5) == pytest.approx(0.5)


def test_no_or_unknown_noise_gives_none():
    residual = np.full(5, 0.1)
    assert reduced_chi_square(residual, 0.0) is None
    assert reduced_chi_square(residual, None) is None


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="standard deviation"):
        reduced_chi_square(np.ones(3), -0.1)
    with pytest.raises(InputError, match="NaN"):
        reduced_chi_square(np.array([np.nan]), 0.1)
    with pytest.raises(InputError, match="empty"):
        rms(np.empty(0))
