"""Rendering of matter in slices: light of one slice, of several, between them, on coarse grids."""

import numpy as np
import pytest
from scipy.signal import fftconvolve

from focusbench.data import cytology_rendering as rendering
from focusbench.data.cytology_rendering import Optics, Slices
from focusbench.optics import psf

PIXEL, STEP, SIDE = 0.2, 1.0, 40
INCOHERENT = Optics(0.6, 0.6, (0.61, 0.54, 0.46), (0.0, 0.0, 0.0), PIXEL)
COHERENT = INCOHERENT._replace(condenser_aperture=0.4)


def field():
    return Slices((SIDE, SIDE), PIXEL, STEP)


def disc(amount=1.0, phase=0.0):
    y, x = np.mgrid[-8:9, -8:9]
    body = np.clip(5.5 - np.hypot(y, x), 0, 1).astype(np.float32)
    return np.stack([amount * body, amount * body, amount * body, phase * body])


def test_an_empty_field_lets_all_light_through():
    assert (rendering.planes(field(), INCOHERENT, (0.0, 5.0)) == 1).all()


@pytest.mark.parametrize("focus", [0.0, 3.0])
def test_a_dark_slice_is_blurred_as_intensity(focus):
    slices = field()
    slices.add(20, 20, disc(2.5), 0.0)
    seen = rendering.planes(slices, INCOHERENT, (focus,))[0]
    passed = np.ones((SIDE, SIDE))
    passed[12:29, 12:29] = np.exp(-disc(2.5)[0])
    for colour, wavelength in enumerate(INCOHERENT.wavelengths):
        kernel = psf.born_wolf_series((61, 61), PIXEL, [focus], wavelength, 0.6, 1.0)[0]
        wanted = 1 - fftconvolve(1 - passed, kernel, mode="same")
        # the kernel's box of 12 um keeps 98.5 % of the light
        assert np.abs(seen[..., colour] - wanted).max() < 0.02


def test_no_light_is_lost_by_defocus():
    slices = field()
    slices.add(20, 20, disc(), 0.0)
    lost = (1 - rendering.planes(slices, INCOHERENT, (0.0, 2.0, -4.0))).sum(axis=(1, 2))
    np.testing.assert_allclose(lost, lost[0][None].repeat(3, 0), rtol=0.05)


def test_light_passes_slices_one_after_the_other():
    alone = []
    for depth in (0.0, 3.0):
        slices = field()
        slices.add(20, 20, disc(), depth)
        alone.append(rendering.planes(slices, INCOHERENT, (0.0, 3.0)))
    both = field()
    both.add(20, 20, disc(), 0.0)
    both.add(20, 20, disc(), 3.0)
    seen = rendering.planes(both, INCOHERENT, (0.0, 3.0))
    np.testing.assert_allclose(seen, alone[0] * alone[1], atol=1e-5)


def test_matter_between_slices_is_shared():
    slices = field()
    slices.add(20, 20, disc(), 0.25)
    totals = {index: one[0].sum() for index, one in slices.matter.items()}
    assert totals[0] == pytest.approx(0.75 * disc()[0].sum(), rel=1e-5)
    assert totals[1] == pytest.approx(0.25 * disc()[0].sum(), rel=1e-5)
    aslant = field()
    depth = np.linspace(-2, 2, 17, dtype=np.float32)[None, :].repeat(17, 0)
    aslant.add(20, 20, disc(), depth)
    whole = sum(one for one in aslant.matter.values())
    assert whole[0].sum() == pytest.approx(disc()[0].sum(), rel=1e-5)
    left, right = (aslant.matter[index][0].nonzero()[1].mean() for index in (-1, 1))
    assert left < right


def test_what_is_outside_is_cut():
    slices = field()
    slices.add(-10_000, 20, disc(), 0.0)
    assert not slices.matter
    slices.add(-slices.margin, 20, disc(), 0.0)
    assert 0 < slices.matter[0][0].sum() < disc()[0].sum()


def test_a_refracting_body_is_seen_out_of_focus_with_a_sign():
    """The Becke line: bright in the middle where the focus lies above, dark where below."""
    slices = field()
    slices.add(20, 20, disc(0.0, 0.3), 0.0)
    below, focused, above = rendering.planes(slices, COHERENT, (-1.0, 0.0, 1.0))[:, 20, 20, 1]
    assert below < focused - 0.005
    assert above > focused + 0.005
    assert focused == pytest.approx(1, abs=1e-4)
    even = rendering.planes(slices, INCOHERENT, (1.0,))
    np.testing.assert_allclose(even, 1, atol=1e-4)


def test_colours_focus_at_their_own_depth():
    slices = field()
    slices.add(20, 20, disc(), 0.0)
    coloured = COHERENT._replace(axial_colour=(2.0, 0.0, -2.0))
    seen = rendering.planes(slices, coloured, (-2.0, 0.0, 2.0))
    contrast = seen.std(axis=(1, 2))
    assert contrast.argmax(axis=0).tolist() == [0, 1, 2]


def test_coarse_grids_give_what_fine_ones_do(monkeypatch):
    slices = field()
    slices.add(20, 20, disc(), 0.0)
    slices.add(12, 25, disc(0.5, 0.2), -3.0)
    foci = (-13.5, -3.0, 6.5, 12.5)
    coarse = rendering.planes(slices, COHERENT, foci)
    assert {rendering._coarseness(COHERENT, away) for away in foci} == {1, 2, 4}
    monkeypatch.setattr(rendering, "FAR", 1e9)
    np.testing.assert_allclose(coarse, rendering.planes(slices, COHERENT, foci), atol=0.004)
