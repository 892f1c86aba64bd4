"""What the methods make of one volume, seen along three axes (the paper's figures 6 and 10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from focusbench.report.figures import sentence_figure, style
from focusbench.report.results import Results
from focusbench.tracks.deconvolution import sections, sections_drawing, shown
from focusbench.tracks.deconvolution.sections import Band
from focusbench.tracks.deconvolution.table1_notes import RECORDED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_METHODS = 14  # three bands
ONE_BAND = 7  # columns that still fit beside each other
BANDS = 6  # columns of a band where there are several
BLIND = ("cyclegan_blur_kernel", shown.NONBLIND, "blind_pupil", "richardson_lucy_tv")
TOLD = (shown.NONBLIND, "richardson_lucy_tv")
NOTHING = "Nothing was restored."
NO_BLIND = "Neither a blind method nor its non-blind counterpart was run."


def fig6(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Input, every method and truth in XY, XZ and YZ views, and a part of XY enlarged.

    Reads scores, truths, observations and restored volumes, of the first sample and degradation;
    settings are not needed. The paper's methods come first; what does not fit beside each other
    goes on beneath.

    Parameters
    ----------
    results
        Of this track.
    settings
        Taken as all figures take it.
    """
    with style():
        if not results.items:
            return sentence_figure(NOTHING)
        band = _band(results, shown.chosen(results.methods, shown.PAPER, MOST_METHODS))
        fits = len(band.columns) <= ONE_BAND
        return sections_drawing.draw([band] if fits else sections.wrapped(band, BANDS))


def fig6_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `fig6`."""
    if not results.items:
        return f"{NOTHING}{shown.made_with(settings)}"
    band = _band(results, shown.chosen(results.methods, shown.PAPER, MOST_METHODS))
    return _caption(results, settings, band)


def fig10(results: Results, settings: Mapping[str, Any]) -> Figure:
    """As `fig6`, of the blind methods and of those that are told the PSF.

    Parameters
    ----------
    results, settings
        As for `fig6`.
    """
    with style():
        methods = shown.only(results.methods, BLIND)
        if not methods:
            return sentence_figure(NO_BLIND)
        return sections_drawing.draw([_band(results, methods[: ONE_BAND - 2])])


def fig10_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `fig10`."""
    methods = shown.only(results.methods, BLIND)
    if not methods:
        return f"{NO_BLIND}{shown.made_with(settings)}"
    missing = shown.not_run(methods, BLIND)
    told = [one for one in shown.only(results.methods, TOLD) if one in methods]
    psf = "a PSF" if results.degradations[0] == RECORDED else "the nominal PSF"
    return (
        _caption(results, settings, _band(results, methods[: ONE_BAND - 2]), say_left_out=False)
        + (f" Told {psf}: {', '.join(told)}." if told else "")
        + (f" Not run: {', '.join(missing)}." if missing else "")
    )


def _band(results: Results, methods: Sequence[str]) -> Band:
    degradation = results.degradations[0]
    sample = next(item.sample for item in results.items if item.degradation == degradation)
    return shown.band(results, results.scores(), sample, degradation, methods)


def _caption(
    results: Results, settings: Mapping[str, Any], band: Band, *, say_left_out: bool = True
) -> str:
    degradation = results.degradations[0]
    sample = next(item.sample for item in results.items if item.degradation == degradation)
    headings = [column.heading for column in band.columns]
    return (
        f"{sample}, {degradation}. {sections.told([band])}"
        + shown.quantiles([band])
        + shown.psnr_told([band])
        + shown.not_learned(results, band)
        + shown.tiled(results, band, sample, degradation)
        + shown.gained([band], [degradation])
        + shown.made_with(settings)
        + (shown.left_out(results, headings) if say_left_out else "")
    )
