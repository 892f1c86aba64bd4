"""Figures of the track, by name."""

from focusbench.tracks.multifocus.front import front, front_caption
from focusbench.tracks.multifocus.slices import fig3, fig3_caption

__all__ = [
    "fig3",
    "fig3_caption",
    "front",
    "front_caption",
]
