"""Noise: its definition, the SNR that comes out, and the power told from frequencies alone."""

import math
import re

import numpy as np
import pytest
from scipy.signal import fftconvolve
from scipy.stats import norm

from focusbench.data import microtubules
from focusbench.errors import InputError
from focusbench.optics import noise, psf
from focusbench.problem import Noise

LEVELS = (1.25, 2.5, 5, 10, 20)
RECIPE = {
    "voxel_size": (0.1, 0.1, 0.1),
    "radius": 0.15,
    "persistence_length": 20.0,
    "planar_factor": 0.3,
}


@pytest.fixture(scope="module")
def kernel():
    return psf.born_wolf((15, 31, 31), (0.1, 0.1, 0.1), 0.5, 1.4, 1.5)


@pytest.fixture(scope="module")
def images(kernel):
    """Noise-free images: every voxel bright; filaments; a block in complete darkness."""
    shape = (64, 128, 128)
    rng = np.random.default_rng(0)
    settings = {**RECIPE, "shape": shape, "filaments": 12}
    dark = np.zeros(shape)
    dark[20:40, 40:90, 50:100] = rng.uniform(0.2, 1, (20, 50, 50))
    return {
        "dense": rng.uniform(0.3, 1, shape),
        "filaments": blur(microtubules.volume("microtubules_test1", settings), kernel),
        "dark": dark,
    }


def blur(volume, kernel):
    return np.maximum(fftconvolve(volume.astype(np.float64), kernel, "same"), 0)


@pytest.mark.parametrize("fraction", [0, 0.3, 0.5, 1])
@pytest.mark.parametrize("name", ["dense", "filaments", "dark"])
def test_the_snr_that_was_asked_for_comes_out(images, name, fraction):
    image = images[name]
    for k, level in enumerate((*LEVELS, 40)):
        noisy = noise.add(image, level, fraction, np.random.default_rng(k))
        assert noisy.dtype == np.float32
        assert noisy.shape == image.shape
        assert noisy.min() >= 0
        assert noise.snr(image, noisy) == pytest.approx(level, abs=0.1)


@pytest.mark.parametrize("fraction", [0, 0.5, 1])
def test_unit_and_type_of_the_image_do_not_matter(images, fraction):
    image = images["filaments"]
    counts = 60000 * image / image.max()
    plain = noise.solve(image, 10, fraction)
    scaled = noise.solve(counts, 10, fraction)
    factor = 60000 / image.max()
    assert scaled.gaussian_sigma == pytest.approx(factor * plain.gaussian_sigma, rel=1e-6)
    assert scaled.photons * factor == pytest.approx(plain.photons, rel=1e-6)
    assert scaled.power == pytest.approx(factor**2 * plain.power, rel=1e-12)
    for values in (counts.astype(np.float32), np.rint(counts).astype(np.uint16)):
        noisy = noise.add(values, 10, fraction, np.random.default_rng(1))
        assert noise.snr(values, noisy) == pytest.approx(10, abs=0.1)


def test_the_shares_of_the_power(images):
    """E[(c - mu)^2] is the Gaussian's share after clipping, by drawing it alone."""
    image = images["filaments"]
    square = float(np.mean(image**2))
    for level in (1.25, 20):
        found = noise.solve(image, level, 0.3)
        assert found.power == pytest.approx(square / 10 ** (level / 10), rel=1e-12)
        rng = np.random.default_rng(2)
        clipped = np.maximum(image + found.gaussian_sigma * rng.standard_normal(image.shape), 0)
        share = float(np.mean((clipped - image) ** 2)) / found.power
        assert share == pytest.approx(0.3, rel=0.01)
        shot = float(clipped.mean()) / found.photons / found.power
        assert shot == pytest.approx(0.7, rel=0.01)


def test_the_moments_of_the_clipped_normal_against_quadrature():
    nodes, weights = np.polynomial.legendre.leggauss(400)
    for mu, sigma in ((0.0, 1.0), (0.3, 0.7), (2.0, 0.5), (1.0, 4.0)):
        a = mu / sigma
        low, high = -a, max(-a, 0) + 12  # where n > -a nothing is clipped
        n = (high - low) / 2 * nodes + (high + low) / 2
        density = (high - low) / 2 * weights * norm.pdf(n)
        mean = density @ (mu + sigma * n)
        square = density @ (sigma * n) ** 2 + mu**2 * norm.cdf(-a)
        flat = np.full((4, 4, 4), mu) if mu else None
        assert sigma * noise._clipped_mean(np.array(a)) == pytest.approx(mean, rel=1e-9)
        assert sigma**2 * noise._clipped_square(np.array(a)) == pytest.approx(square, rel=1e-9)
        if flat is not None:  # the other way round: this power is solved for this sigma
            level = 10 * math.log10(mu**2 / square)
            assert noise.solve(flat, level, 1).gaussian_sigma == pytest.approx(sigma, rel=1e-6)


def test_the_ends_of_the_share(images):
    image = images["dense"]
    shot = noise.solve(image, 10, 0)
    assert shot.gaussian_sigma == 0
    assert shot.photons == pytest.approx(10 * image.mean() / np.mean(image**2), rel=1e-12)
    gaussian = noise.solve(image, 20, 1)
    assert gaussian.photons == math.inf
    # so bright that nothing is clipped: sigma is that of the power
    assert gaussian.gaussian_sigma**2 == pytest.approx(gaussian.power, rel=1e-3)
    # in the dark half of the noise is cut off, and its scale is larger
    assert noise.solve(images["dark"], 5, 1).gaussian_sigma ** 2 > 1.9 * np.mean(
        images["dark"] ** 2
    ) / 10 ** (5 / 10)


def test_order_of_the_noises():
    """Gaussian, clip, photons: whole photons, and none where all light was clipped away."""
    image = np.full((40, 50, 50), 0.5)
    noisy = noise.draw(image, Noise(gaussian_sigma=1.0, photons=8), np.random.default_rng(0))
    np.testing.assert_array_equal(noisy * 8, np.rint(noisy * 8))
    light = np.random.default_rng(1).normal(0.5, 1, 10**6).clip(0)
    assert noisy.mean() == pytest.approx(light.mean(), rel=0.01)
    assert (noisy == 0).mean() == pytest.approx(np.exp(-8 * light).mean(), rel=0.02)


def test_drawing_is_repeatable_and_leaves_the_image_alone(images):
    image = images["filaments"].copy()
    first = noise.add(image, 5, 0.5, np.random.default_rng(3))
    np.testing.assert_array_equal(first, noise.add(image, 5, 0.5, np.random.default_rng(3)))
    assert not np.array_equal(first, noise.add(image, 5, 0.5, np.random.default_rng(4)))
    np.testing.assert_array_equal(image, images["filaments"])
    view = np.asfortranarray(image)  # order in memory is not what is drawn
    np.testing.assert_array_equal(first, noise.add(view, 5, 0.5, np.random.default_rng(3)))


def test_blocks_do_not_show(images, monkeypatch):
    image = images["filaments"]
    before = noise.solve(image, 5, 0.5)
    monkeypatch.setattr(noise, "BLOCK", 10007)
    after = noise.solve(image, 5, 0.5)
    assert after.gaussian_sigma == pytest.approx(before.gaussian_sigma, rel=1e-9)
    assert after.photons == pytest.approx(before.photons, rel=1e-9)
    noisy = noise.draw(image, after, np.random.default_rng(0))
    assert noise.snr(image, noisy) == pytest.approx(5, abs=0.1)


def test_snr_by_hand():
    clean = np.array([[3.0, 4.0]])
    assert noise.snr(clean, np.array([[3.3, 3.6]])) == pytest.approx(20)
    assert noise.snr(clean, clean) == math.inf


def test_peak_snr_of_256_photons_and_what_is_left_on_average(images):
    """24.08 dB and 20 dB go together on a flat image with Gaussian noise, not on filaments."""
    for image in images.values():
        photons = 256 / image.max()
        assert noise.peak_snr(image, Noise(photons=photons)) == pytest.approx(24.0824, abs=1e-3)
    image = images["filaments"]
    noisy = noise.draw(image, Noise(photons=256 / image.max()), np.random.default_rng(0))
    left = 256 * np.mean(image**2) / image.mean() / image.max()
    assert noise.snr(image, noisy) == pytest.approx(10 * np.log10(left), abs=0.1)
    assert left < 10 ** (18 / 10)
    flat = np.ones((20, 20, 20))
    both = Noise(gaussian_sigma=math.sqrt(0.01 - 1 / 256), photons=256)
    noisy = noise.draw(flat, both, np.random.default_rng(0))
    assert noise.snr(flat, noisy) == pytest.approx(20, abs=0.2)
    assert noise.peak_snr(flat, both) == pytest.approx(20, abs=1e-6)
    assert noise.peak_snr(flat, Noise()) == math.inf


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((3, 3, 3)), "no photons"),
        (np.array([1.0, -1e-3, 2.0]), "lowest value -0.001"),
        (np.array([1.0, np.nan]), "NaN"),
        (np.array([1.0, np.inf]), "infinity"),
        (np.zeros((0, 3)), r"\(0, 3\)"),
        (np.array([1j, 2]), "complex"),
    ],
)
def test_what_is_no_image_is_refused(image, message):
    for call in (
        lambda: noise.solve(image, 10, 0.5),
        lambda: noise.draw(image, Noise(photons=5), np.random.default_rng(0)),
        lambda: noise.add(image, 10, 0.5, np.random.default_rng(0)),
        lambda: noise.peak_snr(image, Noise(photons=5)),
    ):
        one_line(call, message)


def one_line(call, message):
    with pytest.raises(InputError) as error:
        call()
    assert re.search(message, str(error.value))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("level", [math.nan, math.inf, -math.inf, 121, -41, "20", None, True])
def test_levels_that_are_refused(level):
    one_line(lambda: noise.solve(np.ones(5), level, 0.5), "snr_db is .* -40 to 120")


@pytest.mark.parametrize("fraction", [-0.01, 1.01, math.nan, "half", None])
def test_shares_that_are_refused(fraction):
    one_line(lambda: noise.solve(np.ones(5), 20, fraction), "gaussian_fraction is .* 0 to 1")


def test_the_ends_of_the_accepted_levels_work():
    image = np.random.default_rng(0).random((40, 40, 40))
    for fraction in (0, 0.5, 1):
        found = noise.solve(image, -40, fraction)  # so few photons that one draw tells little
        assert found.power == pytest.approx(1e4 * np.mean(image**2), rel=1e-12)
        for level in (-10, 120):
            noisy = noise.add(image, level, fraction, np.random.default_rng(1))
            assert noise.snr(image, noisy) == pytest.approx(level, abs=0.1)


def test_other_bad_input():
    rng = np.random.default_rng(0)
    for bad in (Noise(photons=0), Noise(photons=math.nan), Noise(gaussian_sigma=-1)):
        one_line(lambda bad=bad: noise.draw(np.ones(3), bad, rng), "photons .* not accepted")
    one_line(lambda: noise.snr(np.ones(3), np.ones(4)), "equal shapes")
    one_line(lambda: noise.snr(np.zeros(3), np.ones(3)), "0 everywhere")
    one_line(lambda: noise.snr(np.ones(3), np.array([1, 2, np.nan])), "NaN")


# --- power from the frequencies that the optics cannot pass --------------------------------------


@pytest.mark.parametrize("name", ["dense", "filaments"])
@pytest.mark.parametrize("level", [5, 10, 20])
def test_power_of_shot_noise_within_five_percent(images, kernel, name, level):
    image = blur(images["dense"], kernel) if name == "dense" else images[name]
    noisy = noise.add(image, level, 0, np.random.default_rng(5))
    power = np.mean((noisy - image) ** 2)
    assert noise.estimate_power(noisy, kernel) == pytest.approx(power, rel=0.05)


@pytest.mark.parametrize("level", [5, 10, 20])
def test_power_of_clipped_noise_but_for_its_smooth_part(images, kernel, level):
    """Clipping brightens the background; that mean is no noise to whom has but the recording."""
    image = images["filaments"]
    found = noise.solve(image, level, 0.5)
    noisy = noise.draw(image, found, np.random.default_rng(6))
    light = found.gaussian_sigma * noise._clipped_mean(image / found.gaussian_sigma)
    smooth = np.mean((light - image) ** 2)
    assert noise.estimate_power(noisy, kernel) == pytest.approx(found.power - smooth, rel=0.05)
    assert 0 < smooth < 0.15 * found.power


def test_power_of_additive_noise_in_two_dimensions_and_with_an_asymmetric_kernel():
    rng = np.random.default_rng(7)
    kernel = fftconvolve(
        psf.born_wolf((25, 25), (0.05, 0.05), 0.5, 1.4, 1.5), [[0, 0, 0], [0, 3, 2], [0, 0, 1]]
    )
    kernel = np.maximum(kernel, 0)  # rounding
    image = fftconvolve(rng.random((256, 280)), kernel, "same")
    noisy = image + rng.normal(0, 0.05, image.shape) - 0.3  # below 0, as an offset leaves it
    assert noise.estimate_power(noisy, kernel) == pytest.approx(0.05**2, rel=0.05)


def test_power_of_large_recordings_comes_from_blocks(images, kernel, monkeypatch):
    noisy = noise.add(images["filaments"], 10, 0, np.random.default_rng(8))[:, :, :126]
    whole = noise.estimate_power(noisy, kernel)
    monkeypatch.setattr("focusbench.optics.noise_floor.BLOCK", 70)
    assert noise.estimate_power(noisy, kernel) == pytest.approx(whole, rel=0.05)


def test_hot_pixels_and_bright_faces_do_not_reach_the_median(images, kernel):
    noisy = noise.add(images["filaments"], 10, 0, np.random.default_rng(9))
    ramp = np.linspace(0, 5, 128)  # leaks as the borders of a recording do
    power = noise.estimate_power(noisy, kernel)
    assert noise.estimate_power(noisy + ramp, kernel) == pytest.approx(power, rel=0.05)


def test_power_scales_with_the_square_of_the_unit(images, kernel):
    noisy = noise.add(images["filaments"], 10, 0.5, np.random.default_rng(10))
    power = noise.estimate_power(noisy, kernel)
    assert noise.estimate_power(noisy * 100.0, kernel * 7) == pytest.approx(1e4 * power, rel=1e-5)
    assert noise.estimate_power(np.full((32, 32, 32), 4.0), kernel) < 1e-20


def test_power_needs_frequencies_that_are_stopped():
    single = np.zeros((3, 3, 3))
    single[1, 1, 1] = 1
    rng = np.random.default_rng(0)
    one_line(lambda: noise.estimate_power(rng.random((20, 20, 20)), single), "PSF: passes all but")


def test_power_of_what_is_no_recording(kernel):
    values = np.ones((32, 32, 32))
    values[3, 3, 3] = np.nan
    one_line(lambda: noise.estimate_power(values, kernel), "NaN")
    one_line(lambda: noise.estimate_power(np.ones((8, 8, 8)), kernel), "PSF")
    one_line(lambda: noise.estimate_power(np.ones((32, 32, 32)), 0 * kernel), "PSF")


def test_power_of_real_recordings(real_data):
    """Bars and bead: the same whichever of the stopped frequencies are looked at."""
    from focusbench.images import read_volume
    from focusbench.optics import noise_floor

    folder = real_data / "decon3d"
    for name, low, high in (("bars", 34, 38), ("bead", 38, 44)):
        recorded = read_volume(folder / f"{name}-25pct_data.tif").array.astype(np.float64)
        kernel = read_volume(folder / f"{name}-25pct_kernel.tif").array.clip(0)
        power = noise.estimate_power(recorded, kernel)
        assert low < 10 * np.log10(np.mean(recorded**2) / power) < high
        transfer = noise_floor._transfer(kernel / kernel.sum(dtype=np.float64), recorded.shape)
        assert transfer.max() == pytest.approx(1, rel=1e-5)
