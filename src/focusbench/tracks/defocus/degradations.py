"""What the id of a degradation means."""

from __future__ import annotations

import re
from typing import NamedTuple

from focusbench.errors import InputError

RECORDED = "recorded"  # an image of a user's own
EVEN, TILTED, STEPPED, OFFMODEL = "even", "tilted", "stepped", "offmodel"
ACCEPTED = (
    "level00 to level10, tilted, stepped and offmodel, each also with _na0.45 (NA of the light), "
    "_pixel0.60 (um) or _subsamples1 (points along a pixel), and each of these also with _poisson; "
    "recorded"
)

_NUMBER = r"(?:0\.(?=0*[1-9])[0-9]{1,4}|[1-9][0-9]?(?:\.[0-9]{1,4})?)"  # above 0
_ID = re.compile(
    rf"(?:level(?P<level>0[0-9]|10)|(?P<kind>{TILTED}|{STEPPED}|{OFFMODEL}))"
    rf"(?:_na(?P<na>{_NUMBER})|_pixel(?P<pixel>{_NUMBER})|_subsamples(?P<subsamples>[1-9][0-9]?))?"
    r"(?P<poisson>_poisson)?"
)


class Degradation(NamedTuple):
    """What was done to a field; methods are told the nominal lens, whatever stands here."""

    kind: str  # EVEN (one level everywhere), TILTED, STEPPED, OFFMODEL or RECORDED
    level: int | None = None  # of EVEN
    numerical_aperture: float | None = None  # of the light; None: the nominal one
    pixel_size: float | None = None  # um, for which the light's kernels are made; None: nominal
    subsamples: int | None = None  # points along a pixel of the light's kernels; None: nominal
    poisson: bool = False  # shot noise, one count a photon

    @property
    def lens(self) -> dict[str, float]:
        """What differs of the nominal optics, by its keys."""
        keys = ("numerical_aperture", "pixel_size", "subsamples")
        return {key: getattr(self, key) for key in keys if getattr(self, key) is not None}


def parse(degradation: str) -> Degradation:
    """Read an id: `level04`, `tilted_poisson`, `offmodel`, `level05_na0.45_poisson`, `recorded`.

    Raises
    ------
    InputError
        The id is none of these.
    """
    if degradation == RECORDED:
        return Degradation(RECORDED)
    match = _ID.fullmatch(degradation)
    if not match:
        raise InputError(f"unknown degradation {degradation!r}; accepted: {ACCEPTED}")
    level, aperture, pixel, points = match.group("level", "na", "pixel", "subsamples")
    return Degradation(
        match["kind"] or EVEN,
        None if level is None else int(level),
        None if aperture is None else float(aperture),
        None if pixel is None else float(pixel),
        None if points is None else int(points),
        bool(match["poisson"]),
    )
