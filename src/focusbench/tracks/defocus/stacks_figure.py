"""Predictors on real blur: the planes of real stacks, by distance from the plane in focus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.data import bbbc006
from focusbench.report.figures import Style, method_styles, new_figure, sentence_figure, style
from focusbench.report.results import Results
from focusbench.tracks.defocus import confusion_counts as counts
from focusbench.tracks.defocus import shown, told
from focusbench.tracks.defocus.told import BASELINE, NETWORKS
from focusbench.training.level_map import BG

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 7  # predictors in one panel
BLURRED = "held_out"  # by the model, to compare with
NOTHING = (
    "No predictor was judged on real stacks: none are configured (`stacks`; the embedded fields "
    "are blurred by the model alone)."
)
WORDS = {
    "right": "patches with the right level, %",
    "near": "patches within one level, %",
    "mean": "mean predicted level",
}


class _Curve(NamedTuple):
    """By distance: mean over the stacks, least and most of them (NaN: nothing was predicted)."""

    distance: np.ndarray  # um
    mean: np.ndarray
    least: np.ndarray
    most: np.ndarray


class _Shown(NamedTuple):
    """Everything that the figure shows."""

    curves: dict[str, dict[str, _Curve]]  # metric -> predictor -> curve
    blurred: dict[str, _Curve] | None  # metric -> curve of the first predictor on modelled blur
    stacks: list[str]
    patches: int
    methods: list[str]
    left_out: list[str]
    unjudged: str  # stacks that a predictor knows the fields of, as a sentence; may be empty


def stacks(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Share of right levels, share within one, and mean predicted level, against |z - z_focus|.

    Reads what predictors said of patches; of each the first seed. Where the first of them was
    judged on held-out fields that the model blurred, that is drawn too.

    Parameters
    ----------
    results
        Of this track.
    settings
        `track` with `optics` (`levels`, `step`) and `predictors`; `methods`: parameters by id.
    """
    with style():
        found = _shown(results, settings)
        return sentence_figure(_nothing(settings)) if found is None else _draw(found, settings)


def stacks_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `stacks`."""
    found = _shown(results, settings)
    if found is None:
        return f"{_nothing(settings)}{shown.made_with(settings)}"
    step, last = counts.step_of(settings), counts.levels_of(settings) - 1
    many = len(found.stacks)
    return (
        f"Levels that predictors say of the planes of {many} real stack{'s' * (many > 1)} "
        f"({_first(found.stacks)}; {found.patches} patches) against the distance of a plane "
        f"from the sharpest one, which is where the counts vary most. No model blurred them. The "
        f"expected level is the distance over {step:g} µm, at most {last}: beyond "
        f"{last * step:g} µm (grey) all planes are taken for level {last}. The focus is known to "
        "a plane, nuclei have a thickness, and a field may be tilted: a level off is no plain "
        "error here. A patch is bg by the paper's rule as it was recorded, noise and all; the "
        "mean level is that of patches with a level in truth and prediction, and the dashed line "
        "what is expected. "
        + (f"Band: least and most of the stacks, of {found.methods[0]}. " if many > 1 else "")
        + (
            f"Dotted: {found.methods[0]} on held-out fields that the model blurred. "
            if found.blurred
            else ""
        )
        + (f"Not shown: {', '.join(found.left_out)}. " if found.left_out else "")
        + found.unjudged
    ).rstrip() + shown.made_with(settings)


def _shown(results: Results, settings: Mapping[str, Any]) -> _Shown | None:
    table, levels = counts.table(results), counts.levels_of(settings)
    methods = counts.predictors(table, settings)
    judged = {one: counts.judged(table, one, counts.STACK, levels) for one in methods}
    having = [one for one in methods if judged[one] is not None]
    if not having:
        return None
    kept = _kept(having, settings)
    step = counts.step_of(settings)
    curves = {
        metric: {one: _curve(judged[one], of, step) for one in kept} for metric, of in _OF.items()
    }
    model = counts.judged(table, kept[0], BLURRED, levels)
    blurred = None if model is None else {m: _curve(model, of, step) for m, of in _OF.items()}
    # a split by image may have left some out
    most = max((judged[one] for one in kept), key=lambda one: len(one.truth))
    names = list(map(str, dict.fromkeys(most.sample)))
    others = [one for one in having if one not in kept]
    judged_on = {one: [] if judged[one] is None else list(judged[one].sample) for one in methods}
    left_out = _unjudged(judged_on, settings)
    return _Shown(curves, blurred, names, len(most.truth), kept, others, left_out)


def _unjudged(judged: Mapping[str, list[str]], settings: Mapping[str, Any]) -> str:
    """Sentences on the stacks of fields that predictors learned from at other levels, if any."""
    parameters, every = settings.get("methods") or {}, settings["track"].get("stacks") or []
    without: dict[tuple[str, ...], list[str]] = {}
    for method, samples in judged.items():
        missing = tuple(one for one in every if one not in samples)
        if missing and told.by_image(parameters.get(method)):
            without.setdefault(missing, []).append(method)
    return " ".join(
        f"Left out of {', '.join(methods)}, split by image: {_first(list(missing))}, whose fields "
        "the training draws images from."
        for missing, methods in without.items()
    )


def _nothing(settings: Mapping[str, Any]) -> str:
    """Say why no predictor was judged."""
    compared = settings["track"].get("predictors") or []
    why = _unjudged({one: [] for one in compared}, settings)
    return f"No predictor was judged on real stacks. {why}" if why else NOTHING


def _kept(methods: list[str], settings: Mapping[str, Any]) -> list[str]:
    """At most `MOST`: the package's predictors, then those trained with shot noise, then others."""
    parameters = settings.get("methods") or {}
    noisy = [one for one in methods if (parameters.get(one) or {}).get("poisson")]
    known = [one for one in methods if one in (*NETWORKS, BASELINE)]
    kept = list(dict.fromkeys([*known, *noisy, *methods]))[:MOST]
    first = [told.PAPERS] if told.PAPERS in kept else []
    return [*first, *(one for one in methods if one in kept and one not in first)]


def _right(one: counts.Judged) -> float:
    return 100 * float((one.truth == one.predicted).mean())


def _near(one: counts.Judged) -> float:
    both = (one.truth != BG) & (one.predicted != BG)
    near = (one.truth == one.predicted) | (both & (np.abs(one.truth - one.predicted) <= 1))
    return 100 * float(near.mean())


def _mean(one: counts.Judged) -> float:
    both = (one.truth != BG) & (one.predicted != BG)
    return float(one.predicted[both].mean()) if both.any() else float("nan")


_OF = {"right": _right, "near": _near, "mean": _mean}


def _curve(judged: counts.Judged, of: Callable[[counts.Judged], float], step: float) -> _Curve:
    distance = _distance(judged, step)
    distances = np.unique(distance)
    rows = []
    for one in distances:
        there = distance == one
        values = [
            of(counts.Judged(*(part[there & (judged.sample == sample)] for part in judged)))
            for sample in dict.fromkeys(judged.sample[there])
        ]
        known = [value for value in values if np.isfinite(value)]
        rows.append((np.mean(known), min(known), max(known)) if known else (np.nan,) * 3)
    return _Curve(distances, *np.array(rows, np.float64).T)


def _distance(judged: counts.Judged, step: float) -> np.ndarray:
    """Distance of each patch's plane from the plane in focus, um (N,).

    Levels end, planes do not: of a stack it is counted from the plane of level 0.
    """
    distance = judged.step * step
    for sample in dict.fromkeys(judged.sample):
        mine = (judged.sample == sample) & (judged.plane >= 0)
        focus = judged.plane[mine & (judged.step == 0)]
        if focus.size:
            distance[mine] = np.abs(judged.plane[mine] - np.median(focus)) * bbbc006.STEP
    return distance


def _draw(found: _Shown, settings: Mapping[str, Any]) -> Figure:
    figure = new_figure(8.4, 3.5)
    above = figure.subplots(1, len(WORDS))
    looks = method_styles([*dict.fromkeys((told.PAPERS, *NETWORKS, BASELINE))], found.methods)
    handles: dict[str, Any] = {}
    step, last = counts.step_of(settings), counts.levels_of(settings) - 1
    for axes, (metric, words) in zip(above, WORDS.items(), strict=True):
        handles |= _panel(axes, found, metric, looks)
        axes.set_title(words)
        axes.set_xlabel("distance from focus, µm")
        furthest = max(curve.distance.max() for curve in found.curves[metric].values())
        if furthest > last * step:
            axes.axvspan(last * step, 1.03 * furthest, color="#eeeeee", zorder=0, linewidth=0)
        axes.set_xlim(-0.03 * furthest, 1.03 * furthest)
        if metric == "mean":
            axes.set_ylim(-0.5, last + 0.5)
            (expected,) = axes.plot(
                [0, last * step, max(furthest, last * step)],
                [0, last, last],
                color="#777777",
                linestyle="--",
                linewidth=1,
            )
            handles["expected"] = expected
        else:
            axes.set_ylim(-3, 103)
    figure.legend(
        list(handles.values()), list(handles), loc="outside lower center", ncols=4, frameon=False
    )
    return figure


def _panel(axes: Axes, found: _Shown, metric: str, looks: Mapping[str, Style]) -> dict[str, Any]:
    handles = {}
    for method, curve in found.curves[metric].items():
        look = looks[method]
        (handles[method],) = axes.plot(
            curve.distance,
            curve.mean,
            color=look.colour,
            linestyle=look.dashes,
            marker=look.marker or None,
            markersize=4,
            linewidth=1.3,
        )
        if len(found.stacks) > 1 and method == found.methods[0]:
            shade = {"color": look.colour, "alpha": 0.15, "linewidth": 0}
            axes.fill_between(curve.distance, curve.least, curve.most, **shade)
    if found.blurred is not None:
        curve = found.blurred[metric]
        look = {"color": looks[found.methods[0]].colour, "linestyle": ":", "linewidth": 1.2}
        (line,) = axes.plot(curve.distance, curve.mean, **look)
        handles[f"{found.methods[0]}, blurred by the model"] = line
    return handles


def _first(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and others"
