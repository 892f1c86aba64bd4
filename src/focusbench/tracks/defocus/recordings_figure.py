"""Images of a user's own, as the methods restore them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.paths import Restored, base_id
from focusbench.report.figures import sentence_figure, style
from focusbench.report.results import Results
from focusbench.tracks.defocus import sections, sections_drawing, shown
from focusbench.tracks.defocus.sections import Band, Panel, Window
from focusbench.tracks.defocus.shown import INPUT, RECORDED, made_with

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

MOST_METHODS = 6  # beside observation and partner
MOST_COLUMNS = 4
MOST_SAMPLES = 3
GAMMA = 0.5
NOTHING = "No image of a user's own was restored."


class _Shown(NamedTuple):
    bands: list[Band]
    samples: list[str]
    methods: list[str]
    windows: list[Window]
    partners: list[str]  # samples with a field in focus
    levels: int


def recordings(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Each image as recorded and restored, beside its partner in focus where there is one.

    Reads scores, truths, observations, volumes and predicted levels.

    Parameters
    ----------
    results
        Of the study of recordings.
    settings
        `methods`, parameters by id; `track` with `optics`.
    """
    with style():
        found = _shown(results, settings)
        if found is None:
            return sentence_figure(NOTHING)
        columns = MOST_COLUMNS if len(found.bands) == 1 else MOST_COLUMNS + 1
        rows = [row for band in found.bands for row in sections.wrapped(band, columns)]
        return sections_drawing.draw(rows, found.levels)


def recordings_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `recordings`."""
    found = _shown(results, settings)
    if found is None:
        return f"{NOTHING}{made_with(settings, trained=False)}"
    others = [sample for sample in results.samples if sample not in found.samples]
    about = "; ".join(
        _about(sample, band, window)
        for sample, band, window in zip(found.samples, found.bands, found.windows, strict=True)
    )
    known = any(panel.levels for band in found.bands for panel in band.panels)
    text = (
        f"{about}. The recording, as it is and as the methods restore it, on one grey scale a row, "
        f"in counts, with gamma {GAMMA:g}; white is set by what most of the pictures stay below "
        f"({100 * sections.WHITE:g} % of the pixels in the median picture), and what lies beyond "
        "is white or black. Framed, and enlarged beneath, is the part where the "
        f"{'field in focus' if found.partners else 'recording'} changes most. Beneath: what the "
        "method was told of the levels"
    )
    if found.partners:
        text += (
            "; correlation with the partner in focus, and PSNR (the partner's own range) after the "
            "factor and offset that fit it best. The partner is drawn on a scale of its own, "
            "written beneath: its counts need not be the recording's"
        )
    if known:
        text += "; last, the levels predicted from patches (grey: background)"
    text += "."
    if not found.partners:
        text += " No field in focus is known: sharper is not truer."
    if others:
        text += f" Not shown: the recordings {shown.listed([base_id(one) for one in others])}."
    return text + shown.not_shown(results, found.methods) + made_with(settings, trained=known)


def _about(sample: str, band: Band, window: Window) -> str:
    high, wide = band.panels[0].image.shape
    pixel = f" of {band.pixel_size:g} µm" if band.pixel_size else ""
    return (
        f"{base_id(sample)}: {wide} x {high} pixels{pixel} (x, y), enlarged rows "
        f"{window.rows.start} to {window.rows.stop - 1}, columns {window.columns.start} to "
        f"{window.columns.stop - 1}"
    )


def _shown(results: Results, settings: Mapping[str, Any]) -> _Shown | None:
    items = [item for item in results.items if item.degradation == RECORDED]
    methods = _methods(list(dict.fromkeys(item.method for item in items)), settings)
    samples = list(dict.fromkeys(item.sample for item in items))[:MOST_SAMPLES]
    if not samples or not methods:
        return None
    scores = results.scores()
    levels = int((settings["track"].get("optics") or {}).get("levels", 11))
    bands, windows, partners = [], [], []
    for sample in samples:
        band = _band(results, settings, scores, sample, methods)
        bands.append(band)
        windows.append(band.window)
        if results.truth(sample) is not None:
            partners.append(sample)
    return _Shown(bands, samples, methods, windows, partners, levels)


def _methods(methods: list[str], settings: Mapping[str, Any]) -> list[str]:
    """Those told a level of their own first: they are what a user asked for; then by families."""
    ranked = shown.ordered(methods, settings)
    asked = [one for one in ranked if shown.parameters(settings, one).get("level") is not None]
    rest = shown.chosen([one for one in ranked if one not in asked], settings, MOST_METHODS)
    kept = [*asked[: MOST_METHODS - bool(rest)], *rest][:MOST_METHODS]
    return [one for one in ranked if one in kept]


def _band(
    results: Results,
    settings: Mapping[str, Any],
    scores: DataFrame,
    sample: str,
    methods: list[str],
) -> Band:
    truth, observed = results.truth(sample), results.observed(sample, RECORDED)
    reference = observed.array if truth is None else truth.array
    same = truth is None or truth.array.shape == observed.array.shape
    untouched = results.find(sample, RECORDED, INPUT)
    known = math.nan if untouched is None else _psnr(scores, untouched)
    quality = _quality(truth, observed.array, known) if same else ""
    panels = [Panel("recorded", observed.array, quality)]
    levels = None
    for method in methods:
        item = results.find(sample, RECORDED, method)
        if item is None:
            continue
        field = results.restored(item).array
        told = shown.told(results, settings, item)
        if told.levels is not None and levels is None:
            levels = told.levels, shown.predictor(settings, method)
        words = [_quality(truth, field, _psnr(scores, item)) if same else "", told.words]
        panels.append(Panel(shown.heading(method), field, "\n".join(w for w in words if w)))
    grey = _grey([panel.image for panel in panels])
    if truth is not None:
        own = sections.grey(truth.array)
        words = f"own scale: {own.black:.0f}\nto {own.white:.0f} counts"
        panels.insert(1, Panel("in focus", truth.array, words, grey=own))
    if levels is not None:
        image = sections.levels_image(levels[0])
        words = shown.span(levels[0].levels)
        panels.append(Panel(f"levels of\n{levels[1]}", image, words, levels=True))
    pixel = (observed.voxel_size or (None,))[-1]
    window = sections.busy_window(reference if same else observed.array)
    return Band(base_id(sample), tuple(panels), grey, pixel, window, GAMMA)


def _grey(images: list[np.ndarray]) -> sections.Grey:
    """Of all pictures of a row: the lowest black, and the median of their whites.

    An estimate with a few very bright pixels must not make all others black.
    """
    scales = [sections.grey(image) for image in images]
    return sections.Grey(
        min(one.black for one in scales), float(np.median([one.white for one in scales]))
    )


def _psnr(scores: DataFrame, item: Restored) -> float:
    rows = scores.loc[(scores[list(item._fields)] == list(item)).all(axis=1)]
    return float(rows["psnr_own"].iloc[0]) if "psnr_own" in rows and len(rows) else math.nan


def _quality(truth: Any, field: np.ndarray, psnr: float = math.nan) -> str:
    """Say how near a field is to its partner; nothing where there is none."""
    if truth is None:
        return ""
    a, b = (np.asarray(one, np.float64).ravel() for one in (truth.array, field))
    a, b = a - a.mean(), b - b.mean()
    energy = math.sqrt(float(a @ a) * float(b @ b))
    words = [f"r = {float(a @ b) / energy:.3f}"] if energy > 0 else []
    if math.isfinite(psnr):
        words.append(f"{psnr:.1f} dB")
    return ", ".join(words)
