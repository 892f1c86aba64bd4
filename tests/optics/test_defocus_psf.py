"""Kernels of defocus levels against closed forms, and against numbers computed beforehand."""

import numpy as np
import pytest
from scipy.special import j0, j1

from focusbench.errors import InputError
from focusbench.optics import defocus_psf, psf
from focusbench.optics.defocus_psf import between, half_width, kept, level_psfs

WAVELENGTH, APERTURE, PIXEL = 0.451, 0.5, 0.65


def test_levels_are_planes_of_born_wolf_two_micrometres_apart():
    kernels = level_psfs()
    assert kernels.shape == (11, 51, 51)
    np.testing.assert_allclose(kernels.sum(axis=(1, 2)), 1, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(kernels, kernels[:, ::-1].swapaxes(1, 2))
    stack = psf.born_wolf((21, 51, 51), (2.0, PIXEL, PIXEL), WAVELENGTH, APERTURE, 1.0)[10:]
    stack /= stack.sum(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(kernels, stack, rtol=0, atol=1e-12)


def test_closed_forms_in_focus_and_on_the_axis():
    kernels = level_psfs([0, 2.5, 7], side=3)
    v = 2 * np.pi / WAVELENGTH * APERTURE * PIXEL
    ratio = (2 * j1(v) / v) ** 2
    assert kernels[0, 1, 0] / kernels[0, 1, 1] == pytest.approx(ratio, rel=1e-9)
    # sinc^2(u / 4) on the axis; the light of a plane, 1.631 pixels' worth of it, is the same
    wide = level_psfs([2.5, 7], side=151)
    for kernel, level in zip(wide, (2.5, 7), strict=True):
        u = 2 * np.pi / WAVELENGTH * APERTURE**2 * 2 * level
        axis = np.sinc(u / 4 / np.pi) ** 2
        light = WAVELENGTH**2 / (np.pi * APERTURE**2)
        assert kernel[75, 75] == pytest.approx(axis * PIXEL**2 / light, rel=0.04)


def test_weights_and_widths_at_the_assumed_pixel_size():
    """Largest weights, and half widths of 99 % of the energy, as computed for this project."""
    kernels = level_psfs(side=101)
    largest = dict(zip(range(11), kernels.max(axis=(1, 2)), strict=True))
    widths = dict(zip(range(11), map(half_width, kernels), strict=True))
    expected = {
        0: (0.914, 6),
        1: (0.425, 9),
        2: (0.056, 12),  # of a ring: the centre has 0.016
        4: (0.014, 13),
        6: (0.011, 15),
        8: (0.008, 17),
        10: (0.005, 20),
    }
    for level, (weight, width) in expected.items():
        assert largest[level] == pytest.approx(weight, abs=6e-4)
        assert widths[level] == width
    assert kernels[2, 50, 50] == pytest.approx(0.0158, abs=1e-4)
    boxes = [kernels[:, 50 - h : 51 + h, 50 - h : 51 + h].sum(axis=(1, 2)) for h in (25, 13)]
    assert boxes[0].min() >= 0.995
    assert boxes[1][10] == pytest.approx(0.906, abs=5e-4)


def test_what_a_box_keeps():
    parts = kept()
    assert parts[0] == pytest.approx(0.995, abs=5e-4)
    assert parts[10] == pytest.approx(0.9928, abs=5e-4)
    assert kept([10], side=27)[0] == pytest.approx(0.903, abs=1e-3)
    # in focus: between the circles in and around the box, 1 - J_0^2 - J_1^2
    for side in (3, 11, 51):
        inner = 2 * np.pi / WAVELENGTH * APERTURE * side * PIXEL / 2
        low, high = (1 - j0(v) ** 2 - j1(v) ** 2 for v in (inner, inner * np.sqrt(2)))
        assert low < kept([0], side=side)[0] < high
    assert kept([3, 3], side=151)[0] == pytest.approx(1, abs=3e-3)
    # the printed formula is n times wider
    wider = kept([0], refractive_index=1.5, pixel_size=PIXEL * 1.5, convention="printed", side=9)
    assert wider == pytest.approx(kept([0], side=9), rel=1e-9)


def test_pixel_integration_matters():
    point, five, fine = (level_psfs([0, 1, 5], subsamples=n) for n in (1, 5, 15))
    misplaced = [np.abs(one - fine).sum(axis=(1, 2)) for one in (point, five)]
    np.testing.assert_allclose(misplaced[0], [0.326, 0.347, 0.099], atol=1e-3)
    assert misplaced[1].max() < 0.03


def test_untouched_level_0():
    kernels = level_psfs([0, 1, 0.0], in_focus="untouched", side=9)
    single = np.zeros((9, 9))
    single[4, 4] = 1
    np.testing.assert_array_equal(kernels[0], single)
    np.testing.assert_array_equal(kernels[2], single)
    np.testing.assert_allclose(kernels[1], level_psfs([1], side=9)[0], rtol=1e-12)


def test_mixtures_of_neighbouring_levels():
    series = level_psfs()
    np.testing.assert_array_equal(between(series, 4), series[4])
    np.testing.assert_allclose(between(series, 9.25), 0.75 * series[9] + 0.25 * series[10])
    np.testing.assert_array_equal(between(series, 10), series[10])
    np.testing.assert_array_equal(between(series[:1], 0), series[0])
    off = [
        np.abs(between(series, level) - level_psfs([level])[0]).sum() / 2
        for level in np.arange(10) + 0.5
    ]
    assert np.argmax(off) == 1
    assert off[1] == pytest.approx(0.204, abs=2e-3)
    assert max(off[2:]) < 0.125
    assert min(off) > 0.05
    halves = level_psfs(np.arange(0, 10.5, 0.5))
    off = [
        np.abs(between(halves, 2 * level) - level_psfs([level])[0]).sum() / 2
        for level in np.arange(20) / 2 + 0.25
    ]
    assert max(off) < 0.05


def test_half_width():
    kernel = np.zeros((5, 7))
    kernel[2, 3] = 3
    assert half_width(kernel) == 0
    kernel[2, 5] = 1
    assert half_width(kernel) == 2
    assert half_width(kernel, 0.75) == 0
    assert half_width(np.full((9, 9), 0.1), 1) == 4


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: level_psfs([-1]), "levels is -1; accepted is numbers from 0 up"),
        (lambda: level_psfs([np.nan]), "levels is nan"),
        (lambda: level_psfs(3), "levels is 3; accepted is a sequence"),
        (lambda: level_psfs(side=50), "side is 50; accepted is an odd number"),
        (lambda: level_psfs(numerical_aperture=1.2), "aperture must be below"),
        (lambda: level_psfs(pixel_size=0), "voxel_size is 0"),
        (lambda: level_psfs(step=0), "step is 0"),
        (lambda: level_psfs(in_focus="no"), "in_focus is 'no'; accepted: diffraction, untouched"),
        (lambda: level_psfs([]), "empty"),
        (lambda: kept(side=4), "side is 4"),
        (lambda: kept(convention="x"), "convention is 'x'"),
        (lambda: between(level_psfs(side=3), 10.1), "accepted is 0 to 10"),
        (lambda: between(np.ones((3, 3)), 0), r"\(levels, y, x\)"),
        (lambda: half_width(np.ones((4, 4))), "odd sides"),
        (lambda: half_width(np.ones((3, 3)), 2), "share is 2"),
    ],
)
def test_refused(call, words):
    with pytest.raises(InputError, match=words) as error:
        call()
    assert "\n" not in str(error.value)


def test_constants_of_the_paper():
    assert (defocus_psf.STEP, defocus_psf.N_LEVELS) == (2.0, 11)
