"""What the id of a degradation means.

An id is that of a *base* (how the focal stack was recorded), or of a base with a *part*: only some
of its planes are given, or the model has only some of the rays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from focusbench.errors import InputError
from focusbench.problem import Noise

GREY_LEVEL = 1 / 255  # the authors' code stores observations as 8-bit images
RECORDED = "recorded"  # a stack of one's own

# part -> what it means, for a reader
PARTS = {
    "heldout": "every third focal plane (the 3rd, 6th, ..., never the last) withheld",
    "planes_odd": "only the focal planes 1, 3, 5, ... given",
    "planes_even": "only the focal planes 2, 4, 6, ... given",
    "rays_odd": "modelled with the odd half of the aperture's cells (a chess board)",
    "rays_even": "modelled with the even half of the aperture's cells (a chess board)",
}
EVERY = 3  # heldout
ACCEPTED = (
    "clean, float, offmodel, na0.70 (NA of the light), step1.10 (um between planes), each but "
    "clean also with noise as in offmodel_sigma0.01, sigma0.01 alone, recorded; all of these also "
    f"with {', '.join(f'_{part}' for part in PARTS)}"
)
_MODEL = (
    r"(?P<model>float|offmodel|na(?P<na>0\.[0-9]{1,4})|step(?P<step>[0-9]{1,3}(?:\.[0-9]{1,4})?))"
)
# a model stands alone or is joined to what follows
_BASE = re.compile(rf"clean|(?:{_MODEL}(?:_(?=sigma)|$))?(?:sigma(?P<sigma>0\.[0-9]{{1,4}}))?")


@dataclass(frozen=True)
class Degradation:
    """How an observation departs from the imaging model's noise-free focal stack.

    Methods are told the nominal geometry, whatever stands here.
    """

    offmodel: bool = False  # rendered from voxels of half the size with another aperture grid
    sigma: float = 0.0  # standard deviation of additive Gaussian noise
    quantised: bool = True  # to 8 bits
    numerical_aperture: float | None = None  # of the light; None: the nominal one
    z_step: float | None = None  # um between planes (and slices); None: the nominal one
    part: str | None = None  # one of PARTS; None: all planes and all rays
    recorded: bool = False  # a stack of one's own: nothing above but `part` is known of it

    @property
    def noise(self) -> Noise | None:
        """What a method is told of the noise; None where the id tells nothing."""
        if self.recorded:
            return None
        return Noise(self.sigma, GREY_LEVEL if self.quantised else 0.0)

    @property
    def half(self) -> str | None:
        """Half of the rays that the model has, as `optics.ray_paths.Geometry.half`."""
        return self.part.removeprefix("rays_") if self.part in ("rays_odd", "rays_even") else None


def parse(degradation: str) -> Degradation:
    """Read an id: `clean`, `offmodel_sigma0.01`, `na0.70`, `recorded_heldout`, ...

    Raises
    ------
    InputError
        The id is none of these.
    """
    name, part = _split(degradation)
    if name == RECORDED:
        return Degradation(part=part, recorded=True)
    match = _BASE.fullmatch(name)
    numbers = {key: float(match[key]) for key in ("na", "step") if match[key]} if match else {}
    if not name or not match or 0 in numbers.values():
        raise InputError(f"unknown degradation {degradation!r}; accepted: {ACCEPTED}")
    return Degradation(
        offmodel=match["model"] == "offmodel",
        sigma=float(match["sigma"] or 0),
        quantised=match["model"] != "float",
        numerical_aperture=numbers.get("na"),
        z_step=numbers.get("step"),
        part=part,
    )


def base(degradation: str) -> str:
    """Id without its part: of the observation that one with a part is made from."""
    return _split(degradation)[0]


def withheld(part: str | None, n_planes: int) -> list[int]:
    """Focal planes that a part keeps from the methods, counted from 0.

    Raises
    ------
    InputError
        The stack has too few planes: none would be withheld, or none given.
    """
    if part == "heldout":
        planes = list(range(EVERY - 1, n_planes - 1, EVERY))
    elif part in ("planes_odd", "planes_even"):
        planes = list(range(part == "planes_odd", n_planes, 2))
    else:
        return []
    if not 0 < len(planes) < n_planes:
        least = EVERY + 1 if part == "heldout" else 2
        raise InputError(
            f"degradation {part}: the stack has {n_planes} planes; at least {least} are accepted"
        )
    return planes


def noise_of(degradation: str, settings: Mapping[str, Any]) -> Noise | None:
    """Noise of an observation; None where nothing is known of it.

    A part changes nothing of it. What is known of a recording's stands in `settings`.
    """
    wanted = parse(degradation)
    if not wanted.recorded:
        return wanted.noise
    sigma = settings.get("noise_sigma")
    return None if sigma is None else Noise(gaussian_sigma=sigma)


def describe(degradation: str) -> str:
    """Say in a few words what an id means."""
    wanted = parse(degradation)
    if wanted.recorded:
        words = ["a focal stack of one's own, without truth"]
    else:
        finer = "rendered from voxels of half the size with another aperture grid"
        na, step, sigma = wanted.numerical_aperture, wanted.z_step, wanted.sigma
        words = [
            finer if wanted.offmodel else "",
            f"recorded at NA {na:g}, restored with the nominal one" if na else "",
            f"planes {step:g} um apart, restored with the nominal step" if step else "",
            f"Gaussian noise of standard deviation {sigma:g}" if sigma else "no noise",
            "8 bits" if wanted.quantised else "not quantised",
        ]
    if wanted.part:
        words.append(PARTS[wanted.part])
    return ", ".join(filter(None, words))


def _split(degradation: str) -> tuple[str, str | None]:
    """Base and part of an id."""
    for part in PARTS:
        if degradation.endswith(f"_{part}"):
            return degradation.removesuffix(f"_{part}"), part
    return degradation, None
