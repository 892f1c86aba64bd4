"""Recordings of a user's own, as the methods restore them (the paper's figure 12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from focusbench.paths import base_id
from focusbench.report.figures import sentence_figure, style
from focusbench.report.results import Results
from focusbench.tracks.deconvolution import sections, sections_drawing, shown
from focusbench.tracks.deconvolution.sections import Band
from focusbench.tracks.deconvolution.table1_notes import RECORDED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METHODS = (
    *("richardson_lucy", "supervised_mse", "cyclegan", "cyclegan_blur_kernel"),
    *("blind_pupil", "richardson_lucy_tv"),
)
MOST_METHODS = 6
MOST_SAMPLES = 3
NOTHING = "No recording was selected."


def fig12(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Views of each recording and of what the methods make of it, one band a recording.

    Reads scores, truths, observations and restored volumes; settings are not needed.

    Parameters
    ----------
    results
        Of the study of recordings.
    settings
        Taken as all figures take it.
    """
    with style():
        bands = list(_bands(results).values())
        return sections_drawing.draw(bands) if bands else sentence_figure(NOTHING)


def fig12_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `fig12`."""
    bands = _bands(results)
    if not bands:
        return f"{NOTHING}{shown.made_with(settings)}"
    found = list(bands.values())
    shapes = "; ".join(_about(sample, band) for sample, band in bands.items())
    others = [sample for sample in results.samples if sample not in bands]
    degradations = [_degradation(results, sample) for sample in bands]
    headings = [column.heading for band in found for column in band.columns]
    return (
        f"{shapes}. {sections.told(found)}"
        + shown.quantiles(found)
        + shown.psnr_told(found)
        + shown.gained(found, degradations)
        + ("" if "truth" in headings else " No truth is known: sharper is not truer.")
        + shown.trained(results)
        + (f" Not shown: the recordings {', '.join(others)}." if others else "")
        + shown.made_with(settings)
        + shown.left_out(results, headings)
    )


def _degradation(results: Results, sample: str) -> str:
    found = [item.degradation for item in results.items if item.sample == sample]
    return RECORDED if RECORDED in found else found[0]


def _about(sample: str, band: Band) -> str:
    sides = " x ".join(map(str, band.places.shape))
    size = band.places.voxel_size
    voxels = f" of {' x '.join(f'{side:g}' for side in size)} µm" if size else ""
    return f"{base_id(sample)}: {sides} voxels{voxels} (z, y, x)"


def _bands(results: Results) -> dict[str, Band]:
    scores = results.scores()
    methods = shown.chosen(results.methods, METHODS, MOST_METHODS)
    found = {}
    for sample in results.samples[:MOST_SAMPLES]:
        degradation = _degradation(results, sample)
        label, heading = base_id(sample), "observation"
        found[sample] = shown.band(
            results, scores, sample, degradation, methods, label, observation=heading
        )
    return found
