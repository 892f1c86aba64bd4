"""Pupils of the point-spread functions: which beams each model adds up.

Each integral is written in a variable in which its integrand has no root: squared pupil radius,
cosine of the angle, or the root of that. Then the quadrature error falls faster than exponentially,
up to an aperture as large as the index. All amplitudes are scaled so that the intensity in the
focus of the unaberrated model is 1.
"""

from __future__ import annotations

import numpy as np

from focusbench.optics.bessel_beams import Beams, Pupil


def born_wolf(
    wavelength: float, numerical_aperture: float, refractive_index: float, convention: str
) -> Pupil:
    """Paraxial scalar pupil (Born and Wolf, Principles of Optics, section 8.8.1, Eq. 11).

    2 int_0^1 J_0(k NA rho r) exp(-i k NA^2 rho^2 z / (2 n)) rho drho, with x = rho^2; k is
    2 pi over the wavelength in vacuum. In the `printed` convention NA / n stands for NA in both
    places and the phase lacks 1 / n (Lim et al. 2020, Eq. 23, with the same k).
    """
    k = 2 * np.pi / wavelength
    if convention == "printed":
        lateral = numerical_aperture / refractive_index
        along = lateral**2
    else:
        lateral = numerical_aperture
        along = numerical_aperture**2 / refractive_index

    def pupil(x: np.ndarray) -> Beams:
        nothing = np.zeros_like(x)
        return Beams(k * lateral * np.sqrt(x), -k * along * x / 2, nothing, np.ones((1, len(x))))

    return pupil


def debye(wavelength: float, numerical_aperture: float, refractive_index: float) -> Pupil:
    """Scalar pupil of any aperture, light equally strong per solid angle.

    int J_0(k r sin t) exp(i k z cos t) sin t dt up to asin(NA / n), with x along cos t; k is 2 pi n
    over the wavelength in vacuum (Debye's integral, without apodisation).
    """
    k = 2 * np.pi * refractive_index / wavelength
    lowest = _cosine(numerical_aperture, refractive_index)

    def pupil(x: np.ndarray) -> Beams:
        drop = (1 - lowest) * x
        cosine = 1 - drop
        sine = np.sqrt(drop * (1 + cosine))
        return Beams(k * sine, k * cosine, np.zeros_like(x), np.ones((1, len(x))))

    return pupil


def richards_wolf(wavelength: float, numerical_aperture: float, refractive_index: float) -> Pupil:
    """Vectorial pupil, unpolarised (Richards and Wolf 1959, Eqs. 2.30 to 2.32).

    Intensity |I_0|^2 + 2 |I_1|^2 + |I_2|^2, in which I_m is the integral over t of
    sqrt(cos t) sin t g_m J_m(k r sin t) exp(i k z cos t), with g_0 = 1 + cos t, g_1 = sin t and
    g_2 = 1 - cos t; k is 2 pi n over the wavelength in vacuum. x lies along sqrt(cos t).
    """
    k = 2 * np.pi * refractive_index / wavelength
    lowest = np.sqrt(_cosine(numerical_aperture, refractive_index))
    # I_0 in the focus: of 2 q^2 (1 + q^2) dq.
    focus = 2 * (1 - lowest**3) / 3 + 2 * (1 - lowest**5) / 5

    def pupil(x: np.ndarray) -> Beams:
        drop = (1 - lowest) * x
        root = 1 - drop
        cosine = root**2
        versine = drop * (1 + root)  # 1 - cosine, to the last digit also near the axis
        sine = np.sqrt(versine * (1 + cosine))
        measure = 2 * cosine * (1 - lowest) / focus
        amplitude = measure * np.stack([1 + cosine, sine, versine])
        return Beams(k * sine, k * cosine, np.zeros_like(x), amplitude)

    return pupil


def _cosine(numerical_aperture: float, refractive_index: float) -> float:
    sine = numerical_aperture / refractive_index
    return float(np.sqrt((1 - sine) * (1 + sine)))
