"""Point-spread function of a scalar pupil that a few numbers describe, to be fitted to images.

    |2 int_0^1 J_0(2 pi c rho r) a(rho) exp(i phi(rho) + 2 pi i d(rho) (z + z_0)) rho drho|^2

with the lateral cut-off c (NA over wavelength), the defocus d, the amplitude a and the aberration
phi; larger z is a focus deeper in the sample, as in `psf.gibson_lanni`. The numbers are those that
an image shows: wavelength, aperture and index enter by what they do to the light alone, so that no
two sets of numbers mean the same. All lengths are in um; arrays are (z, y, x), and the point lies
at (n - 1) / 2 of every axis.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from focusbench.errors import InputError
from focusbench.optics import bessel_beams
from focusbench.optics import psf_checks as checks
from focusbench.optics.bessel_beams import Beams

STRAIGHT = 1e-3  # curvature below which the defocus is that of the paraxial model
STEPS = 256  # planes over the stack in which the brightest one is looked for
NODES = 2  # times the quadrature nodes that the oscillation asks for: steep phases near the edge


@dataclass(frozen=True)
class PupilNumbers:
    """What light does in the pupil.

    Parameters
    ----------
    cutoff
        Highest spatial frequency of the amplitude across the axis, 1/um: NA / wavelength.
    axial_range
        Range of its frequencies along the axis, 1/um: (n - sqrt(n^2 - NA^2)) / wavelength, or, in
        the paraxial model, NA^2 / (2 n wavelength).
    curvature
        0 or more, below 1: how far the defocus departs from a parabola,
        d = axial_range (1 - sqrt(1 - curvature^2 rho^2)) / (1 - sqrt(1 - curvature^2)).
        0: paraxial; NA / n: exact.
    spherical, secondary
        Primary and secondary spherical aberration, rad rms: Zernike's polynomials
        sqrt(5) (6 rho^4 - 6 rho^2 + 1) and sqrt(7) (20 rho^6 - 30 rho^4 + 12 rho^2 - 1).
    apodisation
        b of the amplitude exp(-b rho^2); 0: the pupil is evenly bright.
    """

    cutoff: float
    axial_range: float
    curvature: float = 0.0
    spherical: float = 0.0
    secondary: float = 0.0
    apodisation: float = 0.0

    def __post_init__(self) -> None:
        for name in ("cutoff", "axial_range"):
            checks.number(name, getattr(self, name), "a number above 0, in 1/um", 0)
        for name in ("curvature", "spherical", "secondary", "apodisation"):
            checks.number(name, getattr(self, name), "a finite number", -np.inf)
        if not 0 <= self.curvature < 1:
            raise InputError(
                f"PSF: curvature is {self.curvature!r}; a number from 0 to below 1 is accepted"
            )

    def beams(self, x: np.ndarray) -> Beams:
        """The pupil at rho^2 = x, as `bessel_beams` wants it."""
        if self.curvature > STRAIGHT:
            square = self.curvature**2
            # 1 - sqrt(1 - t) = t / (1 + sqrt(1 - t)), which keeps the digits of small t
            shape = square * x / (1 + np.sqrt(1 - square * x))
            defocus = shape / (square / (1 + math.sqrt(1 - square)))
        else:
            defocus = x
        phase = self.spherical * math.sqrt(5) * (6 * x**2 - 6 * x + 1)
        phase = phase + self.secondary * math.sqrt(7) * (20 * x**3 - 30 * x**2 + 12 * x - 1)
        return Beams(
            2 * np.pi * self.cutoff * np.sqrt(x),
            2 * np.pi * self.axial_range * defocus,
            phase,
            np.exp(-self.apodisation * x)[None],
        )


def of_lens(
    wavelength: float, numerical_aperture: float, refractive_index: float, *, paraxial: bool = False
) -> PupilNumbers:
    """Pupil of an objective without aberration.

    Parameters
    ----------
    wavelength
        Of the light in vacuum, um.
    numerical_aperture
        Below the refractive index.
    refractive_index
        Of the one medium.
    paraxial
        As Born and Wolf's model has it.

    Raises
    ------
    InputError
        A number is not of the accepted kind.
    """
    checks.lens(wavelength, numerical_aperture, refractive_index)
    cutoff = numerical_aperture / wavelength
    if paraxial:
        return PupilNumbers(cutoff, cutoff * numerical_aperture / (2 * refractive_index))
    sine = numerical_aperture / refractive_index
    drop = sine**2 / (1 + math.sqrt(1 - sine**2))
    return PupilNumbers(cutoff, refractive_index * drop / wavelength, sine)


def pupil_psf(
    shape: Sequence[int],
    voxel_size: Sequence[float],
    pupil: PupilNumbers,
    subsamples: int = 1,
) -> np.ndarray:
    """Compute the PSF of a pupil.

    The brightest place of the axis lies at z = 0 (it is looked for within the stack): an observer
    focuses on it, and where the focus lies no image tells.

    Parameters
    ----------
    shape, voxel_size
        (z, y, x); um.
    pupil
        Its numbers.
    subsamples
        Points along each side of a pixel, whose mean it shows.

    Returns
    -------
    numpy.ndarray
        float64, `shape`, not negative, sum 1.

    Raises
    ------
    InputError
        A shape, a voxel size or `subsamples` is not of the accepted kind, or the grid is larger
        than the quadrature resolves.

    Examples
    --------
    >>> from focusbench.optics.psf import born_wolf
    >>> from focusbench.optics.pupil_psf import of_lens, pupil_psf
    >>> grid = (5, 7, 7), (0.2, 0.1, 0.1)
    >>> mine = pupil_psf(*grid, of_lens(0.5, 1.2, 1.5, paraxial=True))
    >>> bool(abs(mine - born_wolf(*grid, 0.5, 1.2, 1.5)).max() < 1e-9)
    True
    """
    pixels, z = checks.grid(shape, voxel_size, subsamples)
    if len(z) > 1 and (pupil.spherical or pupil.secondary):
        z = z + _brightest(pupil, z)
    defocus = float(np.abs(z).max())
    beams = bessel_beams.discretise(pupil.beams, pixels.radius, defocus, NODES)
    planes = pixels.image(lambda r: bessel_beams.intensity(beams, r, z))
    return (planes / planes.sum()).reshape(tuple(shape))


def record(pupil: PupilNumbers, shape: Sequence[int], voxel_size: Sequence[float]) -> dict:
    """What `from_record` needs to compute the PSF again, as JSON."""
    return {
        "pupil": {name: float(value) for name, value in vars(pupil).items()},
        "shape": [int(n) for n in shape],
        "voxel_size": [float(step) for step in voxel_size],
    }


def from_record(about: Mapping[str, Any]) -> np.ndarray:
    """Compute the PSF that `record` describes: float64 (z, y, x), sum 1."""
    return pupil_psf(about["shape"], about["voxel_size"], PupilNumbers(**about["pupil"]))


def _brightest(pupil: PupilNumbers, z: np.ndarray) -> float:
    """Where the axis is brightest, um; within the stack."""
    planes = np.linspace(z[0], z[-1], STEPS + 1)
    beams = bessel_beams.discretise(pupil.beams, 0.0, float(np.abs(z).max()), NODES)
    axis = bessel_beams.intensity(beams, np.zeros(1), planes)[:, 0]
    best = min(max(int(axis.argmax()), 1), STEPS - 1)
    before, peak, after = axis[best - 1 : best + 2]
    bend = before - 2 * peak + after
    offset = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return float(planes[best] + min(max(offset, -1.0), 1.0) * (planes[1] - planes[0]))
