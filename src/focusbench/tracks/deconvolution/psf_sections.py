"""One volume blurred with several PSFs, as the methods restore it (the paper's figure 9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from focusbench.report.figures import sentence_figure, style
from focusbench.report.results import Results
from focusbench.tracks.deconvolution import sections, sections_drawing, shown
from focusbench.tracks.deconvolution.degradations import parse
from focusbench.tracks.deconvolution.noise_sections import (
    METHODS,
    MOST_METHODS,
    level_name,
    sample_with,
)
from focusbench.tracks.deconvolution.observations import PSF_NAMES
from focusbench.tracks.deconvolution.sections import Band
from focusbench.tracks.deconvolution.table1_notes import RECORDED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTHING = "No volume of a known PSF was restored."
SHORT = {"offmodel": "Gibson-Lanni"}  # where the name of PSF_NAMES is too long


def fig9(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Views of the first sample with each PSF that blurred it, one band each, with equal noise.

    Reads scores, truths, observations and restored volumes; settings are not needed.

    Parameters
    ----------
    results
        Of the study of PSFs.
    settings
        Taken as all figures take it.
    """
    with style():
        bands = _bands(results)
        return sections_drawing.draw(bands) if bands else sentence_figure(NOTHING)


def fig9_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `fig9`."""
    bands, degradations = _bands(results), _degradations(results)
    if not bands:
        return f"{NOTHING}{shown.made_with(settings)}"
    models = [PSF_NAMES[parse(degradation).psf_model] for degradation in degradations]
    return (
        f"{sample_with(results, degradations)}, {level_name(degradations[0])}, blurred with these "
        f"models of the PSF: {'; '.join(models)}. Whatever blurred it, methods that are told a PSF "
        f"are told the Born-Wolf one. {sections.told(bands)}"
        + shown.psnr_told(bands)
        + shown.trained(results)
        + ("" if len(bands) > 1 else " No other PSF was run.")
        + shown.made_with(settings)
        + shown.left_out(results, [column.heading for column in bands[0].columns])
    )


def _degradations(results: Results) -> list[str]:
    """Those of the noise that most PSFs have, Born-Wolf before the others."""
    known = {d: parse(d) for d in results.degradations if d != RECORDED}
    if not known:
        return []
    noises = [one.snr_db for one in known.values()]
    noise = max(noises, key=noises.count)
    same = [d for d, one in known.items() if one.snr_db == noise]
    order = list(PSF_NAMES)
    return sorted(same, key=lambda d: order.index(known[d].psf_model))


def _bands(results: Results) -> list[Band]:
    degradations = _degradations(results)
    if not degradations:
        return []
    sample, scores = sample_with(results, degradations), results.scores()
    ran = {item.degradation for item in results.items if item.sample == sample}
    methods = shown.chosen(results.methods, METHODS, MOST_METHODS)
    bands = []
    for degradation in degradations:
        model = parse(degradation).psf_model
        label = SHORT.get(model, PSF_NAMES[model])
        if degradation in ran:
            bands.append(shown.band(results, scores, sample, degradation, methods, label=label))
    return bands
