"""PSNR, SSIM, MSE and MAE of colour planes, and radial spectra, against closed forms."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.signal import convolve2d

from focusbench.errors import InputError
from focusbench.evaluation.colour_metrics import RANGE, SSIM_SETTINGS, plane_scores
from focusbench.evaluation.radial_spectrum import radial_spectrum


def plane(shape=(30, 26), seed=0):
    return np.random.default_rng(seed).integers(20, 230, (*shape, 3)).astype(np.uint8)


def tensorflow_ssim(truth, estimate):
    """As `tf.image.ssim` is documented: its 2-D filter, its terms, its order of means."""
    offset = np.arange(11) - 5.0
    exponent = -0.5 * (offset[:, None] ** 2 + offset**2) / 1.5**2
    kernel = np.exp(exponent - exponent.max())
    kernel /= kernel.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    for colour in range(3):
        x, y = (image[..., colour].astype(float) for image in (truth, estimate))
        mx, my, xy, squares = (
            convolve2d(image, kernel, "valid") for image in (x, y, x * y, x * x + y * y)
        )
        luminance = (2 * mx * my + c1) / (mx**2 + my**2 + c1)
        contrast = (2 * xy - 2 * mx * my + c2) / (squares - (mx**2 + my**2) + c2)
        values.append((luminance * contrast).mean())
    return np.mean(values)


@pytest.mark.parametrize("error", [1, 5])
def test_a_constant_error(error):
    truth = plane()
    found = plane_scores(truth, truth + np.uint8(error))
    assert found["psnr"] == pytest.approx(20 * math.log10(255 / error))
    assert found["mse"] == error**2
    assert found["mae"] == error


def test_all_colours_count_together():
    truth, estimate = plane(), plane()
    estimate[..., 1] += 6
    found = plane_scores(truth, estimate)
    assert found["mse"] == pytest.approx(36 / 3)
    assert found["mae"] == pytest.approx(6 / 3)
    assert found["psnr"] == pytest.approx(10 * math.log10(255**2 / 12))


def test_an_exact_plane():
    assert plane_scores(plane(), plane()) == {"psnr": math.inf, "ssim": 1.0, "mse": 0, "mae": 0}


def test_ssim_is_that_of_tensorflow():
    truth, noisy = plane(), plane()
    noisy[3:20] += np.random.default_rng(1).integers(0, 25, noisy[3:20].shape).astype(np.uint8)
    for estimate in (noisy, plane(seed=2)):
        found = plane_scores(truth, estimate)["ssim"]
        assert found == pytest.approx(tensorflow_ssim(truth, estimate), abs=1e-9)


def test_ssim_of_flat_planes_is_that_of_their_means():
    truth, estimate = np.full((12, 12, 3), 100, np.uint8), np.full((12, 12, 3), 100, np.uint8)
    estimate[..., 2] = 160
    c1 = 2.55**2
    blue = (2 * 100 * 160 + c1) / (100**2 + 160**2 + c1)
    assert plane_scores(truth, estimate)["ssim"] == pytest.approx((2 + blue) / 3)


def test_a_plane_smaller_than_the_window_has_no_ssim():
    found = plane_scores(plane((10, 40)), plane((10, 40), 1))
    assert found["ssim"] is None
    assert found["mse"] > 0
    assert plane_scores(plane((11, 40)), plane((11, 40), 1))["ssim"] is not None


def test_what_counts_is_said():
    assert RANGE == 255
    assert all(word in SSIM_SETTINGS for word in ("sigma 1.5", "11 pixels", "range 255", "mean"))
    assert "slices" not in SSIM_SETTINGS


@pytest.mark.parametrize(
    "wrong", [plane().astype(np.float32), plane()[..., 0], plane()[..., :2], plane()[:0], None]
)
def test_planes_that_are_refused(wrong):
    with pytest.raises(InputError, match=r"estimate: .*uint8 of shape \(y, x, 3\) is accepted"):
        plane_scores(plane(), wrong)
    with pytest.raises(InputError, match="equal shapes"):
        plane_scores(plane(), plane((12, 12)))


def waves(shape, cycles_y, cycles_x, amplitude=3.0):
    y, x = (np.arange(length)[:, None] / length for length in shape)
    return 7 + amplitude * np.cos(2 * np.pi * (cycles_y * y + cycles_x * x.T))


@pytest.mark.parametrize("cycles", [(0, 12), (12, 0), (9, -8)])
def test_a_wave_stands_at_its_frequency(cycles):
    pixel, side = 0.25, 64
    found = radial_spectrum(waves((side, side), *cycles), pixel)
    peak = found.frequency[np.argmax(found.power)]
    assert peak == pytest.approx(math.hypot(*cycles) / (side * pixel), abs=0.5 / (side * pixel))
    away = np.abs(found.frequency - peak) > 3.5 / (side * pixel)
    assert found.power[away].max() < 1e-12 * found.power.max()  # a Hann window leaks nowhere far


@pytest.mark.parametrize("shape", [(32, 32), (33, 33), (24, 31), (31, 24)])
def test_directions_count_alike(shape):
    image = np.random.default_rng(0).normal(size=shape).cumsum(0)
    found, turned = radial_spectrum(image, 0.5), radial_spectrum(image.T, 0.5)
    assert found.power == pytest.approx(turned.power)
    assert found.frequency == pytest.approx(turned.frequency)


def test_axes_and_the_integral():
    pixel, side = 0.25, 64
    noise = np.random.default_rng(0).normal(size=(8, side, side))
    smooth = gaussian_filter(noise, (0, 1.0, 1.0), mode="wrap")
    found = radial_spectrum(smooth, pixel)
    assert found.frequency[0] == 1 / (side * pixel)
    assert found.frequency[-1] == 1 / (2 * pixel)
    rings = 2 * np.pi * found.frequency / (side * pixel)
    assert (found.power.mean(0) * rings).sum() == pytest.approx(smooth.var(), rel=0.05)


def test_density_does_not_depend_on_the_size():
    rng = np.random.default_rng(0)
    for shape, pixel in (((96, 128), 0.5), ((200, 40), 0.5), ((64, 65), 0.25)):
        found = radial_spectrum(rng.normal(90, 4, shape), pixel)
        assert found.power.mean() == pytest.approx(16 * pixel**2, rel=0.1)
        assert found.power[-8:].mean() == pytest.approx(16 * pixel**2, rel=0.15)


def test_images_of_a_stack_are_taken_one_by_one():
    stack = np.random.default_rng(0).normal(size=(2, 3, 16, 20))
    found = radial_spectrum(stack, 1.0)
    assert found.power.shape == (2, 3, 10)
    assert found.power[1, 2] == pytest.approx(radial_spectrum(stack[1, 2], 1.0).power)


def test_a_flat_image_has_no_power():
    assert radial_spectrum(np.full((16, 16), 240, np.uint8), 0.243).power.max() < 1e-20


@pytest.mark.parametrize(
    ("image", "pixel", "message"),
    [
        (np.zeros(40), 1.0, "8 x 8 px or more"),
        (np.zeros((7, 40)), 1.0, "8 x 8 px or more"),
        (np.full((9, 9), np.nan), 1.0, "finite values are accepted"),
        (np.zeros((9, 9)), 0.0, "um, above 0"),
        (np.zeros((9, 9)), math.nan, "um, above 0"),
    ],
)
def test_spectra_that_are_refused(image, pixel, message):
    with pytest.raises(InputError, match=message):
        radial_spectrum(image, pixel)
