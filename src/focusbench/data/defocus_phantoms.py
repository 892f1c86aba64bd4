"""Small objects such as those of He et al. 2020, Fig. 7: beads, a ring, and three cells.

The paper draws its beads and ring and gives no sizes or counts; both are 84 x 84 pixels, as is the
"realistic image patch with 3 adjacent U2OS cells". Here light adds to a camera's offset of 100
counts, and the peaks are as bright as bright nuclei. `beads` and `ring` are exact and free of
noise; `cells` is cut from a field of `data.nuclei`, its camera's noise included.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from focusbench.data import nuclei
from focusbench.errors import InputError

SIDE = 84  # px, a patch of the paper
OFFSET, PEAK = 100.0, 1000.0  # counts without light; of light above it
FINE = 8  # points along a pixel
# y, x, radius in px: far and near ones, the smallest as fine as a spot in focus
BEADS = (
    *((20.0, 20.0, 9.0), (20.0, 58.0, 6.0), (24.0, 71.5, 4.0), (44.0, 42.0, 5.0)),
    *((44.0, 54.0, 5.0), (62.0, 18.0, 4.0), (62.0, 27.5, 3.0), (66.0, 48.0, 2.0)),
    *((66.0, 54.0, 1.5), (62.0, 70.0, 7.0)),
)
RING = (41.5, 41.5, 26.0, 20.0)  # y, x, outer and inner radius in px
FIELD = "cells3"  # of its own: no field that is learned from or tested on
FIELD_SHAPE, FIELD_NUCLEI = (260, 348), 90
CORNER = (31, 5)  # y, x in it: three nuclei side by side and none at the rim, looked for once


def field(sample: str, settings: Mapping[str, Any] | None = None) -> np.ndarray:
    """Draw `beads`, `ring` or `cells`.

    Parameters
    ----------
    sample
        Its id.
    settings
        Nothing is read from them.

    Returns
    -------
    numpy.ndarray
        uint16 (84, 84), whole counts.

    Raises
    ------
    InputError
        Unknown sample.
    """
    if sample == "beads":
        return _counts(_beads)
    if sample == "ring":
        return _counts(_ring)
    if sample == "cells":
        return _cells()
    raise InputError(f"defocus_phantoms: unknown sample {sample!r}; known: beads, ring, cells")


def _counts(light: Any) -> np.ndarray:
    """Whole counts of light that is a function of y and x, averaged over each pixel."""
    place = (np.arange(SIDE * FINE) + 0.5) / FINE - 0.5  # a pixel's centre is whole
    fine = light(place[:, None], place[None, :])
    mean = fine.reshape(SIDE, FINE, SIDE, FINE).mean(axis=(1, 3))
    return np.rint(OFFSET + PEAK * mean).astype(np.uint16)


def _beads(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Solid spheres: light as long as the way through them, 1 through the middle of each."""
    total = np.zeros(np.broadcast_shapes(y.shape, x.shape))
    for top, left, radius in BEADS:
        square = ((y - top) ** 2 + (x - left) ** 2) / radius**2
        total += np.sqrt(np.maximum(1 - square, 0))
    return total


def _ring(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    top, left, outer, inner = RING
    distance = np.hypot(y - top, x - left)
    return ((distance <= outer) & (distance >= inner)).astype(np.float64)


def _cells() -> np.ndarray:
    scene = nuclei.draw(FIELD, {"shape": list(FIELD_SHAPE), "nuclei": [FIELD_NUCLEI] * 2})
    y, x = CORNER
    return scene.image[y : y + SIDE, x : x + SIDE].copy()
