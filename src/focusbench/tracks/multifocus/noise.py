"""Noise levels, as the paper's tables have them."""

from __future__ import annotations

from focusbench.tracks.multifocus.degradations import Degradation, parse


def printed_sigma(degradation: str) -> float | None:
    """Standard deviation of a degradation that has noise and nothing else; None: it has more.

    The paper calls the level a variance; its code adds noise of that standard deviation.
    """
    wanted = parse(degradation)
    plain = wanted == Degradation(sigma=wanted.sigma) and wanted.sigma > 0
    return wanted.sigma if plain else None
