"""The PSF of six numbers: equal to the other models where it must be, close where it can be."""

import json

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.optics import gibson_lanni, psf
from focusbench.optics.pupil_psf import PupilNumbers, from_record, of_lens, pupil_psf, record

GRID = (15, 17, 17), (0.12, 0.1, 0.1)
LENS = 0.5, 1.35, 1.5
MATCHED = {
    "sample_index": 1.5,
    "immersion_index": 1.5,
    "immersion_index_design": 1.5,
    "coverslip_index": 1.5,
    "coverslip_index_design": 1.5,
    "immersion_thickness_design": 150.0,
    "coverslip_thickness": 170.0,
    "coverslip_thickness_design": 170.0,
    "particle_depth": 0.0,
}


def difference(one, other):
    return np.abs(one - other).max() / other.max()


@pytest.mark.parametrize("subsamples", [1, 3])
def test_without_aberration_it_is_born_and_wolf(subsamples):
    pupil = of_lens(*LENS, paraxial=True)
    expected = psf.born_wolf(*GRID, *LENS, subsamples=subsamples)
    assert difference(pupil_psf(*GRID, pupil, subsamples), expected) < 1e-10


def test_with_the_exact_defocus_it_is_gibson_and_lanni_of_one_medium():
    for lens in (LENS, (0.6, 0.4, 1.0), (0.5, 1.42, 1.5)):
        expected = psf.gibson_lanni(*GRID, *lens[:2], **{**MATCHED, **_of_index(lens[2])})
        assert difference(pupil_psf(*GRID, of_lens(*lens)), expected) < 1e-10


def _of_index(index):
    return {name: index for name in MATCHED if "index" in name}


def test_two_zernike_polynomials_stand_for_a_layer():
    wavelength, aperture, index = 0.5, 1.3, 1.5
    layered = MATCHED | {"sample_index": 1.45, "particle_depth": 12.0}
    sine = aperture * np.sqrt((np.arange(400) + 0.5) / 400)  # evenly spaced in x = rho^2
    path = 2 * np.pi / wavelength * gibson_lanni.Layers(**layered).path(sine).real
    x = (sine / aperture) ** 2
    exact = of_lens(wavelength, aperture, index)
    columns = [
        np.ones_like(x),
        (np.sqrt(index**2 - sine**2) - index),  # refocusing
        np.sqrt(5) * (6 * x**2 - 6 * x + 1),
        np.sqrt(7) * (20 * x**3 - 30 * x**2 + 12 * x - 1),
    ]
    shares = np.linalg.lstsq(np.stack(columns, axis=1), path, rcond=None)[0]
    assert abs(shares[2]) > 0.3  # rad: no small aberration
    lens = wavelength, aperture
    focus = psf.brightest_focus(*lens, **layered)
    expected = psf.gibson_lanni(*GRID, *lens, **layered, focus_shift=focus)
    with_both = PupilNumbers(*list(vars(exact).values())[:3], shares[2], shares[3])
    assert _distance(pupil_psf(*GRID, with_both), expected) < 0.03
    assert _distance(pupil_psf(*GRID, exact), expected) > 0.2
    mirrored = PupilNumbers(*list(vars(exact).values())[:3], -shares[2], -shares[3])
    assert _distance(pupil_psf(*GRID, mirrored), expected) > 0.2


def _distance(one, other):
    return np.linalg.norm(one - other) / np.linalg.norm(other)


def test_the_brightest_plane_is_the_middle_one():
    for spherical in (-0.8, 0.3, 0.8):
        kernel = pupil_psf((31, 9, 9), (0.1, 0.1, 0.1), PupilNumbers(2.8, 1.4, 0.8, spherical, 0.1))
        assert np.unravel_index(kernel.argmax(), kernel.shape) == (15, 4, 4)
        assert kernel.sum() == pytest.approx(1)
        assert kernel.min() >= 0
        assert difference(kernel[::-1], kernel) > 0.01
        opposite = PupilNumbers(2.8, 1.4, 0.8, -spherical, -0.1)
        assert difference(pupil_psf((31, 9, 9), (0.1,) * 3, opposite)[::-1], kernel) < 1e-3


def test_apodisation_widens_the_focus_and_curvature_has_a_limit_of_0():
    def width(**more):
        kernel = pupil_psf((1, 61, 61), (0.1, 0.02, 0.02), PupilNumbers(2.4, 1.0, **more))
        return psf.fwhm(kernel[0, 30], 0.02)

    assert width(apodisation=1.0) > width() + 0.01
    assert width(apodisation=-1.0) < width() - 0.005
    straight = pupil_psf(*GRID, PupilNumbers(2.4, 1.0))
    assert difference(pupil_psf(*GRID, PupilNumbers(2.4, 1.0, 2e-3)), straight) < 1e-5


def test_a_record_gives_the_same_bytes():
    pupil = PupilNumbers(2.7, 1.31, 0.1, 0.4, -0.2, 0.3)
    about = json.loads(json.dumps(record(pupil, *GRID)))
    assert from_record(about).tobytes() == pupil_psf(*GRID, pupil).tobytes()


@pytest.mark.parametrize(
    "wrong",
    [
        {"cutoff": 0.0},
        {"axial_range": -1.0},
        {"curvature": 1.0},
        {"curvature": -0.1},
        {"spherical": np.nan},
        {"apodisation": "1"},
    ],
)
def test_wrong_numbers_are_one_line(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))) as caught:
        PupilNumbers(**{"cutoff": 2.8, "axial_range": 1.3, **wrong})
    assert "\n" not in str(caught.value)


def test_a_wrong_grid_or_lens_is_one_line():
    with pytest.raises(InputError, match="voxel_size"):
        pupil_psf((3, 3, 3), (0.1, 0.1), PupilNumbers(2.8, 1.3))
    with pytest.raises(InputError, match="below"):
        of_lens(0.5, 1.6, 1.5)
