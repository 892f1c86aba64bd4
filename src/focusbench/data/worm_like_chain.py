"""Worm-like chains across a box, and the tubes around them.

A chain keeps its direction over the persistence length P: an isotropic one has
<u(0) . u(s)> = exp(-s / P) for the unit headings u at an arc length s apart. Chains are grown from
a point in the box both ways until they leave it, so none of them ends inside.

That point lies in the middle of the box, as filaments run past a cell's organising centre. With
points uniform in the whole box, chains are a quarter shorter and evenly spread.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

STEP = 0.5  # between points of a chain, in sides of the smallest voxel
MIDDLE = 0.3  # share of each side of the box, through which every chain passes
EDGE = 1.0  # width of a tube's soft edge, likewise
CHUNK = 1 << 16  # segments that are drawn at a time: bounds the memory


def grow(
    rng: np.random.Generator,
    box: Sequence[float],
    count: int,
    step: float,
    persistence_length: float,
    planar_factor: float,
    margin: float,
) -> list[np.ndarray]:
    """Draw chains that run through the box from edge to edge.

    Each passes through a point that is uniform in the middle of the box (`MIDDLE` of every side)
    and grows from there both ways. The heading there is normal in its three components; every step
    adds normal noise of variance step / persistence_length to each. The z component of the heading
    and of the noise is scaled by the planar factor, and the heading then to unit length.

    Parameters
    ----------
    rng
        Source of all that is random.
    box
        Sides (z, y, x), um; it begins at the origin.
    count
        Number of chains.
    step
        Of growth, um.
    persistence_length
        um.
    planar_factor
        1 is isotropic, 0 keeps every chain in a plane of constant z.
    margin
        How far a chain goes on outside the box, um.

    Returns
    -------
    list of numpy.ndarray
        One (n, 3) array of points z, y, x in um for each chain, float64, in the order in which the
        chain runs; both ends lie outside the box and its margin.
    """
    sides = np.asarray(box, dtype=np.float64)
    planar = np.array([planar_factor, 1.0, 1.0])
    noise = planar * np.sqrt(step / persistence_length)
    start = sides * (0.5 + MIDDLE * rng.uniform(-0.5, 0.5, (count, 3)))
    heading = _unit(rng.normal(size=(count, 3)) * planar)
    # One row an end: the first `count` grow forwards, the others backwards.
    ends = np.arange(2 * count)
    points, heading = np.concatenate([start, start]), np.concatenate([heading, -heading])
    owners, places = [], []
    while len(ends):
        heading = _unit(heading + rng.normal(size=heading.shape) * noise)
        points = points + step * heading
        owners.append(ends)
        places.append(points)
        inside = ((points >= -margin) & (points <= sides + margin)).all(axis=1)
        ends, points, heading = ends[inside], points[inside], heading[inside]
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    cuts = np.cumsum(np.bincount(owner, minlength=2 * count))[:-1]
    grown = np.split(np.concatenate(places)[order], cuts)
    return [
        np.concatenate([grown[count + i][::-1], start[i : i + 1], grown[i]]) for i in range(count)
    ]


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def draw_tubes(
    lines: Sequence[np.ndarray],
    shape: Sequence[int],
    voxel_size: Sequence[float],
    radius: float,
) -> np.ndarray:
    """Draw tubes of intensity 1 around polylines.

    A voxel whose centre is at a distance d from the nearest line gets clip(r + 0.5 - d, 0, 1) with
    r and d in sides of the smallest voxel: the edge is soft over one side, half of it on either
    hand of the radius. Where tubes cross, the larger value stands.

    Parameters
    ----------
    lines
        (n, 3) arrays of points z, y, x in um; the centre of the first voxel is the origin. Points
        lie close together: not farther apart than a voxel.
    shape
        (Z, Y, X).
    voxel_size
        (z, y, x), um.
    radius
        um.

    Returns
    -------
    numpy.ndarray
        float32 (Z, Y, X) in [0, 1].
    """
    size = np.asarray(voxel_size, dtype=np.float64)
    unit = size.min()
    outer = radius + EDGE * unit / 2
    volume = np.zeros(shape, np.float32)
    for first, along in _segments(lines):
        _draw(volume, first, along, size, unit, outer)
    return volume


def _segments(lines: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Segments of all lines as (first point, vector to the second), in chunks."""
    first = np.concatenate([line[:-1] for line in lines])
    along = np.concatenate([np.diff(line, axis=0) for line in lines])
    starts = range(0, len(first), CHUNK)
    return [(first[i : i + CHUNK], along[i : i + CHUNK]) for i in starts]


def _draw(
    volume: np.ndarray,
    first: np.ndarray,
    along: np.ndarray,
    size: np.ndarray,
    unit: float,
    outer: float,
) -> None:
    """Raise the voxels near the segments; all segments at once, one neighbour after the other."""
    shape = np.array(volume.shape)
    square = np.maximum((along**2).sum(axis=1), np.finfo(np.float64).tiny)
    middle = first + along / 2
    nearest = np.rint(middle / size).astype(np.int64)
    # no voxel farther from the middle of a segment than this can be within `outer` of it
    reach = outer + np.sqrt(square.max()) / 2
    steps = np.floor(reach / size + 0.5).astype(int)
    flat = volume.reshape(-1)
    for offset in np.ndindex(*(2 * steps + 1)):
        voxel = nearest + (np.array(offset) - steps)
        near = ((voxel >= 0) & (voxel < shape)).all(axis=1)
        near &= ((voxel * size - middle) ** 2).sum(axis=1) <= reach**2
        if not near.any():
            continue
        voxel = voxel[near]
        to_voxel = voxel * size - first[near]
        share = np.clip((to_voxel * along[near]).sum(axis=1) / square[near], 0, 1)
        distance = np.sqrt(((to_voxel - share[:, None] * along[near]) ** 2).sum(axis=1))
        value = np.clip((outer - distance) / unit, 0, 1).astype(np.float32)
        np.maximum.at(flat, np.ravel_multi_index(tuple(voxel.T), volume.shape), value)
