"""Which detail is restored: radial power spectra of truth and estimates (as in supplement A)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.evaluation.radial_spectrum import LEAST_SIDE, radial_spectrum
from focusbench.paths import base_id
from focusbench.report.figures import new_figure, sentence_figure, style
from focusbench.report.results import Results
from focusbench.tracks.refocus import plane_choice, shown
from focusbench.tracks.refocus.curve_looks import (
    Curve,
    dashes_told,
    in_order,
    labels,
    legend,
    looks,
)
from focusbench.tracks.refocus.error_maps import grey

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DEGRADATIONS = (shown.LOWRES, shown.HIGHRES)
MOST_FIELDS = 4
LOWEST = -30.0  # dB; where nearly nothing is left, how little does not matter
HIGHEST = 24.0
COARSE = 2  # pixels of the truth along one of an image of half the size
TRUTH = {"color": "#000000", "linewidth": 2.2, "zorder": 1, "alpha": 0.8}
NOTHING = "No field with a truth and a voxel size was restored: there are no spectra to compare."


class _Shown(NamedTuple):
    samples: list[str]
    left_out: int  # fields with a truth that are not shown
    planes: list[int]  # first, middle, last
    heights: list[float]  # um
    pixel: float  # um
    frequency: np.ndarray  # cycles per um
    truth: dict[int, np.ndarray]  # plane -> power, mean over the fields
    powers: dict[Curve, dict[int, np.ndarray]]  # curve -> plane -> power


def spectra(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Radial power of grey images at 0 um and at both ends of the stack; below, estimate to truth.

    Reads truths and restorations.

    Parameters
    ----------
    results
        Of the main grid.
    settings
        `variants`, all methods of a user's own; `track`.
    """
    with style():
        found = _shown(results)
        return sentence_figure(NOTHING) if found is None else _draw(found, settings)


def spectra_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `spectra`."""
    found = _shown(results)
    if found is None:
        return f"{NOTHING}{shown.made_with(settings)}"
    names = shown.listed([base_id(one) for one in found.samples])
    several = len(found.samples) > 1
    low = any(one.kind == shown.LOWRES for one in found.powers)
    text = (
        "Power of grey images (BT.601 luma) by spatial frequency, averaged over all directions, "
        "with a Hann window and without the mean: above, its density; below, that of the estimate "
        "over the truth's, dB: below 0 detail is missing; above 0 there is more than there should "
        "be, as of a sharp image in place of a blurred plane. "
        f"{'Mean power over ' if several else ''}{len(found.samples)} "
        f"{'fields' if several else 'field'} ({names})"
    )
    text += f"; {found.left_out} more are not shown. " if found.left_out else ". "
    if low:
        text += (
            f"Vertical: Nyquist frequency of the input of half the size, {_nyquist(found):.3g} "
            f"cycles/µm; what an estimate has beyond it, it inferred. The axis ends at the "
            f"truth's, {COARSE * _nyquist(found):.3g} cycles/µm. "
        )
    text += (
        "Where the truth levels off there is its camera's noise, which nothing can restore. "
        f"Ratios are cut off at {LOWEST:g} and {HIGHEST:g} dB."
    )
    text += dashes_told(list(found.powers))
    named = labels(list(found.powers))
    single = [named[one] for one, powers in found.powers.items() if len(powers) == 1]
    if single and len(found.planes) > 1:
        text += f" Of the plane at 0 µm only: {shown.listed(single)}."
    kept = [one.method for one in found.powers]
    return text + shown.not_shown(results, kept) + shown.made_with(settings)


def _nyquist(found: _Shown) -> float:
    """Of an input of half the size, cycles per um."""
    return 1 / (2 * COARSE * found.pixel)


def _shown(results: Results) -> _Shown | None:
    first = {item[:3]: item for item in reversed(results.items)}  # of its seeds
    curves = in_order([Curve(d, m) for _, d, m in first if d in DEGRADATIONS and not _itself(d, m)])
    truths: dict[str, np.ndarray] = {}
    shape, voxel, left_out = None, None, 0
    for sample in results.samples:
        if not any((sample, *one) in first for one in curves):
            continue
        volume = results.truth(sample)
        if volume is None or volume.voxel_size is None:
            continue
        stack = volume.array
        fits = min(stack.shape[1:3]) >= LEAST_SIDE
        if shape is None and fits:
            shape, voxel = stack.shape, volume.voxel_size
        if len(truths) == MOST_FIELDS or (stack.shape, volume.voxel_size) != (shape, voxel):
            left_out += 1
            continue
        truths[sample] = stack
    if not truths:
        return None
    count, (step, *_, pixel) = shape[0], voxel
    middle = count // 2
    planes = sorted({0, middle, count - 1})
    # a field that a method was not run on would make its mean another one
    curves = [one for one in curves if all((sample, *one) in first for sample in truths)]
    sums: dict[Curve, dict[int, np.ndarray]] = {}
    for sample in truths:
        for one in curves:
            estimate = results.restored(first[sample, *one]).array
            found = planes if len(estimate) == count else [middle]
            for plane in found:
                image = estimate[plane if len(estimate) == count else 0]
                parts = sums.setdefault(one, {})
                parts[plane] = parts.get(plane, 0) + _power(image, pixel)
    if not sums:
        return None
    truth = {
        plane: np.mean([_power(stack[plane], pixel) for stack in truths.values()], axis=0)
        for plane in planes
    }
    powers = {
        one: {plane: total / len(truths) for plane, total in parts.items()}
        for one, parts in sums.items()
    }
    example = next(iter(truths.values()))[middle]
    return _Shown(
        list(truths),
        left_out,
        planes,
        [(plane - middle) * step for plane in planes],
        pixel,
        radial_spectrum(grey(example), pixel).frequency,
        truth,
        powers,
    )


def _itself(degradation: str, method: str) -> bool:
    """Whether an estimate is its input, the truth at 0 um, in all planes."""
    return degradation == shown.HIGHRES and method == shown.BICUBIC


def _power(image: np.ndarray, pixel: float) -> np.ndarray:
    return radial_spectrum(grey(image), pixel).power


def _draw(found: _Shown, settings: Mapping[str, Any]) -> Figure:
    columns = len(found.planes)
    figure = new_figure(max(5.5, 3.0 * columns + 0.8), 6.4)
    grid = figure.subplots(2, columns, squeeze=False, sharex=True, sharey="row")
    curves = list(found.powers)
    drawn, named = looks(curves, settings), labels(curves)
    handles: dict[str, Any] = {}
    for column, plane in enumerate(found.planes):
        above, below = grid[:, column]
        (line,) = above.plot(found.frequency, found.truth[plane], **TRUTH)
        handles["truth"] = line
        below.axhline(0, **TRUTH)
        for curve in curves:
            power = found.powers[curve].get(plane)
            if power is None:
                continue
            look = {key: drawn[curve][key] for key in ("color", "linestyle", "linewidth")}
            marks = _marks(curve, drawn[curve], len(found.frequency), curves.index(curve))
            (line,) = above.plot(found.frequency, power, **look, **marks)
            handles[named[curve]] = line
            below.plot(found.frequency, _decibel(power, found.truth[plane]), **look, **marks)
        above.set_title(plane_choice.told(found.heights[column]))
        for axes in (above, below):
            _mark_nyquist(axes, found, words=axes is above)
        below.set_xlabel("spatial frequency, cycles/µm")
    grid[0, 0].set_yscale("log")
    grid[0, 0].set_ylabel("power density,\n(grey value)² µm²")
    grid[1, 0].set_ylabel("estimate over truth, dB")
    low, high = grid[1, 0].get_ylim()
    grid[1, 0].set_ylim(max(low, LOWEST), min(high, HIGHEST))
    ends = [float(part.min()) for part in found.truth.values()]
    top = max(float(part.max()) for part in found.truth.values())
    grid[0, 0].set_ylim(max(grid[0, 0].get_ylim()[0], min(ends) / 30), 2.5 * top)
    grid[0, 0].set_xscale("log")
    grid[0, 0].set_xlim(found.frequency[0], found.frequency[-1])
    grid[0, 0].xaxis.set_major_formatter("{x:g}")
    ordered = {"truth": handles["truth"], **{named[one]: handles[named[one]] for one in curves}}
    legend(figure, ordered, curves, ncols=4)
    return figure


def _marks(curve: Curve, look: Mapping[str, Any], count: int, turn: int) -> dict[str, Any]:
    """Few marks on a long curve, at other places than those of the others."""
    places = np.unique(np.geomspace(1, count, 7).astype(int)) - 1
    shifted = np.clip(np.rint((places + 1) * 1.04 ** (turn % 8)).astype(int) - 1, 0, count - 1)
    kept = {key: look[key] for key in ("marker", "fillstyle")}
    return {**kept, "markersize": 4, "markevery": sorted({int(one) for one in shifted})}


def _decibel(power: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Ratio, dB; minus infinity where there is no power, NaN where the truth has none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return 10 * np.log10(power / truth)


def _mark_nyquist(axes: Axes, found: _Shown, *, words: bool) -> None:
    if not any(one.kind == shown.LOWRES for one in found.powers):
        return
    place = _nyquist(found)
    axes.axvline(place, color="#555555", linewidth=0.9, linestyle=(0, (2, 2)), zorder=0)
    if words and math.isfinite(place):
        look = {"fontsize": 7.5, "color": "#555555", "rotation": 90, "ha": "right", "va": "top"}
        where = axes.get_xaxis_transform()
        axes.text(0.97 * place, 0.98, "input's Nyquist", transform=where, **look)
