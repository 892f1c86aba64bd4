"""What more training gives: quality on a held-out field against the cost of getting there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.evaluation.psnr import psnr
from focusbench.optics.enlargement import enlarged
from focusbench.optics.refocus_degradation import degrade, middle
from focusbench.report.figures import is_trivial, new_figure, sentence_figure, style
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
    psnr: np.ndarray  # dB, of the validation field
    test: float  # dB, mean over the test fields; NaN: not known


class _Shown(NamedTuple):
    clock: str  # column of traces that is drawn
    trainings: dict[str, dict[Curve, _Training]]  # metric -> curve
    levels: dict[str, dict[Curve, float]]  # what takes no steps, dB
    on_validation: set[Curve]  # levels that are of the validation field; others of the test fields
    tests: dict[str, dict[Curve, float]]  # all methods
    samples: list[str]

    @property
    def curves(self) -> list[Curve]:
        """All that is drawn."""
        parts = (*self.trainings.values(), *self.levels.values())
        return in_order([one for part in parts for one in part])


def budget(results: Results, settings: Mapping[str, Any]) -> Figure:
    """PSNR of the validation field against the seconds of training, a curve a method.

    Beside the curves what the finished methods reach on the test fields, and bicubic and
    linear_per_plane as levels. Reads scores, and records and traces of trainings.

    Parameters
    ----------
    results
        Of the main grid.
    settings
        `variants`, all methods of a user's own; `track` with `training`.
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
    if found.samples:
        text += (
            "Large marks, led to by thin lines: PSNR of the trained methods on the test fields "
            f"({len(found.samples)}, of other slides, so that they lie higher or lower). "
        )
    levels = list(dict.fromkeys(one for part in found.levels.values() for one in part))
    if levels:
        named = labels(found.curves)
        text += f"Horizontal: {shown.listed([named[one] for one in levels])}"
        others = [named[one] for one in levels if one not in found.on_validation]
        if others:
            text += " (on the test fields, not the validation field"
            text += ")" if len(others) == len(levels) else f": {shown.listed(others)})"
        text += ". "
    if found.trainings[MIDDLE]:
        text += "Methods that give one plane are shown apart: its PSNR is no mean over planes. "
    if found.clock == "seconds":
        text += "Wall time, as not all was trained on a CPU. "
    parts = found.trainings.items()
    if any(one.psnr.min() < _lowest(found, m) for m, part in parts for one in part.values()):
        text += f"What lies more than {DEEPEST:g} dB below the lowest end or level is cut off. "
    text += _reached(found) + _slopes(found)
    kept = [one.method for one in found.curves]
    text = text.rstrip() + dashes_told(found.curves)
    return text + shown.not_shown(results, kept) + shown.made_with(settings)


def _reached(found: _Shown) -> str:
    """Say whether mfpinet surpasses what is simpler, on the test fields."""
    ours = Curve(shown.LOWRES, shown.MFPINET)
    words, short = [], False
    for other, metric, least, what in (
        (shown.LINEAR, ALL, WANTED, "over all planes"),
        (shown.BICUBIC, MIDDLE, 0.0, "at 0 µm"),
    ):
        curve = Curve(shown.LOWRES, other)
        pair = found.tests[metric].get(ours), found.tests[metric].get(curve)
        if None in pair:
            continue
        gain = pair[0] - pair[1]
        short |= gain < least
        words.append(f"{gain:+.2f} dB against {other} {what}")
    if not words:
        return ""
    text = f"On the test fields mfpinet has {shown.listed(words)}. "
    if short:
        text += (
            f"That is short of what it should have, {WANTED:g} dB over linear_per_plane and more "
            "than bicubic at 0 µm: in this budget it does not get there, and the curve shows what "
            "more of it gives. "
        )
    return text


def _slopes(found: _Shown) -> str:
    """Say what the second half of each budget gave."""
    words = []
    for metric, part in found.trainings.items():
        for curve, one in part.items():
            half = one.seconds[-1] / 2
            if len(one.seconds) > 2 and one.seconds[0] < half:
                gain = one.psnr[-1] - np.interp(half, one.seconds, one.psnr)
                alone = " (0 µm)" if metric == MIDDLE else ""
                words.append(f"{labels(found.curves)[curve]}{alone} {gain:+.2f}")
    return f"The second half of the budget gave, dB: {', '.join(words)}. " if words else ""


def _shown(results: Results) -> _Shown | None:
    degradations = [one for one in DEGRADATIONS if one in results.degradations]
    tests = _tests(results, degradations)
    clock = "cpu_seconds" if set(results.trainings().get("device", [])) <= {"cpu"} else "seconds"
    trainings: dict[str, dict[Curve, _Training]] = {ALL: {}, MIDDLE: {}}
    levels: dict[str, dict[Curve, float]] = {ALL: {}, MIDDLE: {}}
    on_validation = set()
    seen = in_order([Curve(one.degradation, one.method) for one in results.items])
    for curve in seen:
        if curve.degradation not in degradations:
            continue
        table = results.training_trace(curve.method)
        known = table[np.isfinite(table["psnr"])] if table is not None else ()
        if len(known) > 1:
            metric = MIDDLE if curve in tests[MIDDLE] and curve not in tests[ALL] else ALL
            test = tests[metric].get(curve, math.nan)
            columns = (known[name].to_numpy(dtype=float) for name in (clock, "psnr"))
            trainings[metric][curve] = _Training(*columns, test)
        elif len(known):  # fitted at once
            levels[ALL][curve] = float(known["psnr"].iloc[0])
            on_validation.add(curve)
        elif is_trivial(curve.method):
            own = _validation(results, curve)
            on_validation |= {curve} if own else set()
            for metric in (ALL, MIDDLE):
                level = (own or {key: tests[key].get(curve, math.inf) for key in tests})[metric]
                if math.isfinite(level):
                    levels[metric][curve] = level
    if not any(trainings.values()):
        return None
    for metric, part in trainings.items():
        if not part:
            levels[metric] = {}
    samples = results.samples if any(tests.values()) else []
    return _Shown(clock, trainings, levels, on_validation, tests, samples)


def _validation(results: Results, curve: Curve) -> dict[str, float] | None:
    """PSNR of bicubic on the validation field; None where its truth is not there."""
    fields = [name for role, name in results.training_truths() if role == "validation"]
    truth = results.truth(fields[0]) if fields else None
    if truth is None or curve.method != shown.BICUBIC:
        return None
    stack = watched(truth.array)
    image = middle(stack)
    if curve.kind == shown.LOWRES:
        image = enlarged(degrade(image))
    values = [psnr(plane, image, RANGE) for plane in stack]
    return {ALL: float(np.mean(values)), MIDDLE: values[len(values) // 2]}


def _tests(results: Results, degradations: list[str]) -> dict[str, dict[Curve, float]]:
    """Mean PSNR over the test fields; what is not finite on one of them is left out."""
    scores = results.scores().drop_duplicates(["sample", "degradation", "method"])
    found: dict[str, dict[Curve, float]] = {ALL: {}, MIDDLE: {}}
    for metric, part in found.items():
        if metric not in scores:
            continue
        for (degradation, method), rows in scores.groupby(["degradation", "method"], sort=False):
            mean = float(rows[metric].astype(float).mean(skipna=False))
            if degradation in degradations and math.isfinite(mean):
                part[Curve(degradation, method)] = mean
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
    if math.isfinite(one.test):
        x, y = one.seconds[-1] * 1.35, one.test
        thin = {"color": look["color"], "linewidth": 0.6}
        axes.plot([one.seconds[-1], x], [one.psnr[-1], y], **thin)
        mark = {key: look[key] for key in ("color", "marker", "fillstyle")}
        axes.plot(x, y, **mark, markersize=8, linestyle="", markeredgewidth=1.4)
    return line
