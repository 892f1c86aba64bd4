"""Gauss-Legendre nodes, and the rule that says how many an oscillation needs."""

import numpy as np
import pytest
from scipy.special import roots_legendre

from focusbench.errors import InputError
from focusbench.optics import bessel_beams, pupils, quadrature


@pytest.mark.parametrize("n_nodes", [1, 2, 15, 200])
def test_nodes_integrate_polynomials(n_nodes):
    x, weight = quadrature.gauss_legendre(n_nodes)
    assert ((x > 0) & (x < 1)).all()
    for power in range(min(2 * n_nodes, 60)):
        assert weight @ x**power == pytest.approx(1 / (power + 1), rel=1e-12)


def test_nodes_are_kept_and_cannot_be_changed():
    x, weight = quadrature.gauss_legendre(12)
    assert quadrature.gauss_legendre(12)[0] is x
    for array in (x, weight):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize("turn", [0.1, 3.0, 50.0, 1000.0, 3000.0])
@pytest.mark.parametrize("power", [1, 2, 0.5])
def test_chosen_nodes_resolve_a_phase(turn, power):
    """exp(i w x^p) against the integral by four times the nodes, in the variable that it likes."""
    swing = quadrature.rate(turn * quadrature.probe() ** power)
    x, weight = quadrature.gauss_legendre(quadrature.nodes_for(swing))
    made = weight @ np.cos(turn * x**power)  # even in the root of x: no root at 0
    t, weight = roots_legendre(4 * len(x))
    t, weight = (t + 1) / 2, weight / 2
    assert made == pytest.approx((2 * weight * t) @ np.cos(turn * t ** (2 * power)), abs=3e-12)


def test_probe_finds_the_fastest_change():
    assert quadrature.rate(7 * quadrature.probe()).max() == pytest.approx(7, rel=1e-3)


def test_too_many_nodes_are_refused():
    with pytest.raises(InputError, match="at most 3000"):
        quadrature.nodes_for(np.array([1e5]))
    with pytest.raises(InputError, match="at most 3000"):
        quadrature.nodes_for(np.array([np.inf]))
    assert quadrature.nodes_for(np.array([100.0]), factor=2) == 2 * quadrature.nodes_for(
        np.array([100.0])
    )


def test_models_settle_for_any_optics():
    """Twice the nodes change nothing, up to apertures as large as the index."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        index, wavelength = rng.uniform(1, 1.6), rng.uniform(0.3, 1)
        aperture = index * (1 - 10 ** rng.uniform(-6, -0.01))
        radius, defocus = 10 ** rng.uniform(-2, 1.5, 2)
        r = radius * np.sqrt(np.r_[0, rng.random(30), 1])
        z = defocus * np.linspace(-1, 1, 11)
        for pupil in (
            pupils.born_wolf(wavelength, aperture, index, "standard"),
            pupils.debye(wavelength, aperture, index),
            pupils.richards_wolf(wavelength, aperture, index),
        ):
            once, twice = (
                bessel_beams.intensity(bessel_beams.discretise(pupil, radius, defocus, n), r, z)
                for n in (1, 2)
            )
            assert np.abs(once - twice).max() < 1e-12


def test_parts_of_many_radii_are_the_same(monkeypatch):
    pupil = pupils.richards_wolf(0.5, 1.4, 1.5)
    beams = bessel_beams.discretise(pupil, 2.0, 1.0)
    r, z = np.linspace(0, 2, 57), np.array([0.0, 0.7])
    whole = bessel_beams.intensity(beams, r, z)
    monkeypatch.setattr(bessel_beams, "AT_A_TIME", 10 * len(beams.axial))
    assert np.allclose(bessel_beams.intensity(beams, r, z), whole, rtol=1e-13, atol=1e-16)
    assert whole[0, 0] == pytest.approx(1, abs=1e-14)
