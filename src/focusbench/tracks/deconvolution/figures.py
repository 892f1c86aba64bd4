"""Figures of the track, by name."""

from focusbench.tracks.deconvolution.convergence import convergence, convergence_caption
from focusbench.tracks.deconvolution.psf_figure import fig5, fig5_caption
from focusbench.tracks.deconvolution.sections import fig6, fig6_caption

__all__ = [
    "convergence",
    "convergence_caption",
    "fig5",
    "fig5_caption",
    "fig6",
    "fig6_caption",
]
