"""Fields of BBBC006 (fluorescent nuclei) as focal stacks of grey RGB: sharp planes from one image.

Planes lie 2 um apart around the nominal focus z_16, and come in the collection's order; which end
is up its files do not tell. All planes of a field are shown in one range of counts, from the 0.1th
to the 99.9th percentile of its middle plane unless other counts are told: grey values of two fields
do not compare. The pixel size is what the literature of the defocus track takes, 0.65 um.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from focusbench.data import bbbc006, slides
from focusbench.errors import InputError

Z_STEP = bbbc006.STEP
"""um from plane to plane."""
PIXEL_SIZE = 0.65
"""um."""
RANGE = (0.1, 99.9)  # percentiles of the middle plane
MOST = 2 * bbbc006.FOCUS + 1  # planes: z_00 to z_32


def indices(count: int) -> list[int]:
    """Indices of so many planes around the nominal focus.

    Raises
    ------
    InputError
        An even number, fewer than three, or more than the collection has on both sides.
    """
    if type(count) is not int or count % 2 == 0 or not 3 <= count <= MOST:
        raise InputError(
            f"BBBC006: {count!r} planes are not accepted; an odd number from 3 to {MOST}, as many "
            f"on both sides of the nominal focus z_{bbbc006.FOCUS}"
        )
    return list(range(bbbc006.FOCUS - count // 2, bbbc006.FOCUS + count // 2 + 1))


def check(sample: str, places: Mapping[str, Any], count: int, place: str) -> None:
    """See, without reading any, that the planes of a field are there or will be downloaded.

    Parameters
    ----------
    sample, places
        As for `planes`.
    count
        How many planes are wanted.
    place
        Where the sample stands, for a message.

    Raises
    ------
    InputError
        What `indices` refuses; planes that `places` does not name, or a folder without them.
    """
    wanted, named = indices(count), places.get("planes")
    lacking = [plane for plane in wanted if named is not None and plane not in named]
    if lacking or (named is None and not places.get("directory")):
        raise InputError(
            f"{place}: {sample} needs planes {wanted[0]} to {wanted[-1]}, but data.bbbc006.planes "
            f"is {named}; set it to [{', '.join(map(str, wanted))}], or name a folder that holds "
            "them (data.bbbc006.directory)"
        )
    if places.get("directory"):
        bbbc006.find(sample, {**places, "planes": wanted})


def planes(sample: str, places: Mapping[str, Any], settings: Mapping[str, Any]) -> np.ndarray:
    """Read a field through focus, as grey RGB.

    Parameters
    ----------
    sample
        Such as bbbc006_a01_s1.
    places
        As `bbbc006.field` takes them: `directory`, and `planes` that may be used.
    settings
        `planes`
            How many, odd; the middle one is z_16.
        `low`, `high`
            Counts that become 0 and 255; percentiles of the middle plane if absent.

    Returns
    -------
    numpy.ndarray
        uint8 (planes, Y, X, 3).

    Raises
    ------
    InputError
        What `check` and `bbbc006.stack` refuse: a missing plane; a field whose focus, the plane of
        the largest standard deviation, is the first plane or the last.
    """
    wanted = indices(settings["planes"])
    check(sample, places, len(wanted), "BBBC006")
    counts = bbbc006.stack(sample, {**places, "planes": wanted}).array
    low, high = np.percentile(counts[len(wanted) // 2], RANGE)
    return slides.from_grey(counts, settings.get("low", low), settings.get("high", high))
