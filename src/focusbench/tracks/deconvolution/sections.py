"""Volumes side by side: one set of slabs, one region and one grey scale for all that is compared.

The paper's figures 6, 7, 9, 10 and 12 are made of this.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

THICKNESS = 1.0  # um of depth that a view looks through
EQUAL = 1e-9  # of the largest sum: less is rounding
ENLARGED = 3  # the framed part is one of so many along each side of XY
GAMMA = 0.5
DEFAULT_VOXEL = (1.0, 1.0, 1.0)
AXES = {"XY": 0, "XZ": 1, "YZ": 2}  # view -> the axis that it looks along
FULL = "of full intensity"
OWN = "over the column's white"


class View(NamedTuple):
    """One direction of looking: the maximum along `axis` of what lies in `slab`."""

    name: str
    axis: int
    slab: slice
    aspect: float  # height of a voxel over its width
    place: str


class Places(NamedTuple):
    """What is shown of a volume, and of all that are compared with it."""

    shape: tuple[int, int, int]
    voxel_size: tuple[float, ...] | None  # um
    views: tuple[View, ...]  # XY, XZ, YZ
    region: tuple[slice, slice]  # the part of XY that is enlarged


class Column(NamedTuple):
    """Views of one volume, in the band's unit."""

    heading: str
    images: dict[str, np.ndarray]
    beneath: str = ""
    quality: float = math.nan  # PSNR of the whole volume, dB


class Band(NamedTuple):
    """Columns on one grey scale, from `black` to `white`."""

    label: str
    places: Places
    columns: tuple[Column, ...]
    black: float
    white: float
    unit: str  # FULL or OWN


def places(volume: np.ndarray, voxel_size: Sequence[float] | None) -> Places:
    """Slabs around the planes where most is to be seen, and the part of XY that shows most.

    What is to be seen is the power above the median, so that a background has no say. Of places
    that show equally much it is the middle one, so that no frame is half empty for no reason.
    """
    sizes = tuple(voxel_size or DEFAULT_VOXEL)
    power = np.square(np.maximum(volume - np.median(volume), 0), dtype=np.float64)
    views = []
    for name, axis in AXES.items():
        depth = max(1, round(THICKNESS / sizes[axis])) if voxel_size else 1
        depth = min(depth, volume.shape[axis])
        light = power.sum(axis=tuple(i for i in range(3) if i != axis))
        (start,) = _middle_of_best(np.convolve(light, np.ones(depth), mode="valid"))
        slab = slice(start, start + depth)
        height, width = (sizes[i] for i in range(3) if i != axis)
        place = _place("zyx"[axis], slab, sizes[axis], voxel_size is not None)
        views.append(View(name, axis, slab, height / width, place))
    flat = power[views[0].slab].max(axis=0)
    sides = tuple(max(1, length // ENLARGED) for length in flat.shape)
    y, x = _middle_of_best(_box_sums(flat, sides))
    region = (slice(y, y + sides[0]), slice(x, x + sides[1]))
    known = tuple(map(float, voxel_size)) if voxel_size else None
    return Places(tuple(volume.shape), known, tuple(views), region)


def _place(axis: str, slab: slice, size: float, known: bool) -> str:
    if not known:
        return f"{axis} voxel {slab.start + 1}"
    return f"{axis} {slab.start * size:.1f} to {slab.stop * size:.1f} µm"


def _box_sums(image: np.ndarray, sides: tuple[int, int]) -> np.ndarray:
    """Sums over all boxes of `sides` pixels that lie inside."""
    table = np.pad(image.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    h, w = sides
    return table[h:, w:] - table[:-h, w:] - table[h:, :-w] + table[:-h, :-w]


def _middle_of_best(sums: np.ndarray) -> tuple[int, ...]:
    """Index of the largest; of several alike the middle one of the largest patch of neighbours."""
    from scipy.ndimage import label

    patches, _ = label(sums >= sums.max() - EQUAL * abs(sums.max()))
    largest = 1 + int(np.argmax(np.bincount(patches.ravel())[1:]))
    found = np.argwhere(patches == largest)
    distances = np.square(found - found.mean(axis=0)).sum(axis=1)
    return tuple(int(i) for i in found[np.argmin(distances)])


def projections(volume: np.ndarray, where: Places) -> dict[str, np.ndarray]:
    """Look along each axis: the rows of XY are y, those of XZ and YZ are z."""
    found = {}
    for view in where.views:
        inside = tuple(view.slab if i == view.axis else slice(None) for i in range(3))
        found[view.name] = volume[inside].max(axis=view.axis)
    return found


def wrapped(band: Band, most: int) -> list[Band]:
    """Break a band into several of at most `most` columns, as equal as can be.

    Each has the last column, the truth, where there is one.
    """
    last = band.columns[-1:] if band.columns[-1].heading == "truth" else ()
    rest = band.columns[: len(band.columns) - len(last)]
    count = -(-len(rest) // (most - len(last)))
    length = -(-len(rest) // count)
    return [
        band._replace(columns=(*rest[i : i + length], *last)) for i in range(0, len(rest), length)
    ]


def told(bands: Sequence[Band]) -> str:
    """Say, for a caption, what the views are, where they lie and what the greys mean."""
    first = bands[0].places
    deep = f"about {THICKNESS:g} µm" if first.voxel_size else "one voxel"
    where = ["; ".join(f"{view.name} {view.place}" for view in one.places.views) for one in bands]
    if len(set(where)) == 1:
        places_told = f"({where[0]})"
    else:
        pairs = zip(bands, where, strict=True)
        places_told = f"({'; '.join(f'{one.label}: {words}' for one, words in pairs)})"
    units = {band.unit for band in bands}
    scale = (
        "Every column has a grey scale of its own, the same in its views, from 0 to the white "
        "written beneath, as no unit of intensity is common to all"
        if units == {OWN}
        else "One grey scale for all columns, 0 to 1 of full intensity"
    )
    if len(units) > 1:  # recordings with and without a truth
        named = ", ".join(band.label for band in bands if band.unit == OWN)
        scale += f" ({named}: every column has its own, from 0 to the white written beneath)"
    return (
        f"Maximum-intensity projections through {deep} of depth around the brightest structure, "
        f"in the same places for all columns {places_told}; the lowest row enlarges the framed "
        f"part of XY {ENLARGED} times. {scale}, with "
        f"gamma {GAMMA:g} so that faint haze is seen; what lies beyond is white or black. The "
        "three views have one magnification."
    )
