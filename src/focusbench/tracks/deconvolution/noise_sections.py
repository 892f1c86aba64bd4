"""One volume with more and less noise, as the methods restore it (the paper's figure 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from focusbench.report.figures import sentence_figure, style
from focusbench.report.results import Results
from focusbench.tracks.deconvolution import sections, sections_drawing, shown
from focusbench.tracks.deconvolution.degradations import NOMINAL, parse
from focusbench.tracks.deconvolution.sections import Band
from focusbench.tracks.deconvolution.table1_notes import RECORDED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAPER_LEVELS = ("snr10", "snr20", "clean")
METHODS = ("cyclegan", "cyclegan_blur_kernel", "blind_pupil", "richardson_lucy_tv")
MOST_METHODS = 4  # beside the input and the truth
MOST_LEVELS = 3
NOTHING = "No volume blurred with the nominal PSF was restored."


def fig7(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Views of the first sample at up to three noise levels, one band each.

    Reads scores, truths, observations and restored volumes; settings are not needed.

    Parameters
    ----------
    results
        Of the study of noise.
    settings
        Taken as all figures take it.
    """
    with style():
        bands = _bands(results)
        return sections_drawing.draw(bands) if bands else sentence_figure(NOTHING)


def fig7_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `fig7`."""
    bands = _bands(results)
    if not bands:
        return f"{NOTHING}{shown.made_with(settings)}"
    wanting = [level for level in PAPER_LEVELS if level not in levels(results)]
    return (
        f"{sample_with(results, _shown_levels(results))} with noise of "
        f"{'; '.join(band.label for band in bands)}, blurred with the Born-Wolf PSF. "
        f"{sections.told(bands)}"
        + shown.psnr_told(bands)
        + shown.trained(results)
        + (f" The paper shows {', '.join(wanting)} as well." if wanting else "")
        + shown.made_with(settings)
        + shown.left_out(results, [column.heading for column in bands[0].columns])
    )


def levels(results: Results) -> list[str]:
    """Ids of the degradations with the nominal PSF, from the noisiest to none."""
    known = {d: parse(d) for d in results.degradations if d != RECORDED}
    nominal = [d for d, one in known.items() if one.psf_model == NOMINAL]

    def snr(degradation: str) -> float:
        value = known[degradation].snr_db
        return float("inf") if value is None else value

    return sorted(nominal, key=snr)


def level_name(degradation: str) -> str:
    """Say an id's noise in words."""
    snr = parse(degradation).snr_db
    return "no noise" if snr is None else f"SNR {snr:g} dB"


def sample_with(results: Results, degradations: Sequence[str]) -> str:
    """First sample that was restored from most of these degradations."""
    pairs = {(item.sample, item.degradation) for item in results.items}
    return max(results.samples, key=lambda s: sum((s, d) in pairs for d in degradations))


def _shown_levels(results: Results) -> list[str]:
    """The paper's, or the noisiest, the middle and the last of those there are."""
    found = levels(results)
    paper = [level for level in found if level in PAPER_LEVELS]
    if len(paper) > 1 or len(found) <= MOST_LEVELS:
        return paper if len(paper) > 1 else found
    return [found[0], found[len(found) // 2], found[-1]]


def _bands(results: Results) -> list[Band]:
    wanted = _shown_levels(results)
    if not wanted:
        return []
    sample, scores = sample_with(results, wanted), results.scores()
    ran = {item.degradation for item in results.items if item.sample == sample}
    methods = shown.chosen(results.methods, METHODS, MOST_METHODS)
    return [
        shown.band(results, scores, sample, level, methods, label=level_name(level))
        for level in wanted
        if level in ran
    ]
