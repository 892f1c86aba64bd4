"""Transfer of absorption and phase: against the Born-Wolf PSF, a sum over the source, intensity."""

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.optics import bright_field, psf

GREEN, NA = 0.54, 0.75


@pytest.mark.parametrize("defocus", [0.0, 1.5, -4.0])
def test_incoherent_light_has_the_transfer_function_of_the_born_wolf_psf(defocus):
    side, pixel = 129, 0.1
    kernel = psf.born_wolf_series((side, side), pixel, [defocus], GREEN, NA, 1.0)[0]
    wanted = np.fft.fft2(np.fft.ifftshift(kernel)).real[0, : side // 2]
    frequency = np.fft.fftfreq(side, pixel)[: side // 2]
    found = bright_field.transfer(frequency, defocus, GREEN, NA, NA)
    np.testing.assert_allclose(found.real, wanted, atol=0.012)  # the box keeps 99 % of the light
    np.testing.assert_allclose(found.imag, 0, atol=1e-12)


def test_partly_coherent_light_is_a_sum_over_the_source():
    condenser, defocus, n = 0.45, 2.0, 400
    s = (np.arange(n) + 0.5) / n * 2 - 1
    y, x = np.meshgrid(s, s, indexing="ij")
    source = y**2 + x**2 < (condenser / NA) ** 2

    def pupil(y, x):
        wave = np.pi * NA**2 * defocus / GREEN
        return (y**2 + x**2 < 1) * np.exp(-1j * wave * (y**2 + x**2))

    frequency = np.array([0.0, 0.3, 0.9, 1.6, 2.1])
    for one, found in zip(
        frequency, bright_field.transfer(frequency, defocus, GREEN, NA, condenser), strict=True
    ):
        light = source * pupil(y, x + one * GREEN / NA) * np.conj(pupil(y, x))
        assert found == pytest.approx(light.sum() / source.sum(), abs=5e-3)


def test_ends_and_symmetry():
    ends = (NA + 0.5) / GREEN
    found = bright_field.transfer(np.array([0, ends, ends + 1]), 3.0, GREEN, NA, 0.5)
    np.testing.assert_allclose(found, [1, 0, 0], atol=1e-9)
    frequency = np.linspace(0, 2, 9)
    up, down = (bright_field.transfer(frequency, z, GREEN, NA, 0.5) for z in (2.0, -2.0))
    np.testing.assert_allclose(up, np.conj(down), atol=1e-12)
    assert not bright_field.transfer(frequency, 0.0, GREEN, NA, 0.5).imag.any()


def test_slow_phase_follows_the_transport_of_intensity():
    """I = 1 - (wavelength z / 2 pi) laplace(phi): a bump is bright where the focus lies beyond."""
    frequency, defocus = np.array([0.05, 0.08]), 1.3
    found = -2 * bright_field.transfer(frequency, defocus, GREEN, NA, 0.2).imag
    np.testing.assert_allclose(found, 2 * np.pi * GREEN * defocus * frequency**2, rtol=0.01)
    assert (found > 0).all()


def test_a_medium_counts_by_its_index():
    frequency = np.linspace(0, 2, 9)
    np.testing.assert_allclose(
        bright_field.transfer(frequency, 3.0, GREEN, NA, 0.5, refractive_index=1.5),
        bright_field.transfer(frequency, 2.0, GREEN, NA, 0.5),
    )


@pytest.mark.parametrize("condenser", [0, -0.1, 1.2])
def test_a_condenser_that_is_none_is_refused(condenser):
    with pytest.raises(InputError, match="condenser_aperture"):
        bright_field.transfer(np.array([0.0]), 0.0, GREEN, NA, condenser)
