"""Illumination from the recording itself: simulated stacks with a known vignette."""

import functools

import numpy as np
import pytest
from numpy.polynomial import legendre

from focusbench.data import stack
from focusbench.data.flat_field import illumination
from focusbench.errors import InputError
from focusbench.images import Volume
from focusbench.optics.ray_loops import render
from focusbench.optics.ray_paths import Geometry

PLANES, HEIGHT, WIDTH = SHAPE = (21, 116, 55)
PIXEL, STEP, NOISE = 0.1065, 0.3, 0.0285


def vignette(degree, size, seed=0):
    """A random polynomial that falls from 1 to 1 - size."""
    y, x = np.meshgrid(np.linspace(-1, 1, HEIGHT), np.linspace(-1, 1, WIDTH), indexing="ij")
    coefficients = np.random.default_rng(seed).normal(size=(degree + 1, degree + 1))
    orders = np.add.outer(np.arange(degree + 1), np.arange(degree + 1))
    coefficients[(orders > degree) | (orders == 0)] = 0
    field = legendre.legval2d(y, x, coefficients)
    return 1 - size * (field.max() - field) / np.ptp(field)


def cell(share):
    """Distance from the middle of an oblique oval cell, 1 at its edge; it covers `share`."""
    y, x = np.meshgrid(np.arange(HEIGHT) - 64.0, np.arange(WIDTH) - 23.0, indexing="ij")
    cosine, sine = np.cos(np.deg2rad(12)), np.sin(np.deg2rad(12))
    distance = np.hypot((y * cosine - x * sine) / 52, (y * sine + x * cosine) / 16)
    return distance / np.quantile(distance, share)


@functools.cache
def refracting(share, absorption=0.0, off=0):
    """Through-focus images of a thin lens-shaped cell, by angular spectra over a condenser's cone.

    `absorption`: of the amplitude, a radian of phase; `off`: planes from the middle to the focus.
    """
    phase = 1.2 * np.sqrt(np.clip(1 - cell(share) ** 2, 0, None))
    field = np.exp((1j - absorption) * np.pad(phase, 32))
    wavelength, index, aperture = 0.55, 1.33, 0.75
    sides = np.array(field.shape) * PIXEL
    fy, fx = np.fft.fftfreq(field.shape[0], PIXEL)[:, None], np.fft.fftfreq(field.shape[1], PIXEL)
    axial = np.sqrt(np.clip((index / wavelength) ** 2 - fy**2 - fx**2, 0, None))
    pupil = np.hypot(fy, fx) < aperture / wavelength
    y, x = np.meshgrid(*(np.arange(n) * PIXEL for n in field.shape), indexing="ij")
    images = np.zeros(SHAPE)
    for tilt in np.array(np.meshgrid(*[np.linspace(-1, 1, 5)] * 2)).reshape(2, -1).T:
        if np.hypot(*tilt) > 1:
            continue
        wave = np.round(0.5 * aperture / wavelength * tilt * sides) / sides
        spectrum = pupil * np.fft.fft2(field * np.exp(2j * np.pi * (wave[0] * y + wave[1] * x)))
        for z in range(PLANES):
            turn = np.exp(2j * np.pi * axial * (z - PLANES // 2 + off) * STEP)
            images[z] += np.abs(np.fft.ifft2(spectrum * turn))[32:-32, 32:-32] ** 2
    return images / np.median(images[:, :6, :6])


@functools.cache
def absorbing(share):
    """Focal stack of a cell that takes a third of the light."""
    inside = np.clip((1 - cell(share)) / 0.08, 0, 1)
    near = np.abs(np.arange(PLANES) - PLANES // 2) < 4
    volume = np.exp(-0.15 * near[:, None, None] * inside).astype(np.float32)
    return render(volume, Geometry(0.75, PLANES, STEP, PIXEL, 9)).astype(np.float64)


def recorded(images, lamp, seed=1):
    """12-bit images, each of its own brightness."""
    rng = np.random.default_rng(seed)
    levels = rng.uniform(0.95, 1.05, (PLANES, 1, 1))
    noisy = 2300 * levels * (images * lamp + rng.normal(0, NOISE, SHAPE))
    return np.clip(np.round(noisy), 0, 4095).astype(np.uint16)


def error(found, lamp):
    """RMS of the ratio, its mean aside."""
    return float(np.log(found / lamp).std())


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_empty_field(degree):
    for size in (0.0, 0.2):
        lamp = vignette(degree, size) if size else np.ones((HEIGHT, WIDTH))
        found = illumination(recorded(np.ones(SHAPE), lamp), degree)
        assert error(found, lamp) < 2e-3
        assert found.mean() == pytest.approx(1)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.65])
@pytest.mark.parametrize(("degree", "most"), [(1, 5e-3), (2, 8e-3), (3, 1e-2)])
def test_a_refracting_cell(share, degree, most):
    for size in (0.0, 0.2):
        lamp = vignette(degree, size) if size else np.ones((HEIGHT, WIDTH))
        assert error(illumination(recorded(refracting(share), lamp), degree), lamp) < most


@pytest.mark.parametrize("share", [0.3, 0.5, 0.65])
def test_a_focus_off_the_middle_of_the_stack(share):
    lamp = vignette(2, 0.2)
    assert error(illumination(recorded(refracting(share, off=3), lamp), 2), lamp) < 0.015


@pytest.mark.parametrize(
    ("images", "most"), [(lambda: refracting(0.5, 0.1), 0.03), (lambda: absorbing(0.3), 0.05)]
)
def test_absorption_is_taken_for_illumination_in_part(images, most):
    """But less than by a fit that weighs all pixels alike."""
    lamp = vignette(2, 0.2)
    taken = recorded(images(), lamp)
    found = error(illumination(taken, 2), lamp)
    logs = np.log(taken / np.median(taken, axis=(1, 2), keepdims=True)).mean(axis=0)
    y, x = np.meshgrid(np.linspace(-1, 1, HEIGHT), np.linspace(-1, 1, WIDTH), indexing="ij")
    design = np.stack([y**i * x**j for i in range(3) for j in range(3 - i)], -1).reshape(-1, 6)
    plain = design @ np.linalg.lstsq(design, logs.ravel(), rcond=None)[0]
    assert 1e-3 < found < most
    assert found < 0.7 * error(np.exp(plain).reshape(lamp.shape), lamp)


def test_brightness_and_size_of_the_images_do_not_matter():
    lamp = vignette(2, 0.2)
    taken = recorded(refracting(0.5), lamp).astype(np.float64)
    found = illumination(taken, 2)
    changing = taken * np.linspace(0.5, 2, PLANES)[:, None, None]
    np.testing.assert_allclose(illumination(changing, 2), found, rtol=1e-6)
    large = illumination(taken.repeat(3, axis=1).repeat(3, axis=2), 2)
    np.testing.assert_allclose(large[1::3, 1::3], found, rtol=2e-3)


def test_it_is_positive_whatever_is_recorded():
    rng = np.random.default_rng(0)
    for _ in range(20):
        images = rng.integers(0, 3, (3, 12, 15)) * rng.integers(0, 9000, (12, 15))
        images[:, :7] += 1
        try:
            found = illumination(images, 3)
        except InputError:
            continue
        assert found.min() >= 0.1
        assert np.isfinite(found).all()


@pytest.mark.parametrize("degree", [4, -1, 1.5, "2", True])
def test_other_degrees(degree):
    with pytest.raises(InputError, match=r"here: `flat_field` is .*a degree from 1 to 3, or 0"):
        illumination(np.ones((3, 20, 20)), degree, "here")


def test_images_that_tell_nothing():
    with pytest.raises(InputError, match="at least 9 x 9 pixels; they are 20 x 8"):
        illumination(np.ones((3, 8, 20)), 1)
    dark = np.ones((3, 20, 20))
    dark[1, :15] = 0
    with pytest.raises(InputError, match="median grey value is above 0"):
        illumination(dark, 1)
    steep = np.exp(-np.linspace(0, 9, 40))[:, None] * np.ones((3, 40, 20))
    with pytest.raises(InputError, match=r"falls to .* of its mean; a lower degree"):
        illumination(steep, 1)


def test_in_a_stack(tmp_path, monkeypatch):
    """Divided out before the planes are chosen and before the background is taken."""
    lamp = vignette(1, 0.3)
    taken = recorded(np.ones(SHAPE), lamp)
    taken[0] //= 2  # not used, but recorded
    monkeypatch.setattr(stack.images, "read_stack", lambda path: Volume(taken, "ZYX", None))
    settings = {"path": "any.tif", "pixel_size": PIXEL, "z_step": STEP, "planes": [2, 12]}
    assert np.median(stack.read(settings).array, axis=0).std() > 0.05
    found = stack.read({**settings, "flat_field": 1}).array
    even = taken / illumination(taken, 1)
    background = np.percentile(even[1:12], 95)
    np.testing.assert_allclose(found, np.minimum(even[1:12] / background, 1), rtol=1e-5)
    assert np.median(found, axis=0).std() < 0.02
    np.testing.assert_array_equal(
        stack.read({**settings, "flat_field": 0}).array, stack.read(settings).array
    )
    with pytest.raises(InputError, match=r"any\.tif: `flat_field` is 9"):
        stack.read({**settings, "flat_field": 9})
