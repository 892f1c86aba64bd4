"""Flat polygonal cells of the squamous epithelium: thin, folded, transparent sheets."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from focusbench.data import cytology_nuclei
from focusbench.data.cytology_brush import Body, Brush, soft

EDGE = 0.5  # um over which a sheet ends
FLAP, PLEAT = 0.45, 0.4  # share of cells with an edge folded over; chance of each of two creases


class _Sheet(NamedTuple):
    """A convex polygon of rounded corners, stretched and turned."""

    directions: np.ndarray  # of the sides' normals, rad
    apothems: np.ndarray  # um
    round: float  # um
    stretch: float
    angle: float

    def inward(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Distance from the outline, um, positive inside."""
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        u = (cosine * x + sine * y) * np.float32(self.stretch)
        v = (cosine * y - sine * x) / np.float32(self.stretch)
        total = np.zeros(np.broadcast(u, v).shape, np.float32)
        for direction, apothem in zip(self.directions, self.apothems, strict=True):
            away = u * np.float32(math.cos(direction)) + v * np.float32(math.sin(direction))
            total += np.exp(np.minimum((away - np.float32(apothem)) / np.float32(self.round), 60))
        return -np.float32(self.round) * np.log(np.maximum(total, 1e-30))


def draw(brush: Brush, body: Body) -> None:
    """Draw a superficial, intermediate or anucleate cell, or a koilocyte."""
    rng = np.random.default_rng(body.seed)
    y, x = brush.places(1.5 * body.radius)
    whole = (y.shape[0], x.shape[1])
    sheet = _sheet(rng, body.radius)
    piece = brush.textures.piece
    bent = rng.uniform(0.03, 0.065) * body.radius
    warp_y = bent * piece(rng, "warp", whole) + 0.09 * piece(rng, "jag", whole)
    warp_x = bent * piece(rng, "warp", whole) + 0.09 * piece(rng, "jag", whole)
    y, x = y + warp_y, x + warp_x
    inward = sheet.inward(y, x)
    depth = body.z + _relief(rng, body.radius, y, x)
    depth += rng.uniform(0.15, 0.5) * piece(rng, "warp", whole)
    stains, phase = _stains(rng, brush, body.kind), rng.uniform(0.14, 0.3)

    present, flap = soft(inward, EDGE), None
    if rng.uniform() < FLAP:
        turn, fold = rng.uniform(0, 2 * math.pi), rng.uniform(0.42, 0.8) * body.radius
        over = fold - (x * math.cos(turn) + y * math.sin(turn))  # um before the fold
        mirrored = y + 2 * over * math.sin(turn), x + 2 * over * math.cos(turn)
        kept = soft(over, EDGE)
        flap = kept * soft(sheet.inward(*mirrored), EDGE)
        present = present * kept
        inward = np.minimum(inward, over)

    far = np.hypot(y, x) / body.radius
    profile = 0.68 + 0.5 * np.exp(-((far / 0.6) ** 2))
    texture = 1 + 0.14 * piece(rng, "cloud", whole) + 0.075 * piece(rng, "grain", whole)
    texture += rng.uniform(0.02, 0.065) * piece(rng, "crease", whole)
    if body.kind in ("superficial", "anucleate"):
        texture += rng.uniform(0, 0.05) * piece(rng, "granules", whole)
    for _ in range(2):
        if rng.uniform() < PLEAT:
            texture += _pleat(rng, body.radius, y, x)
    thick = present * profile * np.maximum(texture, 0.2)
    rim = np.exp(-(((inward - 0.5) / 0.4) ** 2)) * np.clip(0.5 + piece(rng, "warp", whole), 0, 1.6)
    thick += rng.uniform(0.05, 0.3) * rim * present
    nuclei = _nuclei(rng, body)
    if body.kind == "koilocyte":
        thick *= _halo(rng, nuclei, y, x)
    else:  # cytoplasm is a little thinner, and granular, close to a nucleus
        for ny, nx in nuclei:
            near = np.hypot(y - ny, x - nx)
            thick *= 1 - rng.uniform(0.0, 0.22) * np.exp(-(((near - 4.2) / 1.1) ** 2))
    mix = np.clip(1 + 0.3 * piece(rng, "warp", whole), 0.2, 2)  # of the second stain
    _lay(brush, body, stains, thick, mix, depth, phase)
    if flap is not None:
        layer = flap * 0.7 * np.maximum(1 + 0.13 * piece(rng, "cloud", whole), 0.3)
        _lay(brush, body, stains, layer, mix, depth + rng.uniform(0.4, 1.4), phase)
    middle = len(depth) // 2
    for ny, nx in nuclei:
        row, column = (round(place / brush.pixel) + middle for place in (ny, nx))
        z = float(depth[row, column])
        cytology_nuclei.draw(
            rng, brush, NUCLEI[body.kind], body.y + ny, body.x + nx, z, rng.uniform(0.94, 1.06)
        )


NUCLEI = {"superficial": "pyknotic", "intermediate": "intermediate", "koilocyte": "koilocytic"}


def _sheet(rng: np.random.Generator, radius: float) -> _Sheet:
    sides = int(rng.integers(5, 9))
    even = 2 * math.pi * np.arange(sides) / sides + rng.uniform(0, 2 * math.pi)
    directions = even + rng.uniform(-0.32, 0.32, sides) * 2 * math.pi / sides
    apothems = radius * rng.uniform(0.78, 1.1, sides)
    return _Sheet(
        directions,
        apothems,
        radius * rng.uniform(0.02, 0.075),
        math.sqrt(rng.uniform(1.0, 1.5)),
        rng.uniform(0, math.pi),
    )


def _relief(rng: np.random.Generator, radius: float, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Depth over that of the middle, um: sheets lie aslant and curl up or down."""
    steep = 0.16 if rng.uniform() < 0.2 else 0.05
    slope_y, slope_x = rng.normal(0, steep, 2)
    turn, curl = rng.uniform(0, math.pi), rng.normal(0, 1.1)
    along = (x * math.cos(turn) + y * math.sin(turn)) / radius
    return slope_y * y + slope_x * x + curl * (along**2 - 0.2)


def _pleat(rng: np.random.Generator, radius: float, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A narrow fold: two more layers between crisp lines, which fade out at the ends."""
    turn, away = rng.uniform(0, 2 * math.pi), rng.uniform(-0.6, 0.6) * radius
    along, across = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
    bend = rng.normal(0, 0.25) / radius
    across = across - away - bend * along**2
    start, length = rng.uniform(-0.7, 0.1) * radius, rng.uniform(0.5, 1.3) * radius
    fade = soft(along - start, 0.35 * length) * soft(start + length - along, 0.35 * length)
    width = rng.uniform(0.5, 1.7) * fade + 0.05
    return rng.uniform(0.3, 0.95) * fade * soft(across, 0.4) * soft(width - across, 0.5)


def _halo(
    rng: np.random.Generator, nuclei: list[tuple[float, float]], y: np.ndarray, x: np.ndarray
) -> np.ndarray:
    """Factor on a koilocyte's cytoplasm: nearly empty around the nucleus, dense around that."""
    ny, nx = np.mean(nuclei, axis=0)
    size, turn, ratio = rng.uniform(7.5, 10.5), rng.uniform(0, math.pi), rng.uniform(1.0, 1.35)
    u = (x - nx) * math.cos(turn) + (y - ny) * math.sin(turn)
    v = (y - ny) * math.cos(turn) - (x - nx) * math.sin(turn)
    away = np.hypot(u / ratio, v * ratio) - size
    dense = 0.55 * np.exp(-np.maximum(away, 0) / 5.0)
    return (1 + dense) * (0.33 + 0.67 * soft(away, 1.6))


def _nuclei(rng: np.random.Generator, body: Body) -> list[tuple[float, float]]:
    """Places over the cell's middle, um."""
    if body.kind == "anucleate":
        return []
    ny, nx = rng.normal(0, 0.1 * body.radius, 2)
    places = [(ny, nx)]
    if rng.uniform() < (0.35 if body.kind == "koilocyte" else 0.03):
        turn, apart = rng.uniform(0, 2 * math.pi), 7.5 if body.kind == "intermediate" else 8.5
        places.append((ny + apart * math.sin(turn), nx + apart * math.cos(turn)))
    return places


def _stains(rng: np.random.Generator, brush: Brush, kind: str) -> tuple[dict, dict]:
    """Amounts of the stains that follow the cytoplasm, and of those that are mixed in unevenly."""
    strength = brush.style.cytoplasm * rng.uniform(0.75, 1.25)
    if kind == "anucleate" or (kind == "superficial" and rng.uniform() < brush.style.orange):
        even = {"orange": rng.uniform(0.3, 0.62), "eosin": rng.uniform(0.03, 0.15)}
        uneven = {"eosin": rng.uniform(0, 0.06)}
    elif kind == "superficial":
        even = {"eosin": rng.uniform(0.2, 0.36), "orange": rng.uniform(0.0, 0.08)}
        uneven = {"green": rng.uniform(0, 0.12) * (rng.uniform() < 0.5)}
    elif rng.uniform() < 0.12:  # between the two
        even = {"green": rng.uniform(0.12, 0.25), "eosin": rng.uniform(0.1, 0.2)}
        uneven = {"eosin": rng.uniform(0, 0.1)}
    else:
        even = {"green": rng.uniform(0.2, 0.42), "haematoxylin": rng.uniform(0.0, 0.05)}
        uneven = {"eosin": rng.uniform(0, 0.07)}
    return tuple({k: v * strength for k, v in part.items()} for part in (even, uneven))


def _lay(
    brush: Brush,
    body: Body,
    stains: tuple[dict, dict],
    thick: np.ndarray,
    mix: np.ndarray,
    depth: np.ndarray,
    phase: float,
) -> None:
    even, uneven = stains
    amounts = {name: np.float32(amount) * thick for name, amount in even.items()}
    for name, amount in uneven.items():
        if amount:
            amounts[name] = amounts.get(name, 0) + np.float32(amount) * (thick * mix)
    brush.lay(body.y, body.x, amounts, depth, np.float32(phase) * thick)
