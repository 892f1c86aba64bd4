"""Point-spread functions of a wide-field fluorescence microscope, from their diffraction integrals.

All lengths are in um. Arrays are (z, y, x), or (y, x) in the focal plane alone; the point lies at
(n - 1) / 2 of every axis, so between two voxels where n is even. The sum is 1.

Voxels are integrated as a camera does it: over the pixel, y and x, as the mean of `subsamples` x
`subsamples` points, but not along z, where an image belongs to one focus. With `subsamples` 1 the
voxel has the value of its centre.

float64 throughout, by Gauss-Legendre quadrature whose number of nodes follows from the largest
radius and defocus: exact to 1e-11 of the unaberrated peak, mostly to 1e-13.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from numbers import Real

import numpy as np

from focusbench.errors import InputError
from focusbench.optics import bessel_beams, pupils
from focusbench.optics import gibson_lanni as layered
from focusbench.optics import psf_checks as checks
from focusbench.optics.bessel_beams import Pupil
from focusbench.optics.pixels import Pixels


def born_wolf(
    shape: Sequence[int],
    voxel_size: Sequence[float],
    wavelength: float,
    numerical_aperture: float,
    refractive_index: float,
    convention: str = "standard",
    subsamples: int = 1,
) -> np.ndarray:
    """Paraxial scalar model (Born and Wolf, Principles of Optics, section 8.8.1, Eq. 11).

    |int_0^1 J_0(k NA rho r) exp(-i k NA^2 rho^2 z / (2 n)) rho drho|^2 with k = 2 pi / wavelength.

    Parameters
    ----------
    shape
        (z, y, x), or (y, x) for the focal plane; odd or even.
    voxel_size
        um, in the order of `shape`.
    wavelength
        Of the light in vacuum, um.
    numerical_aperture
        Below the refractive index.
    refractive_index
        Of everything between the point and the objective, at least 1.
    convention
        `standard`, or `printed`: the formula as Lim et al. 2020 (Eq. 23) and He et al. 2020 print
        it, with NA / n in place of NA and k still that of vacuum. It is n times wider along all
        axes; where n is 1 both are the same.
    subsamples
        Points along each side of a pixel.

    Returns
    -------
    numpy.ndarray
        float64, `shape`, not negative, sum 1.

    Raises
    ------
    InputError
        A number is not of the accepted kind, the aperture not below the index, or the grid larger
        than the quadrature resolves (some thousand um of defocus).
    """
    lens = (wavelength, numerical_aperture, refractive_index)
    pupil = partial(pupils.born_wolf, convention=checks.convention(convention))
    return _of_one_medium(pupil, lens, shape, voxel_size, subsamples)


def born_wolf_series(
    shape: Sequence[int],
    pixel_size: float | Sequence[float],
    defocus: Sequence[float],
    wavelength: float,
    numerical_aperture: float,
    refractive_index: float,
    convention: str = "standard",
    subsamples: int = 1,
) -> np.ndarray:
    """Planes of the paraxial scalar model at any distances from the focus, each of sum 1.

    Parameters
    ----------
    shape
        (y, x).
    pixel_size
        um; one number, or (y, x).
    defocus
        Distances from the focus, um, of either sign.
    wavelength, numerical_aperture, refractive_index, convention, subsamples
        As in `born_wolf`.

    Returns
    -------
    numpy.ndarray
        float64 (len(defocus), y, x), not negative; every plane sums to 1.

    Raises
    ------
    InputError
        As `born_wolf`; also for a defocus that is not finite.
    """
    checks.convention(convention)
    if isinstance(pixel_size, Real):
        pixel_size = (pixel_size, pixel_size)
    pixels, _ = checks.grid(shape, pixel_size, subsamples)
    if len(shape) != 2:
        raise InputError(f"PSF: shape is {tuple(shape)}; a series over defocus takes (y, x)")
    checks.lens(wavelength, numerical_aperture, refractive_index)
    distances = checks.sequence("defocus", defocus, "a sequence of finite numbers, in um")
    z = np.array([checks.number("defocus", d, "finite numbers, in um", -np.inf) for d in distances])
    if not z.size:
        raise InputError("PSF: defocus is empty; it takes at least one distance, um")
    pupil = pupils.born_wolf(wavelength, numerical_aperture, refractive_index, convention)
    planes = _symmetric(pupil, pixels, z)
    return planes / planes.sum(axis=(1, 2), keepdims=True)


def debye(
    shape: Sequence[int],
    voxel_size: Sequence[float],
    wavelength: float,
    numerical_aperture: float,
    refractive_index: float,
    subsamples: int = 1,
) -> np.ndarray:
    """Scalar model of any aperture, without apodisation (the Debye integral).

    |int J_0(k r sin t) exp(i k z cos t) sin t dt|^2 up to asin(NA / n), k = 2 pi n / wavelength.
    It lies between the other two: not paraxial like Born-Wolf, not vectorial like Richards-Wolf.

    Arguments, result and errors are those of `born_wolf`, which alone has a `convention`.
    """
    lens = (wavelength, numerical_aperture, refractive_index)
    return _of_one_medium(pupils.debye, lens, shape, voxel_size, subsamples)


def richards_wolf(
    shape: Sequence[int],
    voxel_size: Sequence[float],
    wavelength: float,
    numerical_aperture: float,
    refractive_index: float,
    subsamples: int = 1,
) -> np.ndarray:
    """Vectorial model, light of all polarisations alike (Richards and Wolf 1959, Eqs. 2.30-2.32).

    |I_0|^2 + 2 |I_1|^2 + |I_2|^2, each an integral up to asin(NA / n) of
    sqrt(cos t) sin t g_m(t) J_m(k r sin t) exp(i k z cos t), k = 2 pi n / wavelength, with
    g = 1 + cos t, sin t and 1 - cos t.

    Arguments, result and errors are those of `born_wolf`, which alone has a `convention`.
    """
    lens = (wavelength, numerical_aperture, refractive_index)
    return _of_one_medium(pupils.richards_wolf, lens, shape, voxel_size, subsamples)


def gibson_lanni(
    shape: Sequence[int],
    voxel_size: Sequence[float],
    wavelength: float,
    numerical_aperture: float,
    *,
    sample_index: float,
    immersion_index: float,
    immersion_index_design: float,
    coverslip_index: float,
    coverslip_index_design: float,
    immersion_thickness_design: float,
    coverslip_thickness: float,
    coverslip_thickness_design: float,
    particle_depth: float,
    focus_shift: float = 0.0,
    subsamples: int = 1,
) -> np.ndarray:
    """Scalar model of an objective used on layers that it was not designed for.

    |int_0^1 J_0(k NA rho r) exp(i k (W(rho) - z c)) rho drho|^2 (Gibson and Lanni 1991),
    with W the optical path over the design's (Aguet 2009, Eq. 3.45) and
    c = sqrt(n_immersion^2 - NA^2 rho^2).

    z is how far the objective has moved towards the sample, as in the slices of a stack: 0 is the
    paraxial focus on the particle plus `focus_shift`, larger z looks deeper. Where all indices and
    thicknesses are as designed W is the same everywhere, and the model that of a single medium.

    The aperture may exceed the sample's index. The light beyond then only exists close to the
    particle, so that its share falls like exp(-k depth sqrt(NA^2 rho^2 - n_sample^2)): all of it
    counts on the coverslip, next to none a wavelength away.

    Parameters
    ----------
    shape
        (z, y, x), or (y, x) for the plane z = 0 alone; odd or even.
    voxel_size
        um, in the order of `shape`.
    wavelength
        Of the light in vacuum, um.
    numerical_aperture
        Below the indices of immersion and coverslip, both of use and design.
    sample_index
        Refractive index around the particle.
    immersion_index, immersion_index_design
        That of the immersion medium, and the one that the objective corrects for.
    coverslip_index, coverslip_index_design
        The same of the coverslip.
    immersion_thickness_design
        Between objective and coverslip by design, um: the working distance.
    coverslip_thickness, coverslip_thickness_design
        um.
    particle_depth
        Distance of the particle from the coverslip, um, at least 0.
    focus_shift
        Where z = 0 lies, um deeper than the paraxial focus; `brightest_focus` gives the value that
        puts the brightest plane there.
    subsamples
        Points along each side of a pixel.

    Returns
    -------
    numpy.ndarray
        float64, `shape`, not negative, sum 1. Not symmetric in z where layers are not as designed.

    Raises
    ------
    InputError
        A number is not of the accepted kind, the aperture not below an index that it must be below,
        no immersion medium left at some z, or the grid larger than the quadrature resolves.
    """
    pixels, z = checks.grid(shape, voxel_size, subsamples)
    checks.length("wavelength", wavelength)
    z = z + checks.number("focus_shift", focus_shift, "a finite number, in um", -np.inf)
    layers = layered.Layers(
        sample_index=sample_index,
        immersion_index=immersion_index,
        immersion_index_design=immersion_index_design,
        coverslip_index=coverslip_index,
        coverslip_index_design=coverslip_index_design,
        immersion_thickness_design=immersion_thickness_design,
        coverslip_thickness=coverslip_thickness,
        coverslip_thickness_design=coverslip_thickness_design,
        particle_depth=particle_depth,
    )
    layers.check(numerical_aperture)
    beams = layered.field(layers, wavelength, numerical_aperture, pixels.radius, z)
    return _unit_sum(pixels.image(lambda r: bessel_beams.intensity(beams, r, z)), shape)


def brightest_focus(wavelength: float, numerical_aperture: float, **layers: float) -> float:
    """Where an aberrated Gibson-Lanni point looks brightest.

    Parameters
    ----------
    wavelength, numerical_aperture
        As in `gibson_lanni`.
    layers
        The nine numbers about sample, immersion and coverslip that `gibson_lanni` takes.

    Returns
    -------
    float
        The `focus_shift` that puts the brightest point of the axis at z = 0, um; positive where it
        lies deeper than the paraxial focus.

    Raises
    ------
    InputError
        As `gibson_lanni`.
    """
    checks.length("wavelength", wavelength)
    given = layered.Layers(**layers)
    given.check(numerical_aperture)
    return layered.brightest(given, wavelength, numerical_aperture)


def fwhm(profile: Sequence[float], step: float) -> float:
    """Full width at half maximum of a sampled profile.

    Parameters
    ----------
    profile
        Samples (n,), evenly spaced, fine enough for a cubic spline (ten or more over the width).
        The highest is taken for the maximum.
    step
        Between samples; the result is in its unit.

    Returns
    -------
    float
        Between the nearest places on both sides where the spline falls to half the highest sample.

    Raises
    ------
    InputError
        The profile is not finite, or does not fall to half its maximum on both sides.
    """
    from scipy.interpolate import CubicSpline

    step = checks.length("step", step)
    profile = np.asarray(profile, dtype=np.float64)
    if profile.ndim != 1 or profile.size < 4 or not np.isfinite(profile).all():
        raise InputError("FWHM: the profile must be one row of at least four finite numbers")
    peak = int(profile.argmax())
    at = CubicSpline(np.arange(profile.size), profile - profile[peak] / 2).roots(extrapolate=False)
    if not (at < peak).any() or not (at > peak).any():
        raise InputError("FWHM: the profile does not fall to half its maximum on both sides")
    return float(at[at > peak].min() - at[at < peak].max()) * step


def _of_one_medium(
    pupil: Callable[[float, float, float], Pupil],
    lens: tuple[float, float, float],
    shape: Sequence[int],
    voxel_size: Sequence[float],
    subsamples: int,
) -> np.ndarray:
    """PSF of a pupil that follows from wavelength (um, in vacuum), aperture and index: `lens`."""
    pixels, z = checks.grid(shape, voxel_size, subsamples)
    checks.lens(*lens)
    return _unit_sum(_symmetric(pupil(*lens), pixels, z), shape)


def _symmetric(pupil: Pupil, pixels: Pixels, z: np.ndarray) -> np.ndarray:
    """Planes (Z, y, x) of a model that is the same on both sides of the focus."""
    unique, place = np.unique(np.abs(z), return_inverse=True)
    beams = bessel_beams.discretise(pupil, pixels.radius, unique[-1])
    return pixels.image(lambda r: bessel_beams.intensity(beams, r, unique))[place]


def _unit_sum(planes: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    total = planes.sum()
    if not total > 0:
        raise InputError("PSF: no light reaches the grid; take another focus_shift or depth")
    return (planes / total).reshape(tuple(shape))
