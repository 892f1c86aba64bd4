"""Where focal planes lie, and which of them a picture shows."""

from __future__ import annotations

import numpy as np

MOST = 7


def focus(count: int, step: float) -> np.ndarray:
    """Focus of `count` planes that lie `step` um apart, um from the middle one; it rises."""
    return (np.arange(count) - (count - 1) / 2) * step


def chosen(count: int, most: int = MOST) -> list[int]:
    """At most so many planes of `count` (odd), the middle one and as many below as above it.

    All if they fit; else the middle, its neighbours, the outermost, and some evenly between: of 11
    planes 2.7 um apart those at 0, 2.7, 8.1 and 13.5 um on both sides, for `most` of 7.
    """
    half = (count - 1) // 2
    if count <= most:
        return list(range(count))
    beside = np.rint(np.linspace(1, half, (most - 1) // 2)).astype(int)
    away = sorted({int(one) for one in beside})
    return [half - one for one in reversed(away)] + [half] + [half + one for one in away]


def told(um: float) -> str:
    """Write a focus as "-13.5 µm" or "+13.5 µm"; of the middle "0 µm"."""
    return f"{'+' if um > 0 else ''}{um + 0.0:.4g} µm".replace("-", "−")


def all_told(um: np.ndarray) -> str:
    """Write foci as "-2.7, 0 and +2.7 µm"."""
    words = [told(float(one)).removesuffix(" µm") for one in um]
    *most, last = words
    return f"{', '.join(most)} and {last} µm" if most else f"{last} µm"
