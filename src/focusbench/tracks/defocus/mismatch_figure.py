"""What it costs to be told another level, another lens or another camera than there was."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.paths import base_id
from focusbench.report.figures import new_figure, sentence_figure, style
from focusbench.report.results import Results
from focusbench.tracks.defocus import shown
from focusbench.tracks.defocus.degradations import EVEN, OFFMODEL, Degradation, parse
from focusbench.tracks.defocus.shown import made_with

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PSNR = "psnr_65535"
GAIN = "psnr_gain"
MOST_METHODS = 3
MOST_TICKS = 7
ERROR = re.compile(r"level([+-]\d+)")  # of a restoration's further estimates
LEVELS = "level"
QUANTITIES = {  # field of a degradation, key of the optics -> words for the axis
    "numerical_aperture": "true NA (told: {told:g})",
    "pixel_size": "true pixel, µm (told: {told:g})",
}
NAMES = {LEVELS: "level", "numerical_aperture": "NA", "pixel_size": "pixel size"}
BARS = "bars"
LOST = "PSNR lost, dB"
MAP = "plasma"
NOTHING = (
    "No degradation of the study has a wrong value, and no restoration was told a wrong level, "
    "where the truth and the score at the right value are known."
)

Points = dict[float, list[float]]  # place on the axis -> dB lost, one value a sample


class _Curves(NamedTuple):
    """dB lost; level -> its points."""

    lost: dict[int, Points]
    observation: dict[int, Points]  # what the observation itself lost


class _Bar(NamedTuple):
    label: str
    level: float
    lost: list[float]  # one value a sample


class _Shown(NamedTuple):
    methods: list[str]
    panels: dict[str, dict[str, _Curves]]  # method -> quantity -> curves
    bars: dict[str, list[_Bar]]  # method
    nominal: dict[str, float]
    samples: list[str]
    levels: list[int]


def mismatch(results: Results, settings: Mapping[str, Any]) -> Figure:
    """PSNR lost against a wrong level, NA and pixel size, and to another sampling or PSF.

    One row a method. Reads scores and the records of restorations.

    Parameters
    ----------
    results
        Of the study of mismatch.
    settings
        `methods`, parameters by id; `track` with `optics` and `offmodel`.
    """
    with style():
        found = _shown(results, settings)
        return sentence_figure(NOTHING) if found is None else _draw(found)


def mismatch_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `mismatch`."""
    found = _shown(results, settings)
    if found is None:
        return f"{NOTHING}{made_with(settings)}"
    optics, off = settings["track"]["optics"], settings["track"].get("offmodel") or {}
    kinds = _kinds(found)
    text = (
        "PSNR lost (dB, range 65535; of any range the same) against the same method told the right "
        f"values; below 0 is gained. Means over {len(found.samples)} "
        f"{'fields' if len(found.samples) > 1 else 'field'} "
        f"({', '.join(base_id(one) for one in found.samples)}); "
        "thin bars: their lowest and highest. "
    )
    text += "Colours and marks tell the true level. " if found.levels else ""
    if LEVELS in kinds:
        text += "A wrong level: told minus true. "
    named = [NAMES[kind] for kind in kinds if kind != LEVELS]
    if named:
        text += (
            f"A wrong {shown.listed(named)}: the light was blurred with the value on the axis, and "
            "methods were told the nominal one (vertical line). The observation is another one "
            "there: dotted, what it lost itself. "
        )
    bars = next((bars for bars in found.bars.values() if bars), [])
    if any(bar.label.startswith("points") for bar in bars):
        points = sorted({parse(n).subsamples for n in results.degradations if parse(n).subsamples})
        told = optics.get("subsamples")
        made = shown.listed([f"{n} x {n}" for n in points])
        text += (
            f"Points in a pixel: the light's kernels were made with {made}, those that methods are "
            f"told with {told} x {told}. "
        )
    if any(bar.label == OFFMODEL for bar in bars):
        level, points = off.get("level"), off.get("subsamples")
        text += (
            f"Off-model: blurred with the Richards-Wolf PSF, {points} x {points} points in a "
            f"pixel, at level {level:g}; no score at that level is matched, so the PSNR gain over "
            "its observation is compared with that of the matched levels around it, linearly "
            "between them (with the nearest, where there is none on a side). "
        )
    text += _ends(found)
    used = {name for name in results.degradations if _wrong(parse(name)) or _matched(parse(name))}
    others = [name for name in results.degradations if name not in used]
    if others:
        text += f"Not shown: {shown.listed(others)}. "
    return (text.rstrip() + shown.not_shown(results, found.methods)) + made_with(
        settings, trained=False
    )


def _ends(found: _Shown) -> str:
    """Mean over levels at the outermost points of each curve, in words."""
    words = []
    for method in found.methods:
        parts = []
        for kind, curves in found.panels[method].items():
            places = sorted({place for points in curves.lost.values() for place in points})
            if len(places) < 2:
                continue
            ends = [
                np.mean([np.mean(p[place]) for p in curves.lost.values() if place in p])
                for place in (places[0], places[-1])
            ]
            form = "{:+g}" if kind == LEVELS else "{:g}"
            pair = ", ".join(
                f"{form.format(place)}: {end:+.1f}"
                for place, end in zip((places[0], places[-1]), ends, strict=True)
            )
            parts.append(f"{NAMES[kind]} {pair}")
        if parts:
            words.append(f"{method} {'; '.join(parts)}")
    return f"dB lost at the ends, mean over levels: {' | '.join(words)}. " if words else ""


def _wrong(one: Degradation) -> bool:
    """Whether an observation is not what methods are told of it."""
    return (one.kind == EVEN and bool(one.lens)) or (one.kind == OFFMODEL and not one.lens)


def _matched(one: Degradation) -> bool:
    return one.kind == EVEN and not one.lens


def _shown(results: Results, settings: Mapping[str, Any]) -> _Shown | None:
    scores = results.scores()
    if PSNR not in scores:
        return None
    scores = scores[np.isfinite(scores[PSNR].astype(float))]
    mean = scores.groupby(["sample", "degradation", "method"])
    psnr = mean[PSNR].mean().to_dict()
    gain = mean[GAIN].mean().to_dict() if GAIN in scores else {}
    optics = settings["track"].get("optics") or {}
    nominal = {key: float(optics[key]) for key in QUANTITIES if optics.get(key)}
    level = (settings["track"].get("offmodel") or {}).get("level")
    noisy = any(parse(name).poisson for name in results.degradations)
    names = [name for name in results.degradations if parse(name).poisson == noisy]
    panels, bars = {}, {}
    ranked = shown.ordered(results.methods, settings)
    for method in ranked:
        found: dict[str, _Curves] = {}
        told = _told_levels(results, method, names, psnr)
        if told.lost:
            found[LEVELS] = told
        for key in nominal:
            curves = _lens_curves(results.samples, method, names, key, nominal[key], psnr, gain)
            if curves.lost:
                found[key] = curves
        own = _bars(results.samples, method, names, level, psnr, gain)
        if found or own:
            panels[method], bars[method] = found, own
    # those with the most to say first, then in their order
    most = sorted(panels, key=lambda m: -(len(panels[m]) + bool(bars[m])))[:MOST_METHODS]
    methods = [method for method in ranked if method in most]
    if not methods:
        return None
    levels = sorted(
        {one for method in methods for curves in panels[method].values() for one in curves.lost}
        | {math.floor(bar.level) for method in methods for bar in bars[method]}
    )
    samples = [s for s in results.samples if any(key[0] == s for key in psnr)]
    return _Shown(methods, panels, bars, nominal, samples, levels)


def _told_levels(
    results: Results, method: str, names: list[str], psnr: Mapping[Any, float]
) -> _Curves:
    """What a method lost when told a level beside the true one; 0 at the true one."""
    lost: dict[int, Points] = {}
    for item in results.items:
        parsed = parse(item.degradation)
        right = psnr.get(item[:3])
        if item.method != method or item.degradation not in names or right is None:
            continue
        if not _matched(parsed):
            continue
        others = results.record(item).get("others") or {}
        for name, metrics in others.items():
            told = ERROR.fullmatch(name)
            value = _number((metrics or {}).get(PSNR))
            if told and math.isfinite(value):
                points = lost.setdefault(int(parsed.level), {})
                points.setdefault(float(told[1]), []).append(right - value)
                points[0.0] = [0.0]
    return _Curves(dict(sorted(lost.items())), {})


def _lens_curves(
    samples: list[str],
    method: str,
    names: list[str],
    key: str,
    nominal: float,
    psnr: Mapping[Any, float],
    gain: Mapping[Any, float],
) -> _Curves:
    """What a method lost where the light had another value than it was told."""
    lost: dict[int, Points] = {}
    seen: dict[int, Points] = {}
    parsed = {name: parse(name) for name in names}
    right = {one.level: name for name, one in parsed.items() if _matched(one)}
    for name, one in parsed.items():
        if one.kind != EVEN or list(one.lens) != [key] or one.level not in right:
            continue
        for sample in samples:
            with_error = (sample, name, method)
            without = (sample, right[one.level], method)
            if with_error not in psnr or without not in psnr:
                continue
            place, level = float(one.lens[key]), int(one.level)
            points = lost.setdefault(level, {})
            points.setdefault(place, []).append(psnr[without] - psnr[with_error])
            points[nominal] = [0.0]
            if with_error in gain and without in gain:
                before = psnr[without] - gain[without]
                after = psnr[with_error] - gain[with_error]
                own = seen.setdefault(level, {})
                own.setdefault(place, []).append(before - after)
                own[nominal] = [0.0]
    return _Curves(dict(sorted(lost.items())), dict(sorted(seen.items())))


def _bars(
    samples: list[str],
    method: str,
    names: list[str],
    level: float | None,
    psnr: Mapping[Any, float],
    gain: Mapping[Any, float],
) -> list[_Bar]:
    """What a method lost to another sampling of the light, level by level, and off the model."""
    parsed = {name: parse(name) for name in names}
    right = {int(one.level): name for name, one in parsed.items() if _matched(one)}
    found = []
    for name, one in sorted(parsed.items(), key=lambda pair: (pair[1].level or 0, pair[0])):
        if one.kind != EVEN or list(one.lens) != ["subsamples"] or one.level not in right:
            continue
        pairs = [((s, right[one.level], method), (s, name, method)) for s in samples]
        values = [psnr[a] - psnr[b] for a, b in pairs if a in psnr and b in psnr]
        if values:
            side = one.subsamples
            found.append(_Bar(f"points {side} x {side}", float(one.level), values))
    off = next((n for n, one in parsed.items() if one.kind == OFFMODEL and not one.lens), None)
    if off is not None and level is not None and right:
        values = []
        for sample in samples:
            known = {
                k: gain[sample, name, method]
                for k, name in right.items()
                if (sample, name, method) in gain
            }
            if known and (sample, off, method) in gain:
                places = sorted(known)
                wanted = np.interp(level, places, [known[k] for k in places])
                values.append(float(wanted) - gain[sample, off, method])
        if values:
            found.append(_Bar(OFFMODEL, float(level), values))
    return found


def _number(value: Any) -> float:
    """JSON has no infinity: it stands there as text."""
    return math.nan if value is None else float(value)


def _draw(found: _Shown) -> Figure:
    kinds = _kinds(found)
    with_bars = any(found.bars[method] for method in found.methods)
    columns = [*kinds, *([BARS] if with_bars else [])]
    rows = len(found.methods)
    figure = new_figure(max(5.0, 2.3 * len(columns) + 0.4), 2.1 * rows + 0.8)
    grid = figure.subplots(rows, len(columns), squeeze=False, sharex="col", sharey="col")
    colours = _colours(found.levels)
    handles: dict[str, Any] = {}
    for r, method in enumerate(found.methods):
        for c, kind in enumerate(columns):
            axes = grid[r, c]
            axes.axhline(0, color="#777777", linewidth=0.8, zorder=0)
            if kind == BARS:
                _draw_bars(axes, found.bars[method], colours)
                axes.set_ylabel(_lost(found))
                continue
            curves = found.panels[method].get(kind)
            axes.set_ylabel(LOST)
            if curves is None:
                words = {"ha": "center", "va": "center", "transform": axes.transAxes}
                axes.text(0.5, 0.5, "not restored", color="#777777", fontsize=8, **words)
                continue
            right = 0.0 if kind == LEVELS else found.nominal[kind]
            axes.axvline(right, color="#777777", linewidth=0.8, zorder=0)
            handles |= _draw_curves(axes, curves, colours)
        grid[r, 0].set_ylabel(f"{shown.heading(method)}\n{grid[r, 0].get_ylabel()}")
    for c, kind in enumerate(columns):
        if kind == LEVELS:
            grid[-1, c].set_xlabel("told level minus true")
        elif kind in QUANTITIES:
            grid[-1, c].set_xlabel(QUANTITIES[kind].format(told=found.nominal[kind]))
        else:
            grid[-1, c].set_xlabel("true PSF")
    if handles:
        place = {"loc": "outside lower center", "frameon": False}
        figure.legend(list(handles.values()), list(handles), ncols=5, **place)
    return figure


def _lost(found: _Shown) -> str:
    """What bars say; off the model there is no right PSNR, and gains are compared."""
    labels = {bar.label for bars in found.bars.values() for bar in bars}
    if OFFMODEL not in labels:
        return LOST
    return "PSNR or gain lost, dB" if len(labels) > 1 else "PSNR gain lost, dB"


def _kinds(found: _Shown) -> list[str]:
    """Quantities that any method has curves of."""
    return [k for k in (LEVELS, *QUANTITIES) if any(k in p for p in found.panels.values())]


def _colours(levels: list[int]) -> dict[int, tuple[Any, str]]:
    """Colour and mark of each level: in order, and the last not too pale."""
    from matplotlib import colormaps

    places = np.linspace(0.05, 0.75, max(len(levels), 2))
    marks = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "p")
    return {
        level: (colormaps[MAP](float(place)), marks[i % len(marks)])
        for i, (level, place) in enumerate(zip(levels, places, strict=False))
    }


def _draw_curves(
    axes: Axes, curves: _Curves, colours: Mapping[int, tuple[Any, str]]
) -> dict[str, Any]:
    handles = {}
    places = sorted({place for points in curves.lost.values() for place in points})
    if len(places) <= MOST_TICKS:
        axes.set_xticks(places, [f"{place:g}" for place in places])
    for level, points in curves.lost.items():
        colour, mark = colours[level]
        x = np.array(sorted(points))
        low, mean, high = (
            np.array([reduce(points[place]) for place in x]) for reduce in (min, np.mean, max)
        )
        (line,) = axes.plot(x, mean, color=colour, marker=mark, markersize=4, linewidth=1.3)
        axes.vlines(x, low, high, color=colour, linewidth=0.8)
        handles[f"level {level}"] = line
        own = curves.observation.get(level)
        if own:
            x = np.array(sorted(own))
            values = [np.mean(own[place]) for place in x]
            (line,) = axes.plot(x, values, color=colour, linestyle=(0, (1, 1.5)), linewidth=1.0)
            handles.setdefault("observation", line)
    return dict(sorted(handles.items(), key=lambda pair: pair[0] == "observation"))


def _draw_bars(axes: Axes, bars: list[_Bar], colours: Mapping[int, tuple[Any, str]]) -> None:
    labels = []
    for i, bar in enumerate(bars):
        colour = "#777777" if bar.label == OFFMODEL else colours[math.floor(bar.level)][0]
        axes.bar(i, np.mean(bar.lost), width=0.65, color=colour)
        axes.vlines(i, min(bar.lost), max(bar.lost), color="black", linewidth=0.8)
        what = (
            "off-model" if bar.label == OFFMODEL else f"{bar.label.replace('points ', '')} points"
        )
        labels.append(f"{what}\nlevel {bar.level:g}")
    axes.set_xticks(range(len(bars)), labels, fontsize=7)
    axes.grid(False, axis="x")
    axes.set_axisbelow(True)
