"""Which part of the validation field trainings are watched on."""

import numpy as np

SIDE = 768
"""Pixels along each side, at most."""


def watched(stack: np.ndarray) -> np.ndarray:
    """Middle part (planes, Y, X, 3), even sides and corners where the stack's sides are even."""
    starts = [max(0, (side - SIDE) // 2) // 2 * 2 for side in stack.shape[1:3]]
    return stack[:, starts[0] : starts[0] + SIDE, starts[1] : starts[1] + SIDE]
