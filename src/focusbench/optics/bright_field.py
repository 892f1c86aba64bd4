"""Transfer functions of a bright-field microscope: how absorption and refraction show out of focus.

A thin slice with absorbance A and phase phi, both small, is seen as

    I = 1 - A * a - phi * p

where the transforms of a and p, both even, follow from the part of the condenser's source disc that
the objective passes (Streibl 1985, J. Opt. Soc. Am. A 2, 121): with

    C(f) = int S(s) P(s + f) conj(P(s)) ds / int S(s) |P(s)|^2 ds

they are a = Re C and p = 2 Im C. The pupil is paraxial as in `psf.born_wolf`, and even, so that C
depends on |f| alone. Where the condenser's aperture is the objective's, C is real, and a is the
optical transfer function of incoherent light: the transform of the Born-Wolf PSF.

Phase shows with a sign: an object of higher index is bright in its middle where the focus lies
beyond it (above, in an upright microscope) and dark where it lies before it (the Becke line).
Defocus by itself has no sign; it is the phase, and the lens's colour, that tell above from below.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from focusbench.errors import InputError
from focusbench.optics import psf_checks as checks

LEAST_NODES = 64


def transfer(
    frequency: np.ndarray,
    defocus: float,
    wavelength: float,
    numerical_aperture: float,
    condenser_aperture: float,
    refractive_index: float = 1.0,
) -> np.ndarray:
    """Compute C: its real part transfers absorbance, twice its imaginary part phase.

    Parameters
    ----------
    frequency
        (n,) cycles per um, 0 or more.
    defocus
        Of the focus beyond the slice, um, of either sign.
    wavelength
        In vacuum, um.
    numerical_aperture
        Of the objective; below the refractive index.
    condenser_aperture
        Above 0; what is beyond the objective's does not count.
    refractive_index
        Around the slice. A dry objective that is moved by d changes the focus in the slice's medium
        by about n d: with the objective's travel as `defocus`, this is 1.

    Returns
    -------
    numpy.ndarray
        complex128 (n,); 1 at frequency 0, 0 from (NA + condenser's) / wavelength on.

    Raises
    ------
    InputError
        A number that is not of the accepted kind.
    """
    checks.lens(wavelength, numerical_aperture, refractive_index)
    if not 0 < condenser_aperture <= refractive_index:
        raise InputError(
            f"bright field: condenser_aperture is {condenser_aperture!r}; above 0 and up to the "
            f"refractive index {refractive_index} is accepted"
        )
    source = min(condenser_aperture / numerical_aperture, 1.0)
    shift = np.asarray(frequency, dtype=np.float64) * wavelength / numerical_aperture
    # phase of P(s + f) conj(P(s)), pupil radii: curve (2 s_x f + f^2), so that only s_x counts
    curve = np.pi * numerical_aperture**2 * defocus / (wavelength * refractive_index)
    lowest, highest = np.full_like(shift, -source), np.minimum(source, 1 - shift)
    seen = shift < 1 + source
    middle, half = (highest + lowest) / 2, np.where(seen, (highest - lowest) / 2, 0)
    turns = 2 * abs(curve) * float((shift * half * seen).max(initial=0)) / np.pi
    nodes, weights = _nodes(LEAST_NODES * (1 + int(turns / 14)))
    # s = middle + half sin(pi t / 2): the roots at both ends of the chords are smooth in t
    sine, slope = np.sin(np.pi / 2 * nodes), np.pi / 2 * np.cos(np.pi / 2 * nodes)
    across = middle[:, None] + half[:, None] * sine
    chord = np.minimum(source**2 - across**2, 1 - (across + shift[:, None]) ** 2)
    weight = np.sqrt(np.maximum(chord, 0)) * (half[:, None] * slope * weights)
    phase = curve * (2 * across * shift[:, None] + shift[:, None] ** 2)
    total = np.pi * source**2 / 2
    return ((weight * np.cos(phase)).sum(1) - 1j * (weight * np.sin(phase)).sum(1)) / total


@lru_cache(maxsize=32)
def _nodes(count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(count)
