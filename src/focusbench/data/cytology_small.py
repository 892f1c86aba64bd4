"""What lies among the cells of a cytology slide: neutrophils, bacteria, debris, mucus."""

from __future__ import annotations

import math

import numpy as np

from focusbench.data import cytology_nuclei, nuclear_shapes
from focusbench.data.cytology_brush import Body, Brush, soft
from focusbench.data.cytology_nuclei import Look

LOBE = Look((0, 0), (0, 0), (0, 0), 0.10, 0.12, 0.05, 1.8)


def draw_neutrophil(brush: Brush, body: Body) -> None:
    """Draw one: pale, granular, with a nucleus of two to four lobes along an arc."""
    rng = np.random.default_rng(body.seed)
    y, x = brush.places(1.5 * body.radius)
    whole = (y.shape[0], x.shape[1])
    piece = brush.textures.piece
    warp = 0.35 * piece(rng, "warp", whole) + 0.12 * piece(rng, "jag", whole)
    present = soft(body.radius - np.hypot(y, x) + warp, 0.7)
    thick = present * np.maximum(1 + 0.3 * piece(rng, "grain", whole), 0.2)
    amounts = {
        "green": np.float32(rng.uniform(0.05, 0.16)) * thick,
        "eosin": np.float32(rng.uniform(0.02, 0.12)) * thick,
        "haematoxylin": np.float32(rng.uniform(0.02, 0.07)) * thick,
    }
    brush.lay_thick(body.y, body.x, amounts, body.z, 1.8, 0.15 * thick)
    lobes = int(rng.integers(2, 5))
    start, bend = rng.uniform(0, 2 * math.pi), rng.uniform(0.9, 1.7) * rng.choice([-1, 1])
    ring = rng.uniform(0.38, 0.5) * body.radius
    amount = rng.uniform(0.95, 1.5) * brush.style.nuclei
    for lobe in range(lobes):
        turn = start + bend * lobe
        ny, nx = ring * math.sin(turn), ring * math.cos(turn)
        cytology_nuclei.lay(
            rng,
            brush,
            body.y + ny,
            body.x + nx,
            body.z + rng.normal(0, 0.35),
            body.radius * rng.uniform(0.24, 0.33) * (1.15 if lobes == 2 else 1.0),
            rng.uniform(1.05, 1.6),
            amount * rng.uniform(0.85, 1.15),
            LOBE,
        )


def draw_bacterium(brush: Brush, body: Body) -> None:
    """Draw a rod, or two end to end; a fifth are round."""
    rng = np.random.default_rng(body.seed)
    y, x = brush.places(3.2)
    turn = rng.uniform(0, math.pi)
    length = 0.0 if rng.uniform() < 0.2 else rng.uniform(0.6, 1.9)
    along = x * math.cos(turn) + y * math.sin(turn)
    across = y * math.cos(turn) - x * math.sin(turn) + rng.normal(0, 0.06) * along**2
    away = np.hypot(np.maximum(np.abs(along) - length, 0), across)
    matter = soft(rng.uniform(0.3, 0.42) - away, 0.4)
    if length > 1.2:
        matter = matter * (1 - 0.6 * np.exp(-((along / 0.25) ** 2)))
    amount = rng.uniform(0.2, 0.5) * brush.style.nuclei
    amounts = {"haematoxylin": np.float32(amount) * matter}
    brush.lay(body.y, body.x, amounts, body.z, 0.12 * matter)


def draw_debris(brush: Brush, body: Body) -> None:
    """Draw a speck, or a crumb with holes: stain, pigment, or a piece of a cell."""
    rng = np.random.default_rng(body.seed)
    area = math.pi * (body.radius / brush.pixel) ** 2
    shape = nuclear_shapes.outline(
        rng, area, rng.uniform(1.0, 2.2), rng.uniform(0, math.pi), rng.uniform(0.05, 0.12)
    )
    rho = nuclear_shapes.radius(shape).astype(np.float32)
    piece = brush.textures.piece
    inward = (1 - rho) * (shape.minor * brush.pixel) + 0.18 * piece(rng, "jag", rho.shape)
    matter = soft(inward, 0.5) * np.maximum(1 + 0.4 * piece(rng, "grain", rho.shape), 0.1)
    if body.radius > 1.5:  # a crumb is thin and ragged
        matter *= 0.45 * np.clip(0.6 + piece(rng, "cloud", rho.shape), 0, 2)
    stain = rng.choice(["haematoxylin", "brown", "green", "eosin"], p=[0.4, 0.25, 0.2, 0.15])
    amount = min(0.45 * math.exp(rng.normal(0, 0.5)), 1.6)
    thickness = min(1.8, 1.2 * body.radius)
    amounts = {str(stain): np.float32(amount) * matter}
    brush.lay_thick(body.y, body.x, amounts, body.z, thickness, rng.uniform(0, 0.4) * matter)


def draw_mucus(brush: Brush, body: Body) -> None:
    """Draw a patch of pale bluish threads."""
    rng = np.random.default_rng(body.seed)
    y, x = brush.places(1.7 * body.radius)
    whole = (y.shape[0], x.shape[1])
    piece = brush.textures.piece
    turn = rng.uniform(0, math.pi)
    y = y + 2.2 * piece(rng, "warp", whole)
    x = x + 2.2 * piece(rng, "warp", whole)
    along, across = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
    present = soft(1 - np.hypot(0.65 * along, 1.3 * across) / body.radius, 0.9)
    matter = np.zeros(whole, np.float32)
    for _ in range(int(rng.integers(5, 16))):
        away = across - rng.normal(0, 0.35) * body.radius
        away = away - rng.normal(0, 0.4) / body.radius * along**2 - rng.normal(0, 0.15) * along
        matter += rng.uniform(0.2, 1.0) * np.exp(-((away / rng.uniform(0.25, 1.6)) ** 2))
    matter = present * (0.25 + matter) * np.maximum(1 + 0.5 * piece(rng, "cloud", whole), 0)
    amounts = {
        "haematoxylin": np.float32(rng.uniform(0.02, 0.07)) * matter,
        "green": np.float32(rng.uniform(0.0, 0.04)) * matter,
        "eosin": np.float32(rng.uniform(0.0, 0.05)) * matter,
    }
    depth = body.z + 1.2 * piece(rng, "warp", whole)
    brush.lay(body.y, body.x, amounts, depth, 0.08 * matter)
