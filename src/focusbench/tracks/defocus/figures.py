"""Figures of the track, by name."""

from focusbench.tracks.defocus.confusion import fig3, fig3_caption
from focusbench.tracks.defocus.data_figure import data, data_caption
from focusbench.tracks.defocus.gains_figure import fig8, fig8_caption
from focusbench.tracks.defocus.label_map import fig2, fig2_caption
from focusbench.tracks.defocus.loss_curves import fig4, fig4_caption
from focusbench.tracks.defocus.match_curves import fig5, fig5_caption, fig6, fig6_caption
from focusbench.tracks.defocus.mismatch_figure import mismatch, mismatch_caption
from focusbench.tracks.defocus.montage_figure import fig9, fig9_caption
from focusbench.tracks.defocus.phantoms_figure import fig7, fig7_caption
from focusbench.tracks.defocus.recordings_figure import recordings, recordings_caption
from focusbench.tracks.defocus.stacks_figure import stacks, stacks_caption

__all__ = [
    "data",
    "data_caption",
    "fig2",
    "fig2_caption",
    "fig3",
    "fig3_caption",
    "fig4",
    "fig4_caption",
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
    "mismatch",
    "mismatch_caption",
    "recordings",
    "recordings_caption",
    "stacks",
    "stacks_caption",
]
