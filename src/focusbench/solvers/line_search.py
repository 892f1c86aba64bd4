"""How far along a step: what the minimisations share."""

from __future__ import annotations

import math

DECREASE = 1e-4  # part of the fall that the slope promises which a step must reach (Armijo)
SHORTENING = (0.1, 0.5)


def shorter(slope: float, rise: float) -> float:
    """Factor by which a rejected step is shortened: minimum of a parabola, safeguarded.

    Parameters
    ----------
    slope
        Of the value along the rejected step (all of it), below 0.
    rise
        Of the value at its end; infinite or not a number where there is none.

    Returns
    -------
    float
        Within `SHORTENING`.
    """
    if not math.isfinite(rise):
        return SHORTENING[0]
    return min(max(slope / (2 * (slope - rise)), SHORTENING[0]), SHORTENING[1])
