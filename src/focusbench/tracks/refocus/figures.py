"""Figures of the track, by name."""

from focusbench.tracks.refocus.budget_figure import budget, budget_caption
from focusbench.tracks.refocus.imaging_figure import fig2, fig2_caption
from focusbench.tracks.refocus.mismatch_figure import mismatch, mismatch_caption
from focusbench.tracks.refocus.planes_figure import planes, planes_caption
from focusbench.tracks.refocus.refocusing_figure import fig4, fig4_caption
from focusbench.tracks.refocus.slides_figure import slides, slides_caption
from focusbench.tracks.refocus.spectra_figure import spectra, spectra_caption
from focusbench.tracks.refocus.super_resolution_figure import fig3, fig3_caption

__all__ = [
    "budget",
    "budget_caption",
    "fig2",
    "fig2_caption",
    "fig3",
    "fig3_caption",
    "fig4",
    "fig4_caption",
    "mismatch",
    "mismatch_caption",
    "planes",
    "planes_caption",
    "slides",
    "slides_caption",
    "spectra",
    "spectra_caption",
]
