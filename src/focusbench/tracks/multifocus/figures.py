"""Figures of the track, by name."""

from focusbench.tracks.multifocus.fourier_shells import fsc, fsc_caption
from focusbench.tracks.multifocus.front import front, front_caption
from focusbench.tracks.multifocus.mismatch import mismatch, mismatch_caption
from focusbench.tracks.multifocus.slices import fig3, fig3_caption
from focusbench.tracks.multifocus.spectrum import spectrum, spectrum_caption
from focusbench.tracks.multifocus.stopping import stopping, stopping_caption
from focusbench.tracks.multifocus.views import fig4, fig4_caption

__all__ = [
    "fig3",
    "fig3_caption",
    "fig4",
    "fig4_caption",
    "front",
    "front_caption",
    "fsc",
    "fsc_caption",
    "mismatch",
    "mismatch_caption",
    "spectrum",
    "spectrum_caption",
    "stopping",
    "stopping_caption",
]
