"""Two-dimensional point-spread functions of an objective that is out of focus, by defocus level.

He et al. 2020 (2.1, Eq. 2) blur a field with planes of the Born-Wolf model: level k is k steps of
2 um from the focus, levels 0 to 10. Levels are real numbers here: a specimen does not lie on steps.

Level 0 is the focus. The paper leaves such images as they are ("no synthetic degradation"), for
they were recorded through the objective already; `in_focus` chooses between that, a single pixel
("untouched"), and the lens's own spot ("diffraction"), with which the paper's depth-invariant row
deconvolves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from focusbench.errors import InputError
from focusbench.optics import bessel_beams, psf, pupils
from focusbench.optics import psf_checks as checks
from focusbench.optics.kernels import centre

STEP = 2.0
"""um from level to level."""
N_LEVELS = 11
"""Levels of the paper, 0 to 10."""
IN_FOCUS = ("diffraction", "untouched")


def level_psfs(
    levels: Sequence[float] = tuple(range(N_LEVELS)),
    *,
    numerical_aperture: float = 0.5,
    refractive_index: float = 1.0,
    wavelength: float = 0.451,
    pixel_size: float = 0.65,
    side: int = 51,
    subsamples: int = 1,
    convention: str = "standard",
    step: float = STEP,
    in_focus: str = "diffraction",
) -> np.ndarray:
    """Kernels of defocus levels.

    The defaults are the paper's; it prints neither pixel size nor kernel. 0.65 um and 51 x 51 are
    those of the public code whose model it shares (Yang et al. 2018), which samples points.

    Parameters
    ----------
    levels
        Any real numbers from 0 up.
    numerical_aperture, refractive_index, convention
        As in `psf.born_wolf`.
    wavelength
        Of the light in vacuum, um.
    pixel_size
        um.
    side
        Pixels of the kernel, odd: its origin is a pixel.
    subsamples
        Points along each side of a pixel: 1 samples its centre as the paper does, 5 integrates over
        it as a camera does.
    step
        From level to level, um.
    in_focus
        What level 0 is: "diffraction", the lens's spot, or "untouched", a single pixel.

    Returns
    -------
    numpy.ndarray
        float64 (len(levels), side, side), not negative; each sums to 1, whatever part of the light
        the box keeps (`kept`).

    Raises
    ------
    InputError
        A level below 0, an even side, or a number that `psf.born_wolf` does not accept.
    """
    if in_focus not in IN_FOCUS:
        raise InputError(f"PSF: in_focus is {in_focus!r}; accepted: {', '.join(IN_FOCUS)}")
    distances = _distances(levels, step)
    kernels = psf.born_wolf_series(
        (_odd(side), side),
        pixel_size,
        distances,
        wavelength,
        numerical_aperture,
        refractive_index,
        convention,
        subsamples,
    )
    if in_focus == "untouched":
        single = np.zeros((side, side))
        single[centre(single.shape)] = 1
        kernels[np.asarray(distances) == 0] = single
    return kernels


def between(psfs: Any, level: float) -> np.ndarray:
    """Kernel of a level between those of a series, mixed from its two neighbours.

    `field_blur` blurs so. As share of the light that falls into a wrong pixel, a mixture of whole
    levels is off by 20 % at most (level 1.5) and by 12 to 5 % from level 2.5 on; pixel integration
    makes it 12 % and 9 to 4 %. A series of half levels is off by less than 5 % everywhere.

    Parameters
    ----------
    psfs
        (L, y, x), of levels 0 to L - 1.
    level
        0 to L - 1.

    Returns
    -------
    numpy.ndarray
        float64 (y, x).

    Raises
    ------
    InputError
        A level that the series does not reach, or no series.
    """
    series = np.asarray(psfs, dtype=np.float64)
    if series.ndim != 3 or not series.size:
        raise InputError(f"PSFs: shape {series.shape}; (levels, y, x) is needed")
    last = len(series) - 1
    value = checks.number("level", level, f"0 to {last}", 0, strict=False)
    if value > last:
        raise InputError(f"PSF: level is {level!r}; accepted is 0 to {last}")
    below = min(int(value), max(last - 1, 0))
    share = value - below
    return (1 - share) * series[below] + share * series[min(below + 1, last)]


def kept(
    levels: Sequence[float] = tuple(range(N_LEVELS)),
    *,
    numerical_aperture: float = 0.5,
    refractive_index: float = 1.0,
    wavelength: float = 0.451,
    pixel_size: float = 0.65,
    side: int = 51,
    convention: str = "standard",
    step: float = STEP,
) -> np.ndarray:
    """Part of a point's light that falls into a box of `side` x `side` pixels around it.

    The light of a whole plane is known: lambda^2 / (pi NA^2) times the intensity in focus, at every
    defocus. The box is summed on points closer than the diffraction limit asks for.

    Arguments and errors are those of `level_psfs`.

    Returns
    -------
    numpy.ndarray
        float64 (len(levels),), below 1.
    """
    distances = np.asarray(_distances(levels, step))
    checks.lens(wavelength, numerical_aperture, refractive_index)
    checks.convention(convention)
    wide = numerical_aperture / (refractive_index if convention == "printed" else 1.0)
    # a quarter of the finest period of the intensity, lambda / (2 NA)
    parts = int(np.ceil(8 * wide * checks.length("pixel_size", pixel_size) / wavelength))
    pixels, _ = checks.grid((_odd(side), side), (pixel_size, pixel_size), parts)
    pupil = pupils.born_wolf(wavelength, numerical_aperture, refractive_index, convention)
    unique, place = np.unique(distances, return_inverse=True)
    beams = bessel_beams.discretise(pupil, pixels.radius, unique[-1])
    planes = pixels.image(lambda r: bessel_beams.intensity(beams, r, unique))
    light = planes.sum(axis=(1, 2)) * pixel_size**2
    return (light * np.pi * wide**2 / wavelength**2)[place]


def half_width(kernel: Any, share: float = 0.99) -> int:
    """Pixels h so that the box of 2 h + 1 around a kernel's origin is the least to hold `share`.

    Parameters
    ----------
    kernel
        (y, x), not negative; odd sides.
    share
        Of the kernel's own sum, above 0 and up to 1.

    Raises
    ------
    InputError
        A kernel that is none, or a share out of range.
    """
    values = np.asarray(kernel, dtype=np.float64)
    if values.ndim != 2 or not all(side % 2 for side in values.shape) or not values.sum() > 0:
        raise InputError(f"PSF: shape {values.shape}; (y, x), odd sides and a positive sum needed")
    if not 0 < share <= 1:
        raise InputError(f"share is {share!r}; above 0 and up to 1 is accepted")
    y, x = (np.abs(np.arange(n) - n // 2) for n in values.shape)
    ring = np.maximum.outer(y, x)
    inside = np.cumsum(np.bincount(ring.ravel(), weights=values.ravel()))
    # rounding may leave the last sum just below the whole
    return int(np.searchsorted(inside, share * inside[-1] * (1 - 1e-12)))


def _distances(levels: Sequence[float], step: float) -> list[float]:
    accepted = "numbers from 0 up"
    values = checks.sequence("levels", levels, f"a sequence of {accepted}")
    step = checks.length("step", step)
    return [checks.number("levels", level, accepted, 0, strict=False) * step for level in values]


def _odd(side: Any) -> int:
    if isinstance(side, bool) or not isinstance(side, int | np.integer) or side < 1 or not side % 2:
        raise InputError(f"PSF: side is {side!r}; accepted is an odd number of pixels")
    return int(side)
