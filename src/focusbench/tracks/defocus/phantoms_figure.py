"""Beads, a ring and cells, blurred to one level and restored (the paper's figure 7)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.evaluation.metrics import psnr, ssim, ssim_fits
from focusbench.paths import Restored, base_id
from focusbench.report.figures import new_figure, sentence_figure, style
from focusbench.report.results import Results
from focusbench.tracks.defocus import sections, sections_drawing, shown
from focusbench.tracks.defocus.profiles import Line, along, steepest_line
from focusbench.tracks.defocus.sections import Band, Panel
from focusbench.tracks.defocus.shown import made_with

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from pandas import DataFrame

SAMPLES = ("beads", "ring", "cells")  # of the paper: O1, O2, O3
PROFILED = "cells"
FAMILIES = (
    *("depth_variant_rectangular", "depth_invariant", "blind", "depth_variant_field"),
    "depth_variant_triangular",
)
MOST_METHODS, MOST_SAMPLES = 5, 4
GAMMA = 0.5
RANGE = 65535.0
PROFILE = 2.1  # inches
ARROW = "#D55E00"
NOTHING = "No sample with a truth was restored: there is nothing to compare."


class _Shown(NamedTuple):
    bands: list[Band]
    samples: list[str]
    degradation: str
    methods: list[str]
    line: Line | None
    profiled: str | None  # sample
    profiles: dict[str, np.ndarray]  # "in focus", "observed", methods -> counts


def fig7(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Each sample in focus, observed and restored, with PSNR and SSIM; profiles through one.

    Reads scores, truths, observations, volumes and predicted levels.

    Parameters
    ----------
    results
        Of the study of phantoms.
    settings
        `methods`, parameters by id; `variants`, all methods of a user's own; `track`.
    """
    with style():
        found = _shown(results, settings)
        if found is None:
            return sentence_figure(NOTHING)
        return _draw(found, settings)


def fig7_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `fig7`."""
    found = _shown(results, settings)
    if found is None:
        return f"{NOTHING}{made_with(settings)}"
    others = [sample for sample in results.samples if sample not in found.samples]
    degradations = [name for name in results.degradations if name != found.degradation]
    missing = [sample for sample in SAMPLES if sample not in found.samples]
    names = [base_id(sample) for sample in found.samples]
    text = (
        f"{shown.listed(names)} at {found.degradation}: in focus, observed (with shot noise if its "
        "id says poisson), and restored by the methods. A row has one grey scale, in counts, with "
        f"gamma {GAMMA:g} so that faint light is seen; what lies beyond is black or white. Beneath "
        "each, of the whole field: PSNR and SSIM (Gaussian window), first with the range 65535, as "
        "the paper has them, then with the truth's own range, from its lowest to its highest "
        "count; and the levels that the restorer worked with"
    )
    if found.line is not None:
        place = found.line.columns
        text += (
            f". Below: counts along the arrow through {base_id(found.profiled)} (row "
            f"{found.line.row}, columns {place.start} to {place.stop - 1}: where the truth changes "
            "most along a row); what reaches far beyond truth and observation is cut off"
        )
    text += ". The paper blurred all three to one level that it does not print"
    text += "; for its cells it prints 63.8 dB and 0.86 after 59.0 dB and 0.83 (range 65535)."
    if missing:
        text += f" Not there: {shown.listed(missing)}."
    if others:
        text += f" Not shown: the samples {shown.listed(others)}."
    if degradations:
        text += f" Not shown: {shown.listed(degradations)}."
    text += shown.not_run(results, FAMILIES[:3])
    return text + shown.not_shown(results, found.methods) + made_with(settings)


def _shown(results: Results, settings: Mapping[str, Any]) -> _Shown | None:
    known = [one for one in SAMPLES if one in results.samples]
    known += [sample for sample in results.samples if sample not in known]
    truths = {sample: results.truth(sample) for sample in known}
    samples = [sample for sample in known if truths[sample] is not None][:MOST_SAMPLES]
    if not samples:
        return None
    degradation = next(i.degradation for i in results.items if i.sample == samples[0])
    pairs = {(item.sample, item.degradation) for item in results.items}
    samples = [sample for sample in samples if (sample, degradation) in pairs]
    methods = _methods(results, settings)
    scores = results.scores()
    profiled = PROFILED if PROFILED in samples else samples[-1]
    line = steepest_line(truths[profiled].array)
    bands, profiles = [], {}
    for sample in samples:
        truth = truths[sample]
        observed = results.observed(sample, degradation)
        panels = [Panel("in focus", truth.array, "range 65535:\nown range:\n")]
        panels.append(_panel("observed", observed.array, truth.array, None, ""))
        for method in methods:
            item = results.find(sample, degradation, method)
            if item is None:
                empty = np.full(truth.array.shape, np.nan, np.float32)
                panels.append(Panel(shown.heading(method), empty, "not run\n\n"))
                continue
            field = results.restored(item).array
            row = _row(scores, item)
            words = shown.told(results, settings, item).words
            panels.append(_panel(shown.heading(method), field, truth.array, row, words))
        grey = sections.grey(truth.array)
        pixel = truth.voxel_size[-1] if truth.voxel_size else None
        bands.append(Band(base_id(sample), tuple(panels), grey, pixel, gamma=GAMMA))
        if sample == profiled:
            names = ["in focus", "observed", *methods]
            fields = zip(names, panels, strict=True)
            profiles = {name: along(panel.image, line) for name, panel in fields}
    return _Shown(bands, samples, degradation, methods, line, profiled, profiles)


def _methods(results: Results, settings: Mapping[str, Any]) -> list[str]:
    """Families in the paper's order, then ours; variants where there is room."""
    ranked = shown.ordered(results.methods, settings)
    first = [one for base in FAMILIES for one in ranked if shown.family(one) == base]
    own = [one for one in ranked if one not in first]
    heads = [one for one in first if one == next(o for o in first if _same(o, one))]
    rest = [one for one in first if one not in heads]
    kept = [*own, *heads, *rest][:MOST_METHODS]
    return [one for one in [*first, *own] if one in kept]


def _same(one: str, other: str) -> bool:
    return shown.family(one) == shown.family(other)


def _row(scores: DataFrame, item: Restored) -> Mapping[str, Any] | None:
    rows = scores[
        (scores["sample"] == item.sample)
        & (scores["degradation"] == item.degradation)
        & (scores["method"] == item.method)
        & (scores["seed"] == item.seed)
    ]
    return rows.iloc[0] if len(rows) else None


def _panel(
    heading: str,
    field: np.ndarray,
    truth: np.ndarray,
    row: Mapping[str, Any] | None,
    words: str,
) -> Panel:
    """Panel with its numbers: those of the score, or, of an observation, measured here."""
    values = {}
    own = float(np.ptp(truth))
    for name, limit in (("65535", RANGE), ("own", own)):
        if row is not None:
            values[name] = row.get(f"psnr_{name}", math.nan), row.get(f"ssim_{name}", math.nan)
        else:
            fits = ssim_fits(truth.shape, "wang_2d") and limit > 0
            values[name] = (
                psnr(truth, field, limit) if limit > 0 else math.nan,
                ssim(truth, field, limit, "wang_2d") if fits else math.nan,
            )
    lines = [f"{_number(a, '.1f')} dB, {_number(b, '.3f')}" for a, b in values.values()]
    return Panel(heading, field, "\n".join([*lines, words]))


def _number(value: float, form: str) -> str:
    return "-" if not math.isfinite(value) else format(value, form)


def _draw(found: _Shown, settings: Mapping[str, Any]) -> Figure:
    tall = sections_drawing.TALLEST - PROFILE
    room = sections_drawing.size(found.bands, tall)
    figure = new_figure(max(room.width, 6.0), room.height + PROFILE)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.0, hspace=0.0)
    above, below = figure.subfigures(2, 1, height_ratios=[room.height, PROFILE])
    fields = sections_drawing.draw_into(above, found.bands, room.column)
    _arrow(fields[found.samples.index(found.profiled)][0], found.line)
    _draw_profiles(below, found, settings)
    return figure


def _arrow(axes: Axes, line: Line) -> None:
    first, last = line.columns.start, line.columns.stop - 1
    look = {"arrowstyle": "->", "color": ARROW, "linewidth": 1.2}
    axes.annotate("", (last, line.row), (first, line.row), arrowprops=look)


def _draw_profiles(part: SubFigure, found: _Shown, settings: Mapping[str, Any]) -> None:
    axes = part.subplots()
    pixel = next((band.pixel_size for band in found.bands if band.pixel_size), None)
    styles = shown.styles(found.methods, settings)
    for name, values in found.profiles.items():
        x = np.arange(len(values)) * (pixel or 1)
        if name == "in focus":
            look: dict[str, Any] = {"color": "black", "linewidth": 2.2, "alpha": 0.85}
        elif name == "observed":
            look = {"color": "#777777", "linestyle": (0, (1, 1.5))}
        else:
            look = {"color": styles[name].colour, "linestyle": styles[name].dashes}
            look["linewidth"] = 1.3
        axes.plot(x, values, label=name, **look)
    axes.set_ylim(*_limits(found.profiles))
    axes.set_xlim(0, max(len(v) - 1 for v in found.profiles.values()) * (pixel or 1))
    axes.set_xlabel("along the arrow, µm" if pixel else "along the arrow, pixels")
    axes.set_ylabel("counts")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, frameon=False)


def _limits(profiles: Mapping[str, np.ndarray]) -> tuple[float, float]:
    """All values, but no more beyond truth and observation than these span themselves."""
    kept = np.concatenate([profiles["in focus"], profiles["observed"]])
    every = np.concatenate([values[np.isfinite(values)] for values in profiles.values()])
    room = float(np.ptp(kept)) or 1.0
    lowest = max(every.min(), kept.min() - room)
    highest = min(every.max(), kept.max() + room)
    return lowest - 0.05 * (highest - lowest), highest + 0.05 * (highest - lowest)
