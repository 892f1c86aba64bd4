"""Neighbouring pixels of a residual: white noise, slopes, noise with structure, nothing at all."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from focusbench.errors import InputError
from focusbench.evaluation.whiteness import residual_correlation, spectral_flatness

SHAPE = (7, 40, 50)


def white(seed):
    return np.random.default_rng(seed).normal(size=SHAPE)


def test_white_noise_gives_zero_with_the_stated_error():
    found = [residual_correlation(white(seed)) for seed in range(60)]
    error = 1 / np.sqrt(2 * np.prod(SHAPE))
    assert np.std(found) == pytest.approx(error, rel=0.3)
    bias = -1 / (SHAPE[1] * SHAPE[2])
    assert np.mean(found) == pytest.approx(bias, abs=3 * error / np.sqrt(60))


def test_a_slope_gives_nearly_one_and_a_chess_board_minus_one():
    y, x = np.mgrid[:60, :60]
    assert residual_correlation((0.3 * y - 0.1 * x)[None]) == pytest.approx(1, abs=0.01)
    assert residual_correlation((-1.0) ** (y + x)[None]) == pytest.approx(-1)


def test_both_directions_count_alike():
    rows = np.repeat(white(1)[:, :, :1], SHAPE[2], axis=2)  # white along y, constant along x
    assert residual_correlation(rows) == pytest.approx(0.5, abs=0.1)
    assert residual_correlation(rows.swapaxes(1, 2)) == pytest.approx(residual_correlation(rows))


def test_it_is_the_share_of_what_is_smooth():
    y, x = np.mgrid[:400, :400]
    smooth = np.sin(2 * np.pi * y / 200) * np.sin(2 * np.pi * x / 200)
    noise = np.random.default_rng(2).normal(size=smooth.shape)
    mixed = noise + np.sqrt(0.04 / smooth.var()) * smooth
    share = 0.04 / 1.04
    assert residual_correlation(mixed[None]) == pytest.approx(share, abs=3 / np.sqrt(2 * y.size))


def test_the_spectrum_of_white_noise_is_flat_within_the_stated_error():
    found = [spectral_flatness(0.01 * white(seed)) for seed in range(60)]
    error = np.sqrt(2 * (np.pi**2 / 6 - 1) / np.prod(SHAPE))
    assert np.std(found) == pytest.approx(error, rel=0.3)
    assert np.mean(found) == pytest.approx(1, abs=0.005)


def test_flatness_of_a_known_spectrum():
    """Noise filtered by two frequencies: half of them have a quarter of the power."""
    rng = np.random.default_rng(0)
    spectrum = np.fft.fft2(rng.normal(size=(4, 64, 64)))
    spectrum[:, :, 16:48] *= 0.5
    expected = np.sqrt(1 / 4) / np.mean([1, 1 / 4])
    assert spectral_flatness(np.fft.ifft2(spectrum).real) == pytest.approx(expected, rel=0.03)


def test_flatness_sees_structure_that_has_no_correlation_at_a_lag_of_one():
    y, x = np.mgrid[:40, :50]
    wave = np.sin(2 * np.pi * x / 4) * np.sin(2 * np.pi * y / 4)  # a quarter period a pixel
    mixed = white(6) + wave
    assert abs(residual_correlation(mixed)) < 0.02
    assert spectral_flatness(mixed) < 0.98 - 3 * 1.14 / np.sqrt(mixed.size)
    assert spectral_flatness(np.broadcast_to(wave, SHAPE)) < 1e-6


def test_noise_of_other_strength_in_each_plane_is_white():
    strength = np.array([0, 1, 2, 3, 5, 8, 13])[:, None, None]
    assert spectral_flatness(white(7) * strength) == pytest.approx(1, abs=0.05)


def test_noise_whose_smooth_part_was_followed_falls_below_zero():
    noise = white(3)
    followed = gaussian_filter(noise, (0, 2, 2))
    assert residual_correlation(noise - followed) < -0.02


def test_the_mean_of_a_plane_does_not_count():
    residual = white(4)
    levels = residual + 100 * np.arange(SHAPE[0])[:, None, None]
    assert residual_correlation(levels) == pytest.approx(residual_correlation(residual))
    assert residual_correlation(1e-200 * residual) == pytest.approx(residual_correlation(residual))


@pytest.mark.parametrize(
    "residual",
    [np.zeros(SHAPE), np.full(SHAPE, 0.1, np.float32), np.full(SHAPE, 1 / 3), white(5)[:, :1, :1]],
    ids=["zero", "constant float32", "constant", "single pixels"],
)
def test_nothing_to_judge_gives_none(residual):
    assert residual_correlation(residual) is None
    assert spectral_flatness(residual) is None


def test_a_single_row_has_one_direction():
    assert residual_correlation(np.arange(50.0)[None, None]) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    "residual", [np.zeros((3, 4)), np.zeros((0, 4, 4)), np.full((1, 4, 4), np.nan)]
)
def test_bad_residuals_are_refused(residual):
    for measure in (residual_correlation, spectral_flatness):
        with pytest.raises(InputError, match=r"\(Z, Y, X\)"):
            measure(residual)
