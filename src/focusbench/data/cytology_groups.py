"""Round cells and groups of them: parabasal, metaplastic, dysplastic; sheets of glandular cells."""

from __future__ import annotations

import math

import numpy as np

from focusbench.data import cytology_nuclei, nuclear_shapes
from focusbench.data.cytology_brush import Body, Brush, soft

SPACING = 1.9  # radii between neighbours of a group


def draw_parabasal(brush: Brush, body: Body) -> None:
    """Draw one: round to oval, dense, blue-green; a nucleus of a third of its width."""
    rng = np.random.default_rng(body.seed)
    _round_cell(rng, brush, body, "parabasal", rng.uniform(0.5, 0.75), rng.uniform(0.92, 1.1))


def draw_metaplastic(brush: Brush, body: Body) -> None:
    """Draw a group of smaller, angular cells side by side."""
    rng = np.random.default_rng(body.seed)
    for y, x in _group(rng, int(rng.integers(4, 12)), SPACING * body.radius):
        one = _member(rng, body, y, x, 1.2)
        _round_cell(rng, brush, one, "parabasal", rng.uniform(0.35, 0.6), rng.uniform(0.85, 1.0))


def draw_dysplastic(brush: Brush, body: Body) -> None:
    """Draw one or a few with large, dark, irregular nuclei and little cytoplasm."""
    rng = np.random.default_rng(body.seed)
    for y, x in _group(rng, int(rng.integers(1, 7)), 1.6 * body.radius):
        one = _member(rng, body, y, x, 1.5)
        scale = float(np.clip(0.155 * one.radius, 0.85, 1.25))  # nucleus of 0.7 of the cell's width
        _round_cell(rng, brush, one, "dysplastic", rng.uniform(0.3, 0.6), scale)


def draw_glandular(brush: Brush, body: Body) -> None:
    """Draw a honeycomb of glandular cells seen from above, whose nuclei lie at many depths."""
    rng = np.random.default_rng(body.seed)
    spacing = 1.55 * body.radius
    centres = np.array(_group(rng, int(rng.integers(6, 26)), spacing))
    centres = centres + rng.normal(0, 0.1 * spacing, centres.shape)
    reach = float(np.abs(centres).max()) + 1.6 * body.radius
    y, x = brush.places(reach)
    whole = (y.shape[0], x.shape[1])
    piece = brush.textures.piece
    y = y + 0.5 * piece(rng, "warp", whole)
    x = x + 0.5 * piece(rng, "warp", whole)
    first, second = np.full(whole, 1e6, np.float32), np.full(whole, 1e6, np.float32)
    for cy, cx in centres:
        away = np.hypot(y - np.float32(cy), x - np.float32(cx))
        np.minimum(second, np.maximum(first, away), out=second)
        np.minimum(first, away, out=first)
    present = soft(1.12 * body.radius - first, 0.7)
    wall = np.exp(-(((second - first) / 0.75) ** 2))
    texture = 1 + 0.15 * piece(rng, "cloud", whole) + 0.10 * piece(rng, "grain", whole)
    thick = present * np.maximum(texture, 0.2) * (0.85 + 0.6 * wall)
    strength = brush.style.cytoplasm * rng.uniform(0.8, 1.2)
    amounts = {
        "green": np.float32(rng.uniform(0.15, 0.3) * strength) * thick,
        "haematoxylin": np.float32(rng.uniform(0.06, 0.14) * strength) * thick,
    }
    tilt_y, tilt_x = rng.normal(0, 0.07, 2)
    brush.lay(body.y, body.x, amounts, body.z + tilt_y * y + tilt_x * x, 0.12 * thick)
    for cy, cx in centres:
        z = body.z + tilt_y * cy + tilt_x * cx + rng.normal(0, 0.9)
        ny, nx = (float(place + rng.normal(0, 0.12 * body.radius)) for place in (cy, cx))
        cytology_nuclei.draw(
            rng, brush, "glandular", body.y + ny, body.x + nx, z, body.radius / 6.2
        )


def _round_cell(
    rng: np.random.Generator, brush: Brush, body: Body, nucleus: str, green: float, scale: float
) -> None:
    area = math.pi * (body.radius / brush.pixel) ** 2
    shape = nuclear_shapes.outline(
        rng, area, rng.uniform(1.0, 1.35), rng.uniform(0, math.pi), rng.uniform(0.03, 0.075)
    )
    rho = nuclear_shapes.radius(shape).astype(np.float32)
    piece = brush.textures.piece
    minor = shape.minor * brush.pixel
    inward = (1 - rho) * minor + 0.10 * piece(rng, "jag", rho.shape)
    inward += 0.09 * body.radius * piece(rng, "warp", rho.shape)
    present = soft(inward, 0.55)
    dome = np.sqrt(np.clip(1 - 0.75 * np.minimum(rho, 1) ** 3, 0.1, 1))
    texture = 1 + 0.12 * piece(rng, "cloud", rho.shape) + 0.08 * piece(rng, "grain", rho.shape)
    for _ in range(rng.poisson(0.7)):  # vacuoles
        vy, vx = rng.normal(0, 0.4 * body.radius, 2)
        y, x = brush.places(rho.shape[0] // 2 * brush.pixel)
        away = np.hypot(y - vy, x - vx)[: len(rho), : len(rho)]
        texture = texture * (1 - rng.uniform(0.2, 0.5) * soft(rng.uniform(0.8, 2.2) - away, 0.7))
    thick = present * dome * np.maximum(texture, 0.2)
    thick += 0.15 * present * np.exp(-(((inward - 0.5) / 0.45) ** 2))
    strength = brush.style.cytoplasm * rng.uniform(0.8, 1.2)
    amounts = {
        "green": np.float32(green * strength) * thick,
        "haematoxylin": np.float32(rng.uniform(0.02, 0.1) * strength) * thick,
        "eosin": np.float32(rng.uniform(0.0, 0.12) * strength) * thick,
    }
    brush.lay_thick(body.y, body.x, amounts, body.z, rng.uniform(1.5, 3.0), 0.32 * thick)
    ny, nx = rng.normal(0, 0.1 * body.radius, 2)
    z = body.z + rng.normal(0, 0.3)
    cytology_nuclei.draw(rng, brush, nucleus, body.y + ny, body.x + nx, z, scale)


def _member(rng: np.random.Generator, body: Body, y: float, x: float, spread: float) -> Body:
    return body._replace(
        y=body.y + y,
        x=body.x + x,
        z=body.z + rng.normal(0, spread),
        radius=body.radius * rng.uniform(0.85, 1.15),
    )


def _group(rng: np.random.Generator, count: int, spacing: float) -> list[tuple[float, float]]:
    """Places (y, x) of cells that touch, um, the first in the middle: a jittered honeycomb."""
    size = math.ceil(math.sqrt(count)) + 2
    turn, stretch = rng.uniform(0, math.pi), rng.uniform(1.0, 1.8)
    found = []
    for row in range(-size, size + 1):
        for column in range(-size, size + 1):
            y, x = row * math.sqrt(0.75), column + 0.5 * (row % 2)
            y, x = y + rng.normal(0, 0.1), x + rng.normal(0, 0.1)
            u = x * math.cos(turn) + y * math.sin(turn)
            v = y * math.cos(turn) - x * math.sin(turn)
            found.append((math.hypot(u / stretch, v * stretch) + rng.uniform(0, 0.6), y, x))
    nearest = sorted(found)[:count]
    _, y0, x0 = nearest[0]
    return [(spacing * (y - y0), spacing * (x - x0)) for _, y, x in nearest]
