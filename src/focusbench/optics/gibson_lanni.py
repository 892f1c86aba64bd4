"""Pupil of an objective that looks through layers which it was not designed for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from focusbench.errors import InputError
from focusbench.optics import psf_checks as checks
from focusbench.optics.bessel_beams import Beams, Pupil, discretise, intensity, join

TOLERANCE = 2e-12  # of the unaberrated peak, between one quadrature and one of twice the nodes


@dataclass(frozen=True)
class Layers:
    """Sample, coverslip and immersion medium, and what the objective was designed for.

    Indices without unit; particle depth and thicknesses in um. The particle lies `particle_depth`
    below the coverslip. Names as in `psf.gibson_lanni`.
    """

    sample_index: float
    immersion_index: float
    immersion_index_design: float
    coverslip_index: float
    coverslip_index_design: float
    immersion_thickness_design: float
    coverslip_thickness: float
    coverslip_thickness_design: float
    particle_depth: float

    def check(self, numerical_aperture: float) -> None:
        """Refuse what no microscope can be, and an aperture that the layers do not let through.

        Raises
        ------
        InputError
            A number is not of the accepted kind, the aperture not below the indices of immersion
            and coverslip, or no immersion medium is left at the paraxial focus.
        """
        indices = {
            name: checks.index(name, getattr(self, name))
            for name in (
                "immersion_index",
                "immersion_index_design",
                "coverslip_index",
                "coverslip_index_design",
            )
        }
        checks.index("sample_index", self.sample_index)
        checks.length("immersion_thickness_design", self.immersion_thickness_design)
        for name in ("coverslip_thickness", "coverslip_thickness_design", "particle_depth"):
            value = getattr(self, name)
            checks.number(name, value, "a number of at least 0, in um", 0, strict=False)
        checks.aperture(numerical_aperture, **indices)
        if not self.immersion_thickness > 0:
            raise InputError(
                f"PSF: with particle_depth {self.particle_depth:g} um no immersion is left between "
                f"objective and coverslip; take a smaller depth or a larger "
                f"immersion_thickness_design"
            )

    @property
    def immersion_thickness(self) -> float:
        """Immersion medium left, um, where rays near the axis meet in the particle.

        Thickness over index, summed over the layers, is then as designed.
        """
        reduced = (
            self.immersion_thickness_design / self.immersion_index_design
            + self.coverslip_thickness_design / self.coverslip_index_design
            - self.coverslip_thickness / self.coverslip_index
            - self.particle_depth / self.sample_index
        )
        return self.immersion_index * reduced

    def path(self, sine: np.ndarray) -> np.ndarray:
        """Optical path over the design's, um, complex, less the same on the axis.

        At the paraxial focus; Gibson and Lanni 1991, in the form of Aguet 2009, Eq. 3.45. `sine` is
        the transverse wave number over k. Light that only exists near the particle (`sine` above
        the sample's index) has an imaginary part that weakens it.
        """
        return (
            self.particle_depth * _drop(self.sample_index, sine)
            + self.immersion_thickness * _drop(self.immersion_index, sine)
            - self.immersion_thickness_design * _drop(self.immersion_index_design, sine)
            + self.coverslip_thickness * _drop(self.coverslip_index, sine)
            - self.coverslip_thickness_design * _drop(self.coverslip_index_design, sine)
        )

    def pupils(self, wavelength: float, numerical_aperture: float) -> list[Pupil]:
        """The pupil up to the sample's index, and what lies beyond.

        In each part the variable x is such that the root that ends it is analytic in x.
        """
        k = 2 * np.pi / wavelength
        edge = min(numerical_aperture, self.sample_index)

        def beams(sine: np.ndarray, measure: np.ndarray) -> Beams:
            axial = -k * _drop(self.immersion_index, sine).real
            amplitude = (measure / numerical_aperture**2)[None]
            return Beams(k * sine, axial, k * self.path(sine), amplitude)

        def travelling(x: np.ndarray) -> Beams:
            return beams(edge * np.sqrt(x * (2 - x)), 2 * edge**2 * (1 - x))

        def evanescent(x: np.ndarray) -> Beams:
            width = numerical_aperture**2 - edge**2
            return beams(np.sqrt(edge**2 + width * x**2), 2 * width * x)

        return [travelling, evanescent] if numerical_aperture > edge else [travelling]


def _drop(index: float, sine: np.ndarray) -> np.ndarray:
    """Root of index^2 - sine^2, its imaginary part not negative, less index.

    Written so that thick layers keep their last digits: the path along the axis, thousands of
    wavelengths that change no intensity, is never added.
    """
    root = np.sqrt(((index - sine) * (index + sine)).astype(complex))
    return -(sine**2) / (root + index)


def field(
    layers: Layers, wavelength: float, numerical_aperture: float, radius: float, z: np.ndarray
) -> Beams:
    """Beams that are exact to 1e-11 of the unaberrated peak up to a radius, at some z.

    The nodes are doubled until a few places no longer change: layers whose index is close to the
    aperture need more than the oscillation tells.

    Raises
    ------
    InputError
        The objective would touch the coverslip, or too many nodes would be needed.
    """
    if not layers.immersion_thickness > z.max():
        raise InputError(
            f"PSF: the objective would move {z.max():g} um towards the sample, but the immersion "
            f"is only {layers.immersion_thickness:g} um thick there; take a smaller "
            f"particle_depth, focus_shift or stack, or a larger immersion_thickness_design"
        )
    pupils = layers.pupils(wavelength, numerical_aperture)
    defocus = float(np.abs(z).max())
    radii, planes = np.linspace(0, radius, 4), np.linspace(z.min(), z.max(), 5)

    def beams(factor: int) -> Beams:
        return join([discretise(pupil, radius, defocus, factor) for pupil in pupils])

    factor, coarse = 1, beams(1)
    before = intensity(coarse, radii, planes)
    while True:  # at last refused for the number of nodes
        factor *= 2
        fine = beams(factor)
        after = intensity(fine, radii, planes)
        if np.abs(after - before).max() <= TOLERANCE:
            return coarse
        coarse, before = fine, after


def brightest(layers: Layers, wavelength: float, numerical_aperture: float) -> float:
    """How much deeper than the paraxial focus, um, the axis is brightest.

    Raises
    ------
    InputError
        The path differs so much over the aperture that the search would take too long.
    """
    from scipy.optimize import minimize_scalar

    # Each zone of the pupil has its own focus, where its path changes as fast as that of z. Those
    # near the sample's index focus arbitrarily far, and carry little light.
    edge = min(numerical_aperture, 0.97 * layers.sample_index)
    sine = np.linspace(0, edge, 400)
    foci = np.gradient(layers.path(sine).real, sine)[1:]
    foci /= np.gradient(_drop(layers.immersion_index, sine).real, sine)[1:]
    depth = wavelength * layers.immersion_index / numerical_aperture**2
    low, high = min(foci.min(), 0) - depth, max(foci.max(), 0) + depth
    n_planes = int(np.ceil((high - low) / (depth / 16)))
    if n_planes > 100_000:
        raise InputError(
            f"PSF: zones of the aperture focus {high - low:.0f} um apart; brightest_focus searches "
            f"{100_000 * depth / 16:.0f} um at most"
        )
    z = np.linspace(low, high, n_planes)
    z = z[z < layers.immersion_thickness]
    beams = field(layers, wavelength, numerical_aperture, 0.0, z)
    axis = np.zeros(1)
    best = z[intensity(beams, axis, z).argmax()]
    around = (best - depth / 8, best + depth / 8)
    found = minimize_scalar(
        lambda shift: -intensity(beams, axis, np.array([shift])).item(),
        bounds=around,
        method="bounded",
        options={"xatol": 1e-6 * depth},
    )
    return float(found.x)
