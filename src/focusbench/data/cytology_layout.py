"""Where cells, and what lies among them, lie on a field of a cytology slide; lengths in um."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from focusbench.data.cytology_brush import Body
from focusbench.data.cytology_slides import Style

BORDER = 36.0  # um around a field in which bodies lie too
# Radius of an epithelial body, um: median, and standard deviation of its logarithm.
RADII = {
    "superficial": (20.0, 0.11),
    "intermediate": (19.0, 0.12),
    "anucleate": (18.5, 0.13),
    "koilocyte": (18.0, 0.12),
    "parabasal": (9.5, 0.12),
    "metaplastic": (7.5, 0.10),
    "dysplastic": (7.0, 0.12),
    "glandular": (5.6, 0.08),
}
GROUP = {"metaplastic": 7.5, "dysplastic": 3.5, "glandular": 10.0}  # cells in one body, mean
ATTEMPTS = 30
APART = 0.8  # of the sum of two radii, from which cells do not count as overlapping


def bodies(rng: np.random.Generator, style: Style, size: tuple[float, float]) -> list[Body]:
    """Draw what lies on a field of a size (y, x) and around it.

    As in the patches of Ma et al. 2021, which were cut around cells, the first epithelial body lies
    near the middle.
    """
    tilt = rng.normal(0, 0.006, 2)  # of the slide against the focal plane
    middle = style.focus + rng.normal(0, 0.6)
    height, width = (side + 2 * BORDER for side in size)
    area = height * width

    def depth(y: float, x: float, spread: float) -> float:
        slope = tilt[0] * (y - size[0] / 2) + tilt[1] * (x - size[1] / 2)
        return float(middle + slope + np.clip(rng.normal(0, spread), -2.5 * spread, 2.5 * spread))

    def anywhere() -> tuple[float, float]:
        return rng.uniform(-BORDER, size[0] + BORDER), rng.uniform(-BORDER, size[1] + BORDER)

    def body(kind: str, y: float, x: float, z: float, radius: float) -> Body:
        return Body(kind, float(y), float(x), float(z), float(radius), int(rng.integers(2**32)))

    cells: list[Body] = []
    wanted, covered = rng.normal(1, 0.15) * style.cover * area, 0.0
    kinds, shares = list(style.mix), list(style.mix.values())
    while covered < wanted:
        kind = str(rng.choice(kinds, p=shares))
        median, spread = RADII[kind]
        radius = median * math.exp(rng.normal(0, spread))
        wide = radius * math.sqrt(GROUP.get(kind, 1.0))  # a group counts as one disc
        covered += math.pi * wide**2
        if not cells:
            place = tuple(side * rng.uniform(0.36, 0.64) for side in size)
        else:
            place = _place(rng, anywhere, cells, wide, rng.uniform() < style.clumping)
        if place is not None:
            cells.append(body(kind, *place, depth(*place, style.depth), radius))
    small = []
    for kind, number, spread in (
        ("neutrophil", style.neutrophils, 1.15 * style.depth),
        ("bacterium", style.bacteria, 0.9 * style.depth),
        ("debris", style.debris, 1.9 * style.depth),
        ("mucus", style.mucus, style.depth),
    ):
        for _ in range(rng.poisson(number * area / 1e4)):
            y, x = anywhere()
            if kind in ("neutrophil", "bacterium") and cells and rng.uniform() < 0.5:
                near = cells[rng.integers(len(cells))]  # they stick to cells
                y, x = (place + rng.normal(0, 0.6 * near.radius) for place in (near.y, near.x))
            small.append(body(kind, y, x, depth(y, x, spread), _radius(rng, kind)))
    return cells + small


def reach(body: Body) -> float:
    """How far from its middle a body may extend, um."""
    if body.kind in GROUP:  # an elongated group of up to two dozen cells
        return 9 * body.radius
    return max(2 * body.radius, 4.0)


def _radius(rng: np.random.Generator, kind: str) -> float:
    if kind == "neutrophil":
        return rng.uniform(4.6, 5.8)
    if kind == "debris":
        return rng.uniform(1.5, 4.5) if rng.uniform() < 0.06 else 0.22 + rng.gamma(1.1, 0.22)
    if kind == "mucus":
        return rng.uniform(15.0, 28.0)
    return 2.5


def _place(
    rng: np.random.Generator,
    anywhere: Callable[[], tuple[float, float]],
    cells: list[Body],
    wide: float,
    on_another: bool,
) -> tuple[float, float] | None:
    """A free place; one beside or on another cell; None where there is no room."""
    if on_another:
        other = cells[rng.integers(len(cells))]
        turn, far = rng.uniform(0, 2 * math.pi), (other.radius + wide) * rng.uniform(0.5, 0.95)
        return other.y + far * math.sin(turn), other.x + far * math.cos(turn)
    for _ in range(ATTEMPTS):
        y, x = anywhere()
        if all(math.hypot(y - one.y, x - one.x) > APART * (_wide(one) + wide) for one in cells):
            return y, x
    return None


def _wide(one: Body) -> float:
    return one.radius * math.sqrt(GROUP.get(one.kind, 1.0))
