import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from focusbench.training.sharpness import autocorrelation_width, sharpness


def test_variance_and_laplacian_by_hand():
    patch = np.zeros((1, 5, 5))
    patch[0, 2, 2] = 10
    variance, energy, _ = np.exp(sharpness(patch)[0])
    assert variance == pytest.approx(100 / 25 - (10 / 25) ** 2 + 1e-3)
    # inner 3 x 3: -40 in the middle and 10 at its four neighbours
    assert energy == pytest.approx((1600 + 4 * 100) / 9 + 1e-3)


def test_width_of_a_blurred_texture():
    """Noise blurred by a Gaussian has the autocovariance exp(-d^2 / (4 sigma^2))."""
    noise = np.random.default_rng(0).normal(size=(8, 128, 128))
    for sigma in (2.0, 3.0):
        blurred = np.stack([gaussian_filter(one, sigma, mode="wrap") for one in noise])
        expected = 2 * sigma * np.sqrt(np.log(2))
        assert autocorrelation_width(blurred).mean() == pytest.approx(expected, rel=0.05)


def test_width_of_white_noise():
    """The autocovariance falls from 1 to 0 within a pixel, on the line between at 1/2."""
    noise = np.random.default_rng(0).normal(size=(20, 64, 64))
    assert autocorrelation_width(noise).mean() == pytest.approx(0.5, abs=0.02)


def test_even_patches_have_features():
    made = sharpness(np.full((2, 8, 8), 7, np.uint16))
    assert np.isfinite(made).all()
    assert np.array_equal(made[0], made[1])
    assert autocorrelation_width(np.full((1, 8, 8), 7)).tolist() == [4]


def test_chunks_and_none():
    patches = np.random.default_rng(0).integers(0, 500, (5, 8, 8)).astype(np.uint16)
    assert np.allclose(sharpness(patches, chunk=2), sharpness(patches))
    assert sharpness(patches[:0]).shape == (0, 3)
