"""What more training gives: quality on a held-out field against the cost of getting there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import mean
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.evaluation.psnr import psnr
from focusbench.optics.enlargement import enlarged
from focusbench.optics.refocus_degradation import degrade, middle
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
)
from focusbench.tracks.refocus.field_slides import means_by_slide
from focusbench.tracks.refocus.watched import watched

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RANGE = 255.0
ALL, MIDDLE = "psnr", "psnr_middle"
TITLES = {ALL: "mean over all planes", MIDDLE: "methods of one plane: 0 µm alone"}
DEGRADATIONS = (shown.LOWRES, shown.HIGHRES)
WANTED = 0.3  # dB over linear_per_plane that a brief training is hoped to give
CLOCKS = {"cpu_seconds": "CPU-seconds of training", "seconds": "seconds of training"}
DEEPEST = 8.0  # dB below the lowest level that are shown
NOTHING = "No training was watched on a validation field: there is nothing to show."


class _Training(NamedTuple):
    seconds: np.ndarray
    psnr: np.ndarray  # dB


class _Shown(NamedTuple):
    clock: str  # column of traces that is drawn
    trainings: dict[str, dict[Curve, _Training]]  # metric -> curve, of the validation field
    levels: dict[str, dict[Curve, float]]  # what takes no steps, dB, of the validation field
    tests: dict[str, dict[Curve, dict[str, float]]]  # all methods, sample -> dB

    @property
    def curves(self) -> list[Curve]:
        """All that is drawn."""
        parts = (*self.trainings.values(), *self.levels.values())
        return in_order([one for part in parts for one in part])


def budget(results: Results, settings: Mapping[str, Any]) -> Figure:
    """PSNR of the validation field against the seconds of training, a curve a method.

    Bicubic and linear_per_plane are levels, of the same field; what the finished methods reach on
    the test fields, the caption tells. Reads scores, the validation field, and records and traces
    of trainings.

    Parameters
    ----------
    results
        Of the main grid.
    settings
        `variants`, all methods of a user's own; `slides`, of a user's own fields; `track` with
        `training`.
    """
    with style():
        found = _shown(results)
        return sentence_figure(NOTHING) if found is None else _draw(found, settings)


def budget_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `budget`."""
    found = _shown(results)
    if found is None:
        return f"{NOTHING}{shown.made_with(settings)}"
    training = (settings.get("track") or {}).get("training") or {}
    fields = shown.listed(list(training["validation"])) if training.get("validation") else ""
    text = (
        f"Lines: PSNR of the validation field{f' ({fields})' if fields else ''}, which nothing was "
        f"learned from, against {CLOCKS[found.clock]}; its scoring is not counted. "
    )
    levels = list(dict.fromkeys(one for part in found.levels.values() for one in part))
    if levels:
        named = labels(found.curves)
        text += f"Horizontal, of the same field: {shown.listed([named[one] for one in levels])}. "
    if found.trainings[MIDDLE]:
        text += "Methods that give one plane are shown apart: its PSNR is no mean over planes. "
    if found.clock == "seconds":
        text += "Wall time, as not all was trained on a CPU. "
    parts = found.trainings.items()
    if any(one.psnr.min() < _lowest(found, m) for m, part in parts for one in part.values()):
        text += f"What lies more than {DEEPEST:g} dB below the lowest end or level is cut off. "
    text += _ends(found) + _reached(found, settings) + _slopes(found)
    kept = [one.method for one in found.curves]
    text = text.rstrip() + dashes_told(found.curves)
    return text + shown.not_shown(results, kept) + shown.made_with(settings)


def _ends(found: _Shown) -> str:
    """Say how far each training ends above or below a level of the same field."""
    named, texts = labels(found.curves), []
    for metric, other, where in (
        (ALL, shown.LINEAR, ""),
        (MIDDLE, shown.BICUBIC, " at 0 µm"),
    ):
        level = found.levels[metric].get(Curve(shown.LOWRES, other))
        part = found.trainings[metric]
        if part and level is not None:
            words = [f"{named[one]} {_signed(of.psnr[-1] - level)}" for one, of in part.items()]
            texts.append(f"against {other}{where}: {', '.join(words)}")
    return f"On the validation field trainings end, dB, {'; '.join(texts)}. " if texts else ""


def _reached(found: _Shown, settings: Mapping[str, Any]) -> str:
    """Say what the trained methods gain on the test fields, and whether mfpinet's is enough."""
    named, level = labels(found.curves), Curve(shown.LOWRES, shown.LINEAR)
    base, ours = found.tests[ALL].get(level), Curve(shown.LOWRES, shown.MFPINET)
    gains, words = {}, []
    for curve in found.trainings[ALL] if base else ():
        own = found.tests[ALL].get(curve, {})
        differences = {sample: own[sample] - base[sample] for sample in own if sample in base}
        if differences:
            gains[curve] = mean(differences.values())
            words.append(f"{named[curve]} {_signed(gains[curve])}{_slides(differences, settings)}")
    text = ""
    if words:
        text = (
            f"On the test fields ({len(base)}, of other slides) against {shown.LINEAR} over all "
            f"planes, dB: {', '.join(words)}. "
        )
    short = gains.get(ours, WANTED) < WANTED
    pair = [found.tests[MIDDLE].get(Curve(shown.LOWRES, m)) for m in (ours.method, shown.BICUBIC)]
    if all(pair):
        gain = mean(pair[0].values()) - mean(pair[1].values())
        short |= gain < 0
        text += f"There mfpinet has {_signed(gain)} dB against bicubic at 0 µm. "
    if short:
        text += (
            f"That is short of what mfpinet should have, {WANTED:g} dB over {shown.LINEAR} and "
            "more than bicubic at 0 µm: in this budget it does not get there, and the curve shows "
            "what more of it gives. "
        )
    return text


def _slides(differences: Mapping[str, float], settings: Mapping[str, Any]) -> str:
    """Mean differences of slides, where there are some."""
    told = [f"{name} {_signed(one)}" for name, one in means_by_slide(differences, settings).items()]
    return f" ({', '.join(told)})" if told else ""


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def _slopes(found: _Shown) -> str:
    """Say what the second half of each budget gave."""
    words = []
    for metric, part in found.trainings.items():
        for curve, one in part.items():
            half = one.seconds[-1] / 2
            if len(one.seconds) > 2 and one.seconds[0] < half:
                gain = one.psnr[-1] - np.interp(half, one.seconds, one.psnr)
                alone = " (0 µm)" if metric == MIDDLE else ""
                words.append(f"{labels(found.curves)[curve]}{alone} {_signed(gain)}")
    return f"The second half of the budget gave, dB: {', '.join(words)}. " if words else ""


def _shown(results: Results) -> _Shown | None:
    degradations = [one for one in DEGRADATIONS if one in results.degradations]
    tests = _tests(results, degradations)
    clock = "cpu_seconds" if set(results.trainings().get("device", [])) <= {"cpu"} else "seconds"
    trainings: dict[str, dict[Curve, _Training]] = {ALL: {}, MIDDLE: {}}
    levels: dict[str, dict[Curve, float]] = {ALL: {}, MIDDLE: {}}
    seen = in_order([Curve(one.degradation, one.method) for one in results.items])
    for curve in seen:
        if curve.degradation not in degradations:
            continue
        table = results.training_trace(curve.method)
        known = table[np.isfinite(table["psnr"])] if table is not None else ()
        if len(known) > 1:
            metric = MIDDLE if curve in tests[MIDDLE] and curve not in tests[ALL] else ALL
            columns = (known[name].to_numpy(dtype=float) for name in (clock, "psnr"))
            trainings[metric][curve] = _Training(*columns)
        elif len(known):  # fitted at once
            levels[ALL][curve] = float(known["psnr"].iloc[0])
        else:
            for metric, level in _validation(results, curve).items():
                if math.isfinite(level):
                    levels[metric][curve] = level
    if not any(trainings.values()):
        return None
    for metric, part in trainings.items():
        if not part:
            levels[metric] = {}
    return _Shown(clock, trainings, levels, tests)


def _validation(results: Results, curve: Curve) -> dict[str, float]:
    """PSNR of bicubic on the validation field; nothing where its truth is not there."""
    if curve.method != shown.BICUBIC:
        return {}
    fields = [name for role, name in results.training_truths() if role == "validation"]
    truth = results.truth(fields[0]) if fields else None
    if truth is None:
        return {}
    stack = watched(truth.array)
    image = middle(stack)
    if curve.kind == shown.LOWRES:
        image = enlarged(degrade(image))
    values = [psnr(plane, image, RANGE) for plane in stack]
    return {ALL: float(np.mean(values)), MIDDLE: values[len(values) // 2]}


def _tests(results: Results, degradations: list[str]) -> dict[str, dict[Curve, dict[str, float]]]:
    """PSNR of the test fields; a method for which it is not finite on one of them is left out."""
    scores = results.scores().drop_duplicates(["sample", "degradation", "method"])
    found: dict[str, dict[Curve, dict[str, float]]] = {ALL: {}, MIDDLE: {}}
    for metric, part in found.items():
        if metric not in scores:
            continue
        for (degradation, method), rows in scores.groupby(["degradation", "method"], sort=False):
            values = dict(zip(rows["sample"], rows[metric].astype(float), strict=True))
            if degradation in degradations and all(map(math.isfinite, values.values())):
                part[Curve(degradation, method)] = values
    return found


def _draw(found: _Shown, settings: Mapping[str, Any]) -> Figure:
    metrics = [metric for metric, part in found.trainings.items() if part]
    widths = [3 if metric == ALL else 2 for metric in metrics]
    figure = new_figure(6.6 if len(metrics) == 1 else 9.4, 4.6)
    grid = figure.subplots(1, len(metrics), squeeze=False, width_ratios=widths)[0]
    drawn, named = looks(found.curves, settings), labels(found.curves)
    handles: dict[str, Any] = {}
    for axes, metric in zip(grid, metrics, strict=True):
        for curve, level in found.levels[metric].items():
            look = {key: drawn[curve][key] for key in ("color", "linestyle", "linewidth")}
            line = axes.axhline(level, **look)
            handles.setdefault(named[curve], line)
        for curve, one in found.trainings[metric].items():
            handles[named[curve]] = _draw_training(axes, one, drawn[curve])
        lowest = _lowest(found, metric)
        axes.set_ylim(bottom=max(lowest, axes.get_ylim()[0]))
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")  # over less than a decade they would cover each other
        axes.set_xlabel(CLOCKS[found.clock])
        axes.set_ylabel("PSNR, dB")
        if len(metrics) > 1 or metric != ALL:
            axes.set_title(TITLES[metric])
    handles = {named[one]: handles[named[one]] for one in found.curves if named[one] in handles}
    legend(figure, handles, found.curves, ncols=3 if len(metrics) == 1 else 4)
    return figure


def _lowest(found: _Shown, metric: str) -> float:
    """Where the scale ends below, dB: an untrained network would press all else together."""
    ends = [one.psnr[-1] for one in found.trainings[metric].values()]
    return min(*found.levels[metric].values(), *ends, math.inf) - DEEPEST


def _draw_training(axes: Axes, one: _Training, look: Mapping[str, Any]) -> Any:
    (line,) = axes.plot(one.seconds, one.psnr, **{**look, "markersize": 3.5})
    return line
