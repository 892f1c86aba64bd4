"""PSNR and the SSIM variants against scikit-image, another implementation."""

import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from focusbench.errors import InputError
from focusbench.evaluation.metrics import SSIM_VARIANTS, psnr, ssim, ssim_fits


def pair(shape, seed=0, noise=0.05):
    """A volume in [0.7, 1] with structure, and a noisy copy of it."""
    rng = np.random.default_rng(seed)
    grid = np.meshgrid(*(np.linspace(0, 3 * math.pi, n) for n in shape), indexing="ij")
    truth = 0.85 + 0.15 * np.prod([np.sin(axis + 0.3) for axis in grid], axis=0)
    estimate = np.clip(truth + rng.normal(0, noise, shape), 0, 1)
    return truth.astype(np.float32), estimate.astype(np.float32)


SHAPES = [(11, 30, 41), (16, 20, 23)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("data_range", [1.0, 0.3])
def test_psnr_agrees_with_scikit_image(shape, data_range):
    truth, estimate = (volume.astype(np.float64) for volume in pair(shape))
    expected = peak_signal_noise_ratio(truth, estimate, data_range=data_range)
    assert psnr(truth, estimate, data_range) == pytest.approx(expected, abs=1e-5)


def test_psnr_closed_form():
    truth = np.zeros((2, 3, 4), np.float32)
    assert psnr(truth, truth + np.float32(0.5), 1.0) == pytest.approx(20 * math.log10(2))
    assert psnr(truth, truth, 1.0) == math.inf


def test_a_smaller_range_costs_its_ratio_in_db():
    truth, estimate = pair((11, 12, 13))
    lost = psnr(truth, estimate, 1.0) - psnr(truth, estimate, 0.3)
    assert lost == pytest.approx(10.4576, abs=1e-4)


def test_psnr_keeps_a_small_error_on_float32():
    truth = np.ones((10, 100, 100), np.float32)
    estimate = truth - np.float32(2**-20)
    assert psnr(truth, estimate, 1.0) == pytest.approx(20 * 20 * math.log10(2), abs=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("data_range", [1.0, 0.3, 2.0])
def test_wang_3d_agrees_with_scikit_image(shape, data_range):
    truth, estimate = (volume.astype(np.float64) for volume in pair(shape))
    expected = structural_similarity(
        truth,
        estimate,
        data_range=data_range,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim(truth, estimate, data_range, "wang_3d") == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("shape", [*SHAPES, (3, 11, 12)])
def test_wang_2d_agrees_with_scikit_image(shape):
    truth, estimate = (volume.astype(np.float64) for volume in pair(shape))
    expected = structural_similarity(
        truth,
        estimate,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=0,
    )
    assert ssim(truth, estimate, 1.0, "wang_2d") == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("shape", [*SHAPES, (3, 11, 12)])
def test_paper_agrees_with_scikit_image(shape):
    # as the authors' code called it: floats without a range (taken as 2), window 11, slices as
    # channels; sample covariance is scikit-image's default
    truth, estimate = (volume.astype(np.float64) for volume in pair(shape))
    expected = structural_similarity(truth, estimate, data_range=2.0, win_size=11, channel_axis=0)
    assert ssim(truth, estimate, 2.0, "paper") == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("shape", [*SHAPES, (7, 8, 9)])
@pytest.mark.parametrize("data_range", [1.0, 0.3])
def test_uniform_3d_agrees_with_scikit_images_defaults(shape, data_range):
    truth, estimate = (volume.astype(np.float64) for volume in pair(shape))
    expected = structural_similarity(truth, estimate, data_range=data_range)
    assert ssim(truth, estimate, data_range, "uniform_3d") == pytest.approx(expected, abs=1e-5)


def test_wang_3d_is_the_default_and_the_variants_differ():
    truth, estimate = pair((12, 20, 20))
    values = [ssim(truth, estimate, 1.0), ssim(truth, estimate, 1.0, "wang_2d")]
    values.append(ssim(truth, estimate, 2.0, "paper"))
    assert values[0] == ssim(truth, estimate, 1.0, "wang_3d")
    assert len({round(value, 3) for value in values}) == 3
    assert values[2] > max(values[:2])  # range 2 flatters


def test_ssim_of_a_volume_with_a_large_offset_is_computed_in_float64():
    truth, estimate = pair((11, 16, 16))
    shifted = (truth.astype(np.float64) + 1000, estimate.astype(np.float64) + 1000)
    expected = structural_similarity(
        *shifted, data_range=1.0, gaussian_weights=True, use_sample_covariance=False
    )
    float32 = [volume.astype(np.float32) for volume in shifted]
    assert ssim(*float32, 1.0) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("variant", SSIM_VARIANTS)
def test_equal_volumes_have_ssim_one(variant):
    truth, _ = pair((11, 14, 15))
    assert ssim(truth, truth, SSIM_VARIANTS[variant].data_range or 1.0, variant) == 1


def test_two_dimensional_variants_take_an_image():
    truth, estimate = pair((12, 30, 30))
    assert ssim(truth[4], estimate[4], 1.0, "wang_2d") == ssim(
        truth[4:5], estimate[4:5], 1.0, "wang_2d"
    )


@pytest.mark.parametrize(
    ("variant", "shape"),
    [
        ("wang_3d", (10, 30, 30)),
        ("wang_3d", (30, 30)),
        ("wang_2d", (11, 10, 30)),
        ("paper", (11, 30, 10)),
        ("paper", (2, 11, 30, 30)),
        ("uniform_3d", (6, 30, 30)),
        ("uniform_3d", (30, 30)),
    ],
)
def test_too_small_a_volume_is_refused(variant, shape):
    volume = np.ones(shape)
    assert not ssim_fits(shape, variant)
    with pytest.raises(InputError, match="too small"):
        ssim(volume, volume, SSIM_VARIANTS[variant].data_range or 1.0, variant)


def test_bad_input_is_refused():
    truth, estimate = pair((11, 12, 12))
    bad = estimate.copy()
    bad[0, 0, 0] = np.nan
    with pytest.raises(InputError, match="equal shapes"):
        psnr(truth, estimate[:5], 1.0)
    with pytest.raises(InputError, match="equal shapes"):
        ssim(truth, estimate[:, :11], 1.0)
    for data_range in (0, -1.0, math.nan, math.inf):
        with pytest.raises(InputError, match="data_range"):
            psnr(truth, estimate, data_range)
        with pytest.raises(InputError, match="data_range"):
            ssim(truth, estimate, data_range)
    with pytest.raises(InputError, match="NaN"):
        psnr(truth, bad, 1.0)
    with pytest.raises(InputError, match="NaN"):
        ssim(truth, bad, 1.0)
    with pytest.raises(InputError, match="wang_3d, wang_2d, paper, uniform_3d"):
        ssim(truth, estimate, 1.0, "wang")
    with pytest.raises(InputError, match="defined with 2"):
        ssim(truth, estimate, 1.0, "paper")


def test_the_range_has_no_default():
    truth, estimate = pair((11, 12, 12))
    with pytest.raises(TypeError):
        psnr(truth, estimate)
    with pytest.raises(TypeError):
        ssim(truth, estimate)
