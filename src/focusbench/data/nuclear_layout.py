"""Where the nuclei of a field lie, and the light that they and the debris among them give off.

Lengths are in pixels, light in counts. The numbers are those of `focusbench.data.nuclei`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from focusbench.data import nuclear_shapes
from focusbench.data.nuclear_shapes import Outline

REAL_AREA = 520 * 696  # px: of a field of BBBC006
BORDER = 48  # px around the field in which nuclei lie too
KINDS = {"plain": 0.775, "irregular": 0.18, "daughters": 0.02, "dividing": 0.01, "giant": 0.015}
G1, S = 0.6, 0.13  # shares of the cell cycle; the rest is G2, with twice the DNA of G1
CONTENT_SPREAD = 0.10  # of the stain, as a standard deviation of logarithms
AREA, AREA_SPREAD, AREA_POWER = 615.0, 0.18, 0.6  # px^2 in G1; spread; area grows as DNA^power
ELONGATION = 0.29  # axes are as 1.06 plus a gamma variable of shape 2 and this scale
CONTRAST, CONTRAST_SPREAD = 0.122, 0.3  # of the chromatin
WEDGE = 0.1  # standard deviation of the slope of the light from a nucleus's middle to its rim
DEFOCUS = 0.4  # px: standard deviation of a nucleus's own blur
CROWDING, CROWD_LENGTH = 1.0, 75.0  # standard deviation of the log density; px over which it varies
STREAM_LENGTH = 120.0  # px over which the common direction of the nuclei turns
BESIDE = 0.4  # share of nuclei that are placed next to another one
OVERLAPPING, OVERLAP = 0.06, 0.3  # share of nuclei that may lie on others; part of them that may
ALONE = 0.01  # part of any other nucleus that may lie on others: outlines touch
ATTEMPTS = 25
DEAD, DEAD_EACH = 3.0, 0.025  # clumps in a field, and more for each nucleus
DEBRIS, DEBRIS_EACH = 4.0, 0.06
GLOW = 7.0  # counts: cytoplasm around a nucleus


class Light(NamedTuple):
    """Light of a field and its border, and where the nuclei lie."""

    counts: np.ndarray  # float64 (Y + 2 BORDER, X + 2 BORDER)
    centres: np.ndarray  # float64 (n, 2), y and x in px of the field; those inside it


class _Nucleus(NamedTuple):
    outline: Outline
    content: float  # of DNA, in that of G1
    contrast: float
    spots: int
    blur: float

    @property
    def reach(self) -> float:
        return math.sqrt(self.outline.major * self.outline.minor)


def draw(
    rng: np.random.Generator, shape: tuple[int, int], count: tuple[float, float], brightness: float
) -> Light:
    """Draw a field.

    Parameters
    ----------
    rng
        Source of all chance.
    shape
        Pixels (y, x).
    count
        Least and most nuclei in a field of the real size, of which any number is as likely; a field
        of another size has as many for its area.
    brightness
        Light of a nucleus in G1, counts.
    """
    canvas = _Canvas(shape)
    share = canvas.light.size / REAL_AREA
    # not Poisson of the mean: sparse fields are as likely as crowded ones
    wanted = rng.poisson(rng.uniform(*count) * share)
    crowd = _Crowd(rng, canvas.light.shape)
    scale = brightness / AREA
    for _ in range(rng.poisson(DEAD * share + DEAD_EACH * wanted)):  # first: nuclei keep off them
        _clump(rng, canvas, *crowd.place(rng), scale)
    placed: list[tuple[int, int, float]] = []
    while wanted > 0:
        kind = rng.choice(list(KINDS), p=list(KINDS.values()))
        first = _nucleus(rng, kind)
        found = _place(rng, canvas, crowd, placed, first)
        wanted -= 1
        if found is None:
            continue
        y, x, angle = found
        places = [(y, x, first)]
        if kind in ("daughters", "dividing"):  # a second one side by side
            apart = first.outline.minor * rng.uniform(2.1, 3.0)
            beside = (y + round(apart * math.cos(angle)), x - round(apart * math.sin(angle)))
            places.append((*beside, _like(rng, first)))
        for y, x, nucleus in places:
            turned = nucleus.outline._replace(angle=angle + rng.normal(0, 0.1))
            _paint(rng, canvas, y, x, nucleus._replace(outline=turned), brightness)
            placed.append((y, x, nucleus.reach))
    for _ in range(rng.poisson(DEBRIS * share + DEBRIS_EACH * len(placed))):
        sigma, level = rng.uniform(0.8, 3.0), 0.1 * math.exp(rng.normal(0, 0.9))
        patch = nuclear_shapes.blob(sigma, sigma * rng.uniform(0.6, 1), rng.uniform(0, math.pi))
        canvas.add(*crowd.place(rng), patch * (level * scale))
    centres = np.array([place[:2] for place in placed], dtype=np.float64).reshape(-1, 2) - BORDER
    inside = ((centres >= 0) & (centres < shape)).all(axis=1)
    return Light(canvas.light, centres[inside])


# --- one nucleus ----------------------------------------------------------------------------------


def _nucleus(rng: np.random.Generator, kind: str) -> _Nucleus:
    phase = rng.uniform()
    content = 1.0 if phase < G1 else 1 + (phase - G1) / S if phase < G1 + S else 2.0
    spread = math.exp(rng.normal(0, AREA_SPREAD))
    ratio = min(1.06 + rng.gamma(2.0, ELONGATION), 3.2)
    roughness, spots, blur = 0.03, int(rng.integers(0, 5)), abs(rng.normal(0, DEFOCUS))
    contrast = CONTRAST * math.exp(rng.normal(0, CONTRAST_SPREAD))
    if kind == "irregular":
        roughness, ratio = 0.075, min(ratio, 1.8)
    elif kind == "giant":
        content, spread = rng.uniform(1.5, 4.0), spread * rng.uniform(1.3, 1.8)
    elif kind == "daughters":
        content, spread, ratio = 1.0, rng.uniform(0.5, 0.75), rng.uniform(1.2, 2.0)
        contrast, spots = contrast * 1.3, 0
    elif kind == "dividing":  # chromosomes pulled apart
        content, spread, ratio = rng.uniform(0.5, 0.9), rng.uniform(0.2, 0.4), rng.uniform(1.5, 2.6)
        roughness, contrast, spots, blur = 0.06, contrast * 2, 0, rng.uniform(0, 1.2)
    area = AREA * content**AREA_POWER * spread
    return _Nucleus(
        nuclear_shapes.outline(rng, area, ratio, 0.0, roughness),
        content * math.exp(rng.normal(0, CONTENT_SPREAD)),
        contrast,
        spots,
        blur,
    )


def _like(rng: np.random.Generator, other: _Nucleus) -> _Nucleus:
    area = math.pi * other.outline.major * other.outline.minor * rng.uniform(0.85, 1.15)
    ratio = other.outline.major / other.outline.minor * rng.uniform(0.85, 1.15)
    outline = nuclear_shapes.outline(rng, area, max(ratio, 1.0), 0.0, 0.05)
    return other._replace(outline=outline, content=other.content * rng.uniform(0.9, 1.1))


def _paint(
    rng: np.random.Generator, canvas: _Canvas, y: int, x: int, nucleus: _Nucleus, brightness: float
) -> None:
    shape = nucleus.outline
    rho = nuclear_shapes.radius(shape)
    patch = nuclear_shapes.thickness(rho, shape.minor)
    patch *= nuclear_shapes.grain(rng, len(rho), nucleus.contrast)
    patch *= nuclear_shapes.spots(rng, shape, nucleus.spots)
    patch *= nuclear_shapes.wedge(shape, rng.normal(0, WEDGE), rng.normal(0, WEDGE))
    patch *= nucleus.content * brightness / patch.sum()
    canvas.add(y, x, nuclear_shapes.blurred(patch, nucleus.blur))
    canvas.take(y, x, rho < 1)
    glow = nuclear_shapes.blob(
        rng.uniform(1.2, 2.2) * shape.major, rng.uniform(0.7, 1.1) * shape.minor, shape.angle
    )
    canvas.add(y, x, glow * (GLOW * rng.gamma(2.0, 0.5)))


def _clump(rng: np.random.Generator, canvas: _Canvas, y: int, x: int, level: float) -> None:
    """A dead cell: one small bright body or up to five, more or less in focus."""
    count = int(rng.integers(1, 6))
    widest = 7.0 if count < 3 else 5.0
    bright, blur = 1.8 * math.exp(rng.normal(0, 0.55)), rng.uniform(0.0, 1.8)
    for _ in range(count):
        area = math.pi * rng.uniform(2.5, widest) ** 2
        shape = nuclear_shapes.outline(
            rng, area, rng.uniform(1.0, 1.8), rng.uniform(0, math.pi), 0.07
        )
        rho = nuclear_shapes.radius(shape)
        patch = nuclear_shapes.thickness(rho, shape.minor)
        patch *= nuclear_shapes.grain(rng, len(rho), 2 * CONTRAST)
        dy, dx = rng.normal(0, 1.8 * math.sqrt(count - 1), 2)
        patch = nuclear_shapes.blurred(patch * (bright * level), blur)
        canvas.add(y + round(dy), x + round(dx), patch)
        if rng.uniform() < 0.9:
            canvas.take(y + round(dy), x + round(dx), rho < 1)


# --- places ---------------------------------------------------------------------------------------


class _Canvas:
    """Light of the field and its border, and the pixels that nuclei have taken."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.light = np.zeros([side + 2 * BORDER for side in shape])
        self._taken = np.zeros(self.light.shape, dtype=bool)

    def add(self, y: int, x: int, patch: np.ndarray) -> None:
        here, there = self._window(y, x, len(patch) // 2)
        self.light[here] += patch[there]

    def take(self, y: int, x: int, mask: np.ndarray) -> None:
        here, there = self._window(y, x, len(mask) // 2)
        self._taken[here] |= mask[there]

    def covered(self, y: int, x: int, mask: np.ndarray) -> float:
        """Part of the mask that is taken."""
        here, there = self._window(y, x, len(mask) // 2)
        return float((self._taken[here] & mask[there]).sum() / mask.sum())

    def touched(self, y: int, x: int, far: float) -> bool:
        """Whether a pixel or one of its eight neighbours, `far` away, is taken: soon told."""
        steps = (-round(far), 0, round(far))
        rows, columns = (
            [min(max(place + step, 0), side - 1) for step in steps]
            for place, side in zip((y, x), self._taken.shape, strict=True)
        )
        return bool(self._taken[np.ix_(rows, columns)].any())

    def _window(self, y: int, x: int, half: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Where a patch lies, in the canvas and in the patch; empty where they do not meet."""
        here, there = [], []
        for place, side in zip((y, x), self.light.shape, strict=True):
            start, stop = max(place - half, 0), min(place + half + 1, side)
            stop = max(start, stop)
            here.append(slice(start, stop))
            there.append(slice(start - place + half, stop - place + half))
        return (here[0], here[1]), (there[0], there[1])


class _Crowd:
    """Where cells lie, and their common direction there."""

    def __init__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> None:
        self._width = shape[1]
        density = np.exp(CROWDING * _smooth(rng, shape, CROWD_LENGTH)).ravel()
        self._until = np.cumsum(density)
        self._direction = rng.uniform(0, math.pi) + 0.9 * _smooth(rng, shape, STREAM_LENGTH)

    def place(self, rng: np.random.Generator) -> tuple[int, int]:
        at = int(np.searchsorted(self._until, rng.uniform(0, self._until[-1])))
        return divmod(min(at, len(self._until) - 1), self._width)

    def angle(self, rng: np.random.Generator, y: int, x: int) -> float:
        return float(self._direction[y, x]) + rng.normal(0, 0.5)


def _place(
    rng: np.random.Generator,
    canvas: _Canvas,
    crowd: _Crowd,
    placed: list[tuple[int, int, float]],
    nucleus: _Nucleus,
) -> tuple[int, int, float] | None:
    """Find a place (y, x) and an angle for a nucleus; None: the field is full."""
    tolerance = rng.uniform(0, OVERLAP) if rng.uniform() < OVERLAPPING else ALONE
    for _ in range(ATTEMPTS):
        if placed and rng.uniform() < BESIDE:
            near_y, near_x, reach = placed[rng.integers(len(placed))]
            turn, far = rng.uniform(0, 2 * math.pi), (reach + nucleus.reach) * rng.uniform(0.9, 1.3)
            y, x = near_y + round(far * math.sin(turn)), near_x + round(far * math.cos(turn))
            if not (0 <= y < canvas.light.shape[0] and 0 <= x < canvas.light.shape[1]):
                continue
        else:
            y, x = crowd.place(rng)
        angle = crowd.angle(rng, y, x)
        if tolerance == ALONE and canvas.touched(y, x, 0.7 * nucleus.outline.minor):
            continue
        mask = nuclear_shapes.radius(nucleus.outline._replace(angle=angle)) < 1
        if canvas.covered(y, x, mask) <= tolerance:
            return y, x, angle
    return None


def _smooth(rng: np.random.Generator, shape: tuple[int, ...], length: float) -> np.ndarray:
    """Random field of mean 0 and variance 1 that varies over `length` px (a Gaussian's sigma)."""
    from scipy.ndimage import gaussian_filter

    step = max(1, int(length / 8))
    sigma = length / step
    margin = math.ceil(4 * sigma)
    counts = [math.ceil(side / step) + 2 for side in shape]
    noise = rng.standard_normal([count + 2 * margin for count in counts])
    small = gaussian_filter(noise, sigma)[margin:-margin, margin:-margin]
    return enlarged(small * (2 * math.sqrt(math.pi) * sigma), step, shape)


def enlarged(small: np.ndarray, step: int, shape: tuple[int, ...]) -> np.ndarray:
    """Bilinear: the value k of `small` is that in the middle of the k-th block of `step` pixels."""
    for axis, side in enumerate(shape):
        place = np.clip((np.arange(side) + 0.5) / step - 0.5, 0, small.shape[axis] - 1)
        low = np.minimum(place.astype(int), small.shape[axis] - 2)
        part = (place - low)[:, None] if axis == 0 else place - low
        small = (1 - part) * small.take(low, axis) + part * small.take(low + 1, axis)
    return small
