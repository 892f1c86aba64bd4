"""From stained matter at all depths to focal planes in colour.

Matter is held as thin slices of absorbance (red, green, blue) and phase. What each slice lets
through is blurred by its distance from the focus (`optics.bright_field`), and light that has passed
all slices is their product. A single slice is exact in incoherent light, however dark it is;
between slices the rays are taken as mixed. (`optics.rays` follows each ray through all slices, but
takes seconds a plane at this size and knows no diffraction: spots under 1 um would be too sharp.)

Depths are those of the objective's travel: um in the mounting medium over its index. They rise
towards the objective.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from focusbench.optics import bright_field
from focusbench.optics.fft_sizes import good_size

COLOURS = 3
PHASE = 3  # channel of a slice that holds the phase, rad at the green wavelength
REACH = 15.0  # um: matter lies within this depth on both sides of the middle
MARGIN = 16.0  # um around a field from which light may be scattered into it
# From this many pixels away, over the condenser's aperture, the blur leaves nothing beyond half the
# pixels' frequency: light is computed on pixels twice as wide, and four times from twice as far.
FAR = 12.0
COARSEST = 4
FREQUENCIES, LOOKUP = 512, 4096
LEAST_LIGHT = 0.004


class Optics(NamedTuple):
    """What light and lens are."""

    numerical_aperture: float
    condenser_aperture: float
    wavelengths: tuple[float, float, float]  # um: red, green, blue
    axial_colour: tuple[float, float, float]  # um by which red, green, blue focus too high
    pixel_size: float  # um


class Slices:
    """Matter of a field and the margin around it, by depth.

    Attributes
    ----------
    shape : tuple of int
        Pixels (y, x), margin included.
    margin : int
        Pixels.
    """

    def __init__(self, shape: tuple[int, int], pixel_size: float, step: float) -> None:
        self.pixel_size, self.step = pixel_size, step
        self.margin = int(np.ceil(MARGIN / pixel_size))
        self.field = tuple(shape)
        # a multiple of 4, of small prime factors: transforms of a half and a quarter are fast too
        self.shape = tuple(
            COARSEST * good_size(-(-(side + 2 * self.margin) // COARSEST)) for side in shape
        )
        self.matter: dict[int, np.ndarray] = {}
        self._last = int(REACH / step)

    def add(self, y: float, x: float, patch: np.ndarray, depth: np.ndarray | float) -> None:
        """Add matter; each pixel is shared between the two slices nearest to its depth.

        Parameters
        ----------
        y, x
            Pixel of the field (from its first one) where the middle of the patch lies; rounded.
        patch
            float32 (4, h, w): absorbance of red, green and blue (natural logarithm), phase.
        depth
            um, (h, w) or one number.
        """
        here, there = self._window(y, x, patch.shape[1:])
        if here is None:
            return
        patch = patch[(slice(None), *there)]
        position = np.asarray(depth, dtype=np.float32) / np.float32(self.step)
        if position.ndim:
            position = position[there]
        position = np.clip(position, -self._last, self._last)
        # where there is matter: the depth of what is empty does not count
        held = position if not position.ndim else position[patch[:COLOURS].any(axis=0)]
        if not held.size:
            return
        for index in range(int(np.floor(held.min())), int(np.ceil(held.max())) + 1):
            share = np.maximum(1 - np.abs(position - index), 0)
            slice_ = self.matter.get(index)
            if slice_ is None:
                slice_ = np.zeros((COLOURS + 1, *self.shape), np.float32)
                self.matter[index] = slice_
            slice_[(slice(None), *here)] += patch * share

    def touched(self, y: float, x: float, radius: float) -> bool:
        """Whether a body around this pixel reaches into what is rendered."""
        far = radius + self.margin
        return -far <= y < self.field[0] + far and -far <= x < self.field[1] + far

    def _window(self, y: float, x: float, size: tuple[int, int]) -> tuple:
        here, there = [], []
        for place, side, whole in zip((y, x), size, self.shape, strict=True):
            first = round(place) + self.margin - side // 2
            start, stop = max(first, 0), min(first + side, whole)
            if start >= stop:
                return None, None
            here.append(slice(start, stop))
            there.append(slice(start - first, stop - first))
        return tuple(here), tuple(there)


def planes(slices: Slices, optics: Optics, foci: tuple[float, ...]) -> np.ndarray:
    """Render the focal planes of a field.

    Parameters
    ----------
    slices
        Its matter; the absorbances are replaced by what they hold back.
    optics
        Light and lens.
    foci
        Depth of each plane, um.

    Returns
    -------
    numpy.ndarray
        float32 (planes, Y, X, 3), transmitted part of the light.
    """
    light = [_Light(len(foci), slices.shape, coarse) for coarse in (1, 2, COARSEST)]
    for index, matter in slices.matter.items():
        phase = _spectrum(matter[PHASE]) if matter[PHASE].any() else None
        for colour in range(COLOURS):
            held_back = _spectrum(-np.expm1(-matter[colour]))
            scale = optics.wavelengths[1] / optics.wavelengths[colour]
            for plane, focus in enumerate(foci):
                away = focus + optics.axial_colour[colour] - index * slices.step
                coarse = _coarseness(optics, away)
                kernel = _kernel(optics, colour, round(away, 6))
                light[coarse // 2].pass_through(plane, colour, kernel, held_back, phase, scale)
    whole = np.ones((len(foci), COLOURS, *slices.shape), np.float32)
    for one in light:
        one.multiply(whole)
    margin, (height, width) = slices.margin, slices.field
    seen = whole[:, :, margin : margin + height, margin : margin + width]
    return np.ascontiguousarray(np.moveaxis(seen, 1, -1))


class _Light:
    """Light of all planes on a grid that is `coarse` times wider."""

    def __init__(self, planes: int, shape: tuple[int, int], coarse: int) -> None:
        self._whole, self._coarse = shape, coarse
        self._shape = tuple(side // coarse for side in shape)
        self._passed: dict[tuple[int, int], np.ndarray] = {}

    def pass_through(
        self,
        plane: int,
        colour: int,
        kernel: tuple[np.ndarray, np.ndarray],
        held_back: np.ndarray,
        phase: np.ndarray | None,
        scale: float,
    ) -> None:
        from scipy import fft

        radius = _radius(self._whole, self._coarse)
        absorption, refraction = kernel
        lost = _low(held_back, self._shape) * absorption[radius]
        if phase is not None:
            lost += _low(phase, self._shape) * (np.float32(scale) * refraction[radius])
        lost *= np.float32(1 / self._coarse**2)
        seen = np.maximum(1 - fft.irfft2(lost, s=self._shape, workers=1), LEAST_LIGHT)
        key = plane, colour
        if key in self._passed:
            self._passed[key] *= seen
        else:
            self._passed[key] = seen

    def multiply(self, whole: np.ndarray) -> None:
        from scipy import fft

        for key, passed in self._passed.items():
            if self._coarse > 1:
                small = fft.rfft2(passed, workers=1) * np.float32(self._coarse**2)
                rows, columns = self._shape[0] // 2, self._shape[1] // 2
                large = np.zeros((self._whole[0], self._whole[1] // 2 + 1), np.complex64)
                large[:rows, :columns] = small[:rows, :columns]
                large[1 - rows :, :columns] = small[1 - rows :, :columns]
                passed = fft.irfft2(large, s=self._whole, workers=1)
            whole[key] *= np.maximum(passed, LEAST_LIGHT)


def _coarseness(optics: Optics, away: float) -> int:
    """How much wider pixels may be at a distance from the focus."""
    far = FAR * optics.pixel_size / min(optics.condenser_aperture, optics.numerical_aperture)
    return COARSEST if abs(away) >= 2 * far else 2 if abs(away) >= far else 1


def _spectrum(image: np.ndarray) -> np.ndarray:
    from scipy import fft

    return fft.rfft2(image, workers=1)


def _low(spectrum: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Part of a spectrum that an image of this shape holds; its own highest frequency is cut."""
    if spectrum.shape == (shape[0], shape[1] // 2 + 1):
        return spectrum
    rows, columns = shape[0] // 2, shape[1] // 2 + 1
    low = np.empty((shape[0], columns), np.complex64)
    low[:rows], low[rows:] = spectrum[:rows, :columns], spectrum[-rows:, :columns]
    low[rows], low[:, -1] = 0, 0
    return low


@lru_cache(maxsize=16)
def _radius(shape: tuple[int, int], coarse: int) -> np.ndarray:
    """Entry of `_kernel` that each frequency of a transform takes."""
    y = np.fft.fftfreq(shape[0]) * shape[0]
    y = np.concatenate([y[: shape[0] // (2 * coarse)], y[shape[0] - shape[0] // (2 * coarse) :]])
    x = np.arange(shape[1] // (2 * coarse) + 1)
    # cycles a pixel: up to sqrt(1/2) in the corners
    radius = np.hypot(y[:, None] / shape[0], x[None, :] / shape[1])
    return np.rint(radius * (np.sqrt(2) * (LOOKUP - 1))).astype(np.int32)


@lru_cache(maxsize=1024)
def _kernel(optics: Optics, colour: int, away: float) -> tuple[np.ndarray, np.ndarray]:
    """Transfer of absorption and of phase, float32 (LOOKUP,), up to sqrt(1/2) cycles a pixel."""
    every = np.linspace(0, np.sqrt(0.5) / optics.pixel_size, LOOKUP)
    apertures = optics.numerical_aperture, optics.condenser_aperture
    ends = sum(apertures) / optics.wavelengths[colour]
    some = np.linspace(0, ends, FREQUENCIES)
    values = bright_field.transfer(some, away, optics.wavelengths[colour], *apertures)
    both = (np.interp(every, some, part, right=0.0) for part in (values.real, 2 * values.imag))
    absorption, refraction = (part.astype(np.float32) for part in both)
    return absorption, refraction
