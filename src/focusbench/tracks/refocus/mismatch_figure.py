"""What it costs to be given another plane, or another camera, than was trained for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.evaluation.statistics import FEWEST_SAMPLES, paired_interval
from focusbench.paths import base_id
from focusbench.report.figures import new_figure, sentence_figure, style
from focusbench.report.results import Results
from focusbench.tracks.refocus import shown
from focusbench.tracks.refocus.curve_looks import (
    Curve,
    dashes_told,
    in_order,
    labels,
    legend,
    looks,
    number,
)
from focusbench.tracks.refocus.degradations import LOWRES, OFFMODEL, Degradation, parse

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ALL, MIDDLE = "psnr", "psnr_middle"
TITLES = {ALL: "all planes", MIDDLE: "plane at 0 µm alone"}
RESAMPLES = 2000
NOTHING = (
    "No field was restored from a wrong plane or another camera and from its nominal input: there "
    "is nothing to compare."
)


class _Lost(NamedTuple):
    """dB of PSNR over the fields."""

    mean: float
    low: float
    high: float


class _Shown(NamedTuple):
    step: float | None  # um from plane to plane; None: not known
    samples: list[str]
    curves: list[Curve]
    lost: dict[str, dict[Curve, dict[int, _Lost]]]  # metric -> curve -> planes up
    off: dict[str, dict[Curve, _Lost]]  # metric -> curve


def mismatch(results: Results, settings: Mapping[str, Any]) -> Figure:
    """PSNR lost against how far the input's plane is from the middle, and to another camera.

    Reads scores, and the planes' heights from their details.

    Parameters
    ----------
    results
        Of the study of mismatch.
    settings
        `variants`, all methods of a user's own; `track` with `offmodel`.
    """
    with style():
        found = _shown(results, settings)
        return sentence_figure(NOTHING) if found is None else _draw(found, settings)


def mismatch_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `mismatch`."""
    found = _shown(results, settings)
    if found is None:
        return f"{NOTHING}{shown.made_with(settings)}"
    count = len(found.samples)
    names = shown.listed([base_id(one) for one in found.samples])
    text = (
        "PSNR lost (dB) against the same method's result from the input that it was trained for; "
        "below 0 is gained. "
    )
    if any(found.lost.values()):
        step = f", {found.step:g} µm apart" if found.step else ""
        text += (
            "Lines: the input is a plane above or below the middle one"
            f"{step}, and methods are not told; the truth is the same stack as ever, so that one "
            "that refocuses faithfully gives a shifted stack, and loses by it. "
        )
    if any(found.off.values()):
        off = (settings.get("track") or {}).get("offmodel") or {}
        told = ""
        if off:
            told = (
                f" a Gaussian of {off['sigma']:g} of its pixels, photon noise at "
                f"{off['electrons']:g} electrons for grey value 255,"
            )
        text += (
            f"Bars: another camera halves the middle plane (means of 2 x 2 pixels,{told} in place "
            "of bicubic halving and the 5 x 5 blur). "
        )
    if count == 1:
        text += f"One field ({names}), so no spread."
    elif count < FEWEST_SAMPLES:
        text += f"Means over {count} fields ({names}); thin lines: the lowest and the highest."
    else:
        text += (
            f"Means over {count} fields ({names}); thin lines: 95 % bootstrap intervals of the "
            "mean, paired by field."
        )
    text += dashes_told(found.curves)
    used = {LOWRES, shown.HIGHRES, OFFMODEL}
    others = [
        name
        for name in results.degradations
        if parse(name).jpeg or (parse(name).kind not in used and not parse(name).planes_up)
    ]
    if others:
        text += f" Not shown: {shown.listed(others)}."
    kept = [one.method for one in found.curves]
    return text + shown.not_shown(results, kept) + shown.made_with(settings)


def _shown(results: Results, settings: Mapping[str, Any]) -> _Shown | None:
    scores = results.scores()
    if ALL not in scores and MIDDLE not in scores:
        return None
    first = scores.drop_duplicates(["sample", "degradation", "method"])  # of the seeds
    wanted = {name: parse(name) for name in results.degradations}
    lost: dict[str, dict[Curve, dict[int, _Lost]]] = {ALL: {}, MIDDLE: {}}
    off: dict[str, dict[Curve, _Lost]] = {ALL: {}, MIDDLE: {}}
    samples: set[str] = set()
    for metric in (ALL, MIDDLE):
        if metric not in first:
            continue
        keys = first[["sample", "degradation", "method"]].itertuples(index=False, name=None)
        psnr = dict(zip(keys, first[metric].astype(float), strict=True))
        for name, one in wanted.items():
            if one.jpeg or (one == Degradation(one.kind) and one.kind != OFFMODEL):
                continue
            nominal = LOWRES if one.kind == OFFMODEL else one.kind
            for method in results.methods:
                pairs = {
                    sample: psnr.get((sample, nominal, method), math.nan)
                    - psnr.get((sample, name, method), math.nan)
                    for sample in results.samples
                }
                known = {sample: value for sample, value in pairs.items() if math.isfinite(value)}
                if not known:
                    continue
                samples |= set(known)
                curve, made = Curve(nominal, method), _lost(list(known.values()))
                if one.kind == OFFMODEL:
                    off[metric][curve] = made
                else:
                    points = lost[metric].setdefault(curve, {0: _Lost(0.0, 0.0, 0.0)})
                    points[one.planes_up] = made
    curves = in_order([one for part in (*lost.values(), *off.values()) for one in part])
    if not curves:
        return None
    order = [one for one in results.samples if one in samples]
    return _Shown(_step(results, settings), order, curves, lost, off)


def _step(results: Results, settings: Mapping[str, Any]) -> float | None:
    """Heights from plane to plane, um, as scores have them; else as the configuration has."""
    for item in results.items:
        heights = ((results.details(item) or {}).get("planes") or {}).get("z") or []
        if len(heights) > 1:
            return float(heights[1]) - float(heights[0])
    return ((settings.get("track") or {}).get("cytology") or {}).get("z_step")


def _lost(values: list[float]) -> _Lost:
    if len(values) < FEWEST_SAMPLES:
        return _Lost(float(np.mean(values)), min(values), max(values))
    return _Lost(*paired_interval(values, np.zeros(len(values)), resamples=RESAMPLES))


def _draw(found: _Shown, settings: Mapping[str, Any]) -> Figure:
    metrics = [metric for metric in (ALL, MIDDLE) if found.lost[metric]]
    bars = [*found.off[ALL].items()]
    bars += [(one, lost) for one, lost in found.off[MIDDLE].items() if one not in found.off[ALL]]
    columns = len(metrics) + bool(bars)
    figure = new_figure(3.3 * columns + 0.9, 4.2)
    grid = figure.subplots(1, columns, squeeze=False)[0]
    drawn, named = looks(found.curves, settings), labels(found.curves)
    handles: dict[str, Any] = {}
    for axes, metric in zip(grid, metrics, strict=False):
        for curve, points in found.lost[metric].items():
            handles[named[curve]] = _draw_curve(axes, points, found.step, drawn[curve])
        axes.axhline(0, color="#777777", linewidth=0.8, zorder=0)
        axes.axvline(0, color="#777777", linewidth=0.8, zorder=0)
        places = sorted({place for points in found.lost[metric].values() for place in points})
        axes.set_xticks([_place(one, found.step) for one in places])
        axes.set_xticklabels([number(_place(one, found.step)) for one in places])
        axes.set_xlabel(f"z of the input's plane, {'µm' if found.step else 'planes'} (told: 0)")
        axes.set_ylabel("PSNR lost, dB")
        axes.set_title(TITLES[metric])
    if bars:
        _draw_bars(grid[-1], bars, found, drawn, named)
    if handles:
        handles = {named[one]: handles[named[one]] for one in found.curves if named[one] in handles}
        legend(figure, handles, found.curves, ncols=4 if columns > 2 else 3)
    return figure


def _place(planes: int, step: float | None) -> float:
    return planes * (step or 1)


def _draw_curve(
    axes: Axes, points: Mapping[int, _Lost], step: float | None, look: Mapping[str, Any]
) -> Any:
    order = sorted(points)
    x = np.array([_place(one, step) for one in order])
    mean, low, high = np.array([points[one] for one in order]).T
    axes.vlines(x, low, high, color=look["color"], linewidth=0.8)
    (line,) = axes.plot(x, mean, **look)
    return line


def _draw_bars(
    axes: Axes,
    bars: list[tuple[Curve, _Lost]],
    found: _Shown,
    drawn: Mapping[Curve, Mapping[str, Any]],
    named: Mapping[Curve, str],
) -> None:
    rows = sorted(bars, key=lambda bar: found.curves.index(bar[0]))
    for y, (curve, lost) in enumerate(rows):
        axes.barh(y, lost.mean, height=0.7, color=drawn[curve]["color"], alpha=0.75)
        axes.hlines(y, lost.low, lost.high, color="#333333", linewidth=0.9)
    alone = {one for one, _ in bars if one not in found.off[ALL]}
    words = [
        shown.heading(named[one]) + ("\n(0 µm alone)" if one in alone else "") for one, _ in rows
    ]
    axes.set_yticks(range(len(rows)), words)
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.set_axisbelow(True)
    axes.axvline(0, color="#777777", linewidth=0.8)
    axes.set_xlabel("PSNR lost, dB")
    axes.set_title(f"another camera ({'all planes' if found.off[ALL] else 'plane at 0 µm'})")
