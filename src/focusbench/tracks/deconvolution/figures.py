"""Figures of the track, by name."""

from focusbench.tracks.deconvolution.convergence import convergence, convergence_caption
from focusbench.tracks.deconvolution.kernels_figure import fig11, fig11_caption
from focusbench.tracks.deconvolution.methods_figure import fig6, fig6_caption, fig10, fig10_caption
from focusbench.tracks.deconvolution.noise_figure import fig8, fig8_caption
from focusbench.tracks.deconvolution.noise_sections import fig7, fig7_caption
from focusbench.tracks.deconvolution.psf_figure import fig5, fig5_caption
from focusbench.tracks.deconvolution.psf_sections import fig9, fig9_caption
from focusbench.tracks.deconvolution.recordings_figure import fig12, fig12_caption

__all__ = [
    "convergence",
    "convergence_caption",
    "fig5",
    "fig5_caption",
    "fig6",
    "fig6_caption",
    "fig7",
    "fig7_caption",
    "fig8",
    "fig8_caption",
    "fig9",
    "fig9_caption",
    "fig10",
    "fig10_caption",
    "fig11",
    "fig11_caption",
    "fig12",
    "fig12_caption",
]
