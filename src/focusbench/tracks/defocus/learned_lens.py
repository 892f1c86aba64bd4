"""The lens that a predictor learned with: it cannot tell the levels of another."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from focusbench.errors import InputError
from focusbench.problem import Weights

LEARNED = ("pixel_size", "numerical_aperture", "refractive_index", "wavelength", "step")
"""What a level's blur, in pixels, depends on; how finely kernels are computed changes it little."""
SAME = 1e-3  # relative difference that is put down to rounding


def check_learned_lens(
    weights: Weights,
    lens: Mapping[str, Any],
    predictor: str,
    written: Callable[[str], str] = str,
) -> None:
    """Refuse an image of another lens, pixel or step than those of the training.

    Parameters
    ----------
    weights
        Their description holds the `optics` of the training; without them nothing is refused.
    lens
        Values by `LEARNED`, as far as they are known; lengths in um.
    predictor
        What a message calls it.
    written
        How a message writes a key.

    Raises
    ------
    InputError
        A value differs by more than `SAME`.
    """
    learned = weights.description.get("optics") or {}
    for key in LEARNED:
        mine, other = learned.get(key), lens.get(key)
        if mine is None or other is None or math.isclose(mine, other, rel_tol=SAME):
            continue
        raise InputError(
            f"{written(key)}: {other:g} is not accepted; {predictor} learned with {mine:g} and "
            "cannot tell the levels of another lens"
        )
