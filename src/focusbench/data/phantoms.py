"""Procedural volumes, from easy to hard: a truth for everybody, without a download.

`ellipsoids`  a few large, smooth bodies: the recipe of Azevedo et al. 2024's training volumes
`vessels`     a tree of hollow vessels that branch and pass over and under one another
`cell`        a spread cell: membrane, nucleus with nucleoli, mitochondria, Golgi stack, filaments
`gyroid`      a wall, curved everywhere, that fills a ball: every slice differs from the next
`text`        sheets of small letters, tilted and stacked in depth

Each is a function of position (`focusbench.data.shapes`: the field of view is 2 wide, voxels are
cubes) that is sampled on the grid asked for. More voxels show the same object finer, and as a
stack of few slices thinner; edges are soft over one voxel of a field of 64. Only `ellipsoids`, as
its recipe has it, is stretched in depth to fill the slices. Densities are absolute: 1 is the
densest material of the phantom.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from focusbench.data import ellipsoids as recipe
from focusbench.data import grids, shapes, strokes
from focusbench.data.shapes import Grid
from focusbench.errors import InputError

Generator = np.random.Generator
Tubes = list[tuple[np.ndarray, np.ndarray]]  # points (n, 3) and radii (n,)
WHOLE = (slice(None),) * 3


def density(
    sample: str,
    size: int,
    n_slices: int,
    *,
    refine: int = 1,
    antialias: bool = False,
    depth: str = "central",
    settings: Mapping[str, Any],
) -> np.ndarray:
    """Sample a phantom.

    Parameters
    ----------
    sample
        Id of a phantom.
    size, n_slices
        Lateral voxels N, and slices.
    refine
        k samples the same block of space k times finer in every axis.
    antialias, depth
        Accepted as every source does, without effect: edges are soft already, and a phantom has no
        depth of its own that could be cropped or resized.
    settings
        "seed": another phantom of the same kind (default 0).

    Returns
    -------
    numpy.ndarray
        float32 (n_slices k, N k, N k), in [0, 1]: 0 is empty, 1 the densest material.

    Raises
    ------
    InputError
        Unknown phantom, grid out of range, or a seed that is not a whole number from 0.
    """
    if sample not in PHANTOMS:
        raise InputError(f"phantoms: unknown sample {sample!r}; known: {', '.join(PHANTOMS)}")
    grids.check(size, n_slices, refine, depth)
    seed = settings.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError(f"phantoms: seed {seed!r} is not accepted; it is a whole number from 0")
    own, build = PHANTOMS[sample]
    volume = build(
        shapes.grid(size * refine, n_slices * refine), np.random.default_rng([own, seed])
    )
    return np.clip(volume, 0, 1).astype(np.float32)


def _ellipsoids(field: Grid, rng: Generator) -> np.ndarray:
    drawn = recipe.draw(rng)
    densest = _absorbance(shapes.grid(64, 11), drawn).max()  # of one grid for all, the nominal one
    return _absorbance(field, drawn) / densest


def _absorbance(field: Grid, drawn: recipe.Ellipsoids) -> np.ndarray:
    # In nominal voxels, of which the recipe's box has 64 x 64 x 11: edges are one voxel wide.
    voxels = np.array([11, 64, 64]) / (2 * recipe.BOX)
    depth = (np.arange(len(field.z)) + 0.5) / len(field.z) * 2 - 1
    box = Grid(depth[:, None, None] * 11 / 2, field.y * 64 / 2, field.x * 64 / 2)
    total = np.zeros(field.shape)
    for centre, semi_axes, increment in zip(*drawn, strict=True):
        distance = shapes.ellipsoid(box, centre * voxels, semi_axes * voxels)
        total += increment * shapes.cover(distance, edge=1.0)
    return total


def _vessels(field: Grid, rng: Generator) -> np.ndarray:
    wall, lumen = 0.022, 0.45
    distance = np.full(field.shape, np.inf)
    roots = (
        ((0.02, -1.15, -0.55), (0.0, 0.9, 0.45), 0.085),
        ((-0.08, 1.15, 0.35), (0.0, -0.9, -0.1), 0.07),
        ((0.12, 0.1, 1.15), (0.0, -0.2, -0.9), 0.055),
    )
    for point, heading, radius in roots:
        tubes = _branch(rng, np.array(point), np.array(heading), radius)
        shapes.join_tubes(distance, field, tubes, margin=shapes.EDGE)
    inside = shapes.cover(distance + wall + shapes.EDGE / 2)
    return shapes.cover(distance) * (1 - (1 - lumen) * inside)


def _branch(rng: Generator, point: np.ndarray, heading: np.ndarray, radius: float) -> Tubes:
    """A vessel and all that branch from it; radii obey Murray's law (cubes add up)."""
    steps = 6
    length = 2.6 * radius**0.62
    points, radii = [point], [radius]
    for _ in range(steps):
        heading = heading + rng.normal(0, [0.14, 0.22, 0.22])
        heading[0] -= 1.4 * point[0]  # back towards the middle of the depth
        heading = heading / np.linalg.norm(heading)
        point = point + heading * length / steps
        radius = radius * 0.985
        points.append(point)
        radii.append(radius)
    tubes = [(np.array(points), np.array(radii))]
    if radius < 0.022 or np.abs(point[1:]).max() > 1.2:
        return tubes
    share = rng.uniform(0.3, 0.55)  # of the flow, to the smaller branch
    side = np.cross([1.0, 0.0, 0.0], heading) * rng.choice([-1, 1])
    side[0] += rng.normal(0, 0.45)
    for part, swing in ((1 - share, -0.45), (share, 0.95)):
        tubes += _branch(rng, point, heading + swing * side, radius * part ** (1 / 3))
    return tubes


def _cell(field: Grid, rng: Generator) -> np.ndarray:
    volume = np.zeros(field.shape)
    body = _dome(field, rng)
    shapes.paint(volume, WHOLE, shapes.cover(body), 0.5)  # membrane
    shapes.paint(volume, WHOLE, shapes.cover(body + 0.035), 0.14)  # cytoplasm

    def paint_tubes(tubes: Tubes, value: float) -> None:
        distance = np.full(field.shape, np.inf)
        shapes.join_tubes(distance, field, tubes)
        within = shapes.cover(distance) * shapes.cover(body + 0.05)
        shapes.paint(volume, WHOLE, within, value)

    nucleus = np.array([0.0, -0.1, 0.08]) + rng.uniform(-0.05, 0.05, 3) * [0.3, 1, 1]
    turn = rng.uniform(0, np.pi)
    paint_tubes(_filaments(rng), 0.4)
    for _ in range(30):  # vesicles: dense drops, the larger ones with a pale inside
        place, size = _in_cytoplasm(rng, nucleus), rng.uniform(0.025, 0.05)
        shapes.paint_ellipsoid(volume, field, place, np.full(3, size), 0.7)
        if size > 0.038:
            shapes.paint_ellipsoid(volume, field, place, np.full(3, size - 0.02), 0.05)
    paint_tubes([_mitochondrion(rng, nucleus) for _ in range(34)], 0.85)
    paint_tubes(_golgi(rng, nucleus), 1.0)

    axes = np.array([0.17, 0.25, 0.32])
    shapes.paint_ellipsoid(volume, field, nucleus, axes, 0.75, turn)  # envelope
    shapes.paint_ellipsoid(volume, field, nucleus, axes - 0.035, 0.38, turn)
    for _ in range(7):  # chromatin
        place = nucleus + rng.uniform(-1, 1, 3) * [0.07, 0.13, 0.13]
        shapes.paint_ellipsoid(volume, field, place, rng.uniform(0.03, 0.06, 3), 0.58)
    for side in (-1, 1):  # nucleoli
        place = nucleus + side * np.array([0.035, *rng.uniform(0.04, 0.11, 2)])
        shapes.paint_ellipsoid(volume, field, place, np.full(3, rng.uniform(0.05, 0.07)), 1.0)
    return volume


def _dome(field: Grid, rng: Generator) -> np.ndarray:
    """About the distance to a flat dome, on both sides of z = 0, whose outline has lobes."""
    angle = np.arctan2(field.y, field.x)
    outline = np.full(angle.shape, 0.82)
    for lobes, strength in ((2, 0.07), (3, 0.07), (5, 0.05), (9, 0.02)):
        outline += strength * np.cos(lobes * angle + rng.uniform(0, 2 * np.pi))
    inside = 1 - np.hypot(field.y, field.x) / outline  # 1 in the middle, 0 at the outline
    top = 0.36 * np.sqrt(np.maximum(inside, 0))
    return np.maximum(np.abs(field.z) - top, -0.6 * inside)


def _in_cytoplasm(rng: Generator, nucleus: np.ndarray) -> np.ndarray:
    """A place beside the nucleus, well within the cell."""
    angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.38, 0.66)
    thickness = 0.22 * np.sqrt(1 - reach / 0.82)
    lateral = reach * np.array([np.sin(angle), np.cos(angle)]) + 0.4 * nucleus[1:]
    return np.array([rng.uniform(-1, 1) * thickness, *lateral])


def _filaments(rng: Generator) -> Tubes:
    """Parallel fibres through the whole cell, bowed up or down."""
    heading = rng.uniform(0, np.pi)
    across = np.array([0.0, np.cos(heading), -np.sin(heading)])
    along = np.array([0.0, np.sin(heading), np.cos(heading)])
    span = np.linspace(-0.85, 0.85, 9)
    fibres = []
    for offset in np.linspace(-0.6, 0.6, 9) + rng.uniform(-0.04, 0.04, 9):
        bow = rng.choice([-1, 1]) * rng.uniform(0.05, 0.2)
        points = [offset * across + t * along + [bow * (1 - t * t), 0, 0] for t in span]
        fibres.append((np.array(points), np.full(len(span), 0.011)))
    return fibres


def _mitochondrion(rng: Generator, nucleus: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    point, direction = _in_cytoplasm(rng, nucleus), rng.normal(0, [0.35, 1, 1])
    points = [point]
    for _ in range(6):
        direction = direction / np.linalg.norm(direction) + rng.normal(0, [0.2, 0.45, 0.45])
        points.append(points[-1] + direction * 0.035)
    return np.array(points), np.full(7, rng.uniform(0.022, 0.03))


def _golgi(rng: Generator, nucleus: np.ndarray) -> Tubes:
    """Crescents around one side of the nucleus, stacked outwards."""
    arc = rng.uniform(0, 2 * np.pi) + np.linspace(-0.55, 0.55, 9)
    crescents = []
    for sheet in range(4):
        reach = 0.4 + 0.055 * sheet
        bow = 0.05 * np.cos(4 * (arc - arc[4])) - 0.04 + 0.03 * sheet
        points = np.stack([bow, reach * np.sin(arc), reach * np.cos(arc)], axis=1) + nucleus
        crescents.append((points, np.full(9, 0.018)))
    return crescents


def _gyroid(field: Grid, rng: Generator) -> np.ndarray:
    period, half_wall, ball = 0.56, 0.03, 0.92
    # turned, so that no slice lies along a plane of symmetry
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    phase = rng.uniform(0, 2 * np.pi, 3)
    u, v, w = (
        2 * np.pi / period * (row[0] * field.z + row[1] * field.y + row[2] * field.x) + shift
        for row, shift in zip(rotation, phase, strict=True)
    )
    sin, cos = [np.sin(a) for a in (u, v, w)], [np.cos(a) for a in (u, v, w)]
    level = sin[0] * cos[1] + sin[1] * cos[2] + sin[2] * cos[0]
    slope = np.sqrt(
        (cos[0] * cos[1] - sin[2] * sin[0]) ** 2
        + (cos[1] * cos[2] - sin[0] * sin[1]) ** 2
        + (cos[2] * cos[0] - sin[1] * sin[2]) ** 2
    )
    distance = np.abs(level) / np.maximum(slope, 0.3) * period / (2 * np.pi)
    radius = np.sqrt(field.z**2 + field.y**2 + field.x**2)
    within = shapes.cover(radius - ball)
    return shapes.cover(distance - half_wall) * within * (1 - 0.65 * (radius / ball) ** 2)


def _text(field: Grid, rng: Generator) -> np.ndarray:
    pages = (  # depth, tilt (depth a unit of x), turn of the lines, density, (line, height, y)
        (0.0, 0.07, 0.0, 1.0, _CHART),
        (0.1, -0.08, 0.5, 0.6, _SECOND),
        (-0.1, 0.05, -0.35, 0.6, _SECOND),
        (0.2, 0.06, -0.2, 0.8, _CHART),
        (-0.2, -0.06, 0.2, 0.8, _CHART),
        (0.3, 0.0, 0.9, 0.6, _SECOND),
        (-0.3, 0.0, -0.9, 0.6, _SECOND),
    )
    volume = np.zeros(field.shape)
    for depth, tilt, turn, value, lines in pages:
        distance = np.full(field.shape, np.inf)
        for words, height, middle in lines:
            shapes.join_tubes(distance, field, _line(rng, words, height, middle, depth, tilt, turn))
        np.maximum(volume, value * shapes.cover(distance), out=volume)
    return volume


# line, height of its capitals, y of its middle
_CHART = (
    ("FOCUS", 0.42, -0.64),
    ("BENCH", 0.3, -0.16),
    ("DEPTH", 0.22, 0.17),
    ("MULTIFOCUS", 0.16, 0.43),
    ("MICROSCOPY", 0.12, 0.63),
    ("TRANSMITTANCE", 0.09, 0.79),
)
_SECOND = (("ABOVE", 0.26, -0.4), ("BEHIND", 0.2, 0.0), ("BELOW", 0.26, 0.4))


def _line(
    rng: Generator, words: str, height: float, middle: float, depth: float, tilt: float, turn: float
) -> Tubes:
    """Letters of one line of a page, each lifted or lowered a little."""
    scale = height / strokes.HEIGHT
    start = -(strokes.ADVANCE * len(words) - (strokes.ADVANCE - strokes.WIDTH)) * scale / 2
    cos, sin = np.cos(turn), np.sin(turn)
    result = []
    for place, name in enumerate(words):
        lift = rng.uniform(-0.03, 0.03)
        for stroke in strokes.letter(name):
            x = start + (strokes.ADVANCE * place + stroke[:, 0]) * scale
            y = middle + (stroke[:, 1] - strokes.HEIGHT / 2) * scale
            x, y = cos * x - sin * y, sin * x + cos * y
            points = np.stack([depth + lift + tilt * x, y, x], axis=1)
            result.append((points, np.full(len(points), max(0.1 * height, 0.013))))
    return result


# id -> its fixed seed, and what builds it
PHANTOMS: dict[str, tuple[int, Callable[[Grid, Generator], np.ndarray]]] = {
    "ellipsoids": (23, _ellipsoids),
    "vessels": (31, _vessels),
    "cell": (30, _cell),
    "gyroid": (4, _gyroid),
    "text": (5, _text),
}
