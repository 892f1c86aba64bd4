"""What a point-spread function may be asked for; anything else is one line of error."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from focusbench.errors import InputError
from focusbench.optics.pixels import Pixels


def number(name: str, value: Any, accepted: str, low: float, strict: bool = True) -> float:
    """A finite number above `low`, or at `low` too unless `strict`; else InputError."""
    real = isinstance(value, Real) and not isinstance(value, bool)
    if not (real and np.isfinite(value) and (value > low if strict else value >= low)):
        raise InputError(f"PSF: {name} is {value!r}; accepted is {accepted}")
    return float(value)


def length(name: str, value: Any) -> float:
    """A positive length."""
    return number(name, value, "a positive number, in um", 0)


def index(name: str, value: Any) -> float:
    """A refractive index."""
    return number(name, value, "a refractive index of at least 1", 1, strict=False)


def aperture(value: Any, **indices: float) -> float:
    """A numerical aperture below every one of the named indices."""
    value = number("numerical_aperture", value, "a positive number below the refractive index", 0)
    for name, highest in indices.items():
        if value >= highest:
            raise InputError(
                f"PSF: numerical_aperture is {value:g} and {name} {highest:g}; the aperture must "
                f"be below that index, for it is the index times a sine"
            )
    return value


def lens(wavelength: Any, numerical_aperture: Any, refractive_index: Any) -> None:
    """An objective in one medium; the wavelength in um."""
    length("wavelength", wavelength)
    index("refractive_index", refractive_index)
    aperture(numerical_aperture, refractive_index=refractive_index)


def convention(value: Any) -> str:
    """One of the two ways to write Born and Wolf's integral."""
    if value not in ("standard", "printed"):
        raise InputError(f"PSF: convention is {value!r}; accepted are 'standard' and 'printed'")
    return value


def grid(
    shape: Sequence[int], voxel_size: Sequence[float], subsamples: int
) -> tuple[Pixels, np.ndarray]:
    """Pixels of a plane, and the planes' z in um (one at 0 for a shape of two)."""
    sizes = sequence("shape", shape, "(z, y, x) or (y, x)")
    if len(sizes) not in (2, 3) or not all(_whole(size) for size in sizes):
        raise InputError(
            f"PSF: shape is {sizes}; accepted are two or three positive whole numbers, "
            f"(y, x) or (z, y, x)"
        )
    steps = sequence("voxel_size", voxel_size, "as many lengths as shape has axes, in um")
    if len(steps) != len(sizes):
        raise InputError(
            f"PSF: voxel_size is {steps} and shape {sizes}; both must have one number for each axis"
        )
    steps = tuple(length("voxel_size", step) for step in steps)
    if not _whole(subsamples):
        raise InputError(f"PSF: subsamples is {subsamples!r}; accepted is a positive whole number")
    lateral = tuple(int(size) for size in sizes[-2:])
    pixels = Pixels(lateral, steps[-2:], int(subsamples))
    if len(sizes) == 2:
        return pixels, np.zeros(1)
    n_planes = int(sizes[0])
    return pixels, (np.arange(n_planes) - (n_planes - 1) / 2) * steps[0]


def _whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and value >= 1


def sequence(name: str, values: Any, accepted: str) -> tuple:
    """Values as a tuple, numbers of NumPy as plain ones; InputError if there is but one."""
    try:
        return tuple(value.item() if isinstance(value, np.generic) else value for value in values)
    except TypeError:
        raise InputError(f"PSF: {name} is {values!r}; accepted is {accepted}") from None
