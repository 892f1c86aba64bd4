"""How often the true level is among the k most probable ones (the paper's figures 5 and 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench import methods as known_methods
from focusbench.evaluation.levels import cumulative_match
from focusbench.report.figures import Style, method_styles, new_figure, sentence_figure, style
from focusbench.report.results import Results
from focusbench.tracks.defocus import confusion_counts as counts
from focusbench.tracks.defocus import shown, told
from focusbench.tracks.defocus.told import BASELINE, NETWORKS, Variant

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

ABLATED = {"bg": 'without "bg"', "dropout": "without dropout", "batch_norm": "without BN"}
PANELS = ("held_out", "real")
NO_ABLATION = (
    "DelpNet was not judged, or without any variant that differs in `bg`, dropout or batch "
    "normalisation alone."
)
NO_NETWORK = "No predictor was judged on patches whose level is known."


class _Shown(NamedTuple):
    """Curves: set -> predictor -> share by k; what the predictors are called; how they look."""

    curves: dict[str, dict[str, np.ndarray]]
    patches: dict[str, tuple[int, int]]  # set -> patches, fields
    headings: dict[str, str]  # of the sets
    names: dict[str, str]
    styles: dict[str, Style]


def fig5(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Cumulative match of DelpNet and its variants without `bg`, dropout, batch normalisation.

    Reads what predictors said of patches. Which variant is which follows from its parameters;
    of each the first seed.

    Parameters
    ----------
    results
        Of this track.
    settings
        `track` with `optics` (`levels`) and `predictors`; `methods`: parameters by id.
    """
    with style():
        found = _ablations(results, settings)
        return sentence_figure(NO_ABLATION) if found is None else _draw(found, settings)


def fig5_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `fig5`."""
    found = _ablations(results, settings)
    if found is None:
        return f"{NO_ABLATION}{shown.made_with(settings)}"
    ids = ", ".join(f"{name} ({one})" for one, name in found.names.items() if name != one)
    base = next(iter(found.names))
    told_apart = " ".join(found.names.values())  # "dropout 0.25" where the first one has none
    words = {key: name.removeprefix("without ") for key, name in ABLATED.items()}
    missing = [name for key, name in ABLATED.items() if words[key] not in told_apart]
    return (
        f"{_told(found)} Variants differ from {base} in nothing else: {ids}. BN: batch "
        'normalisation. Without "bg" there is one class less, and patches that show nothing count '
        "as of their image's level."
        + (f" Not judged: {', '.join(missing)}." if missing else "")
        + shown.made_with(settings)
    )


def fig6(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Cumulative match of the networks, and of logistic regression on three features.

    Parameters
    ----------
    results, settings
        As for `fig5`.
    """
    with style():
        found = _networks(results, settings)
        return sentence_figure(NO_NETWORK) if found is None else _draw(found, settings)


def fig6_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `fig6`."""
    found = _networks(results, settings)
    if found is None:
        return f"{NO_NETWORK}{shown.made_with(settings)}"
    others = [
        one for one in counts.predictors(counts.table(results), settings) if one not in found.names
    ]
    missing = [one for one in (*NETWORKS, BASELINE) if one not in found.names]
    return (
        _told(found)
        + (
            f" {BASELINE}: a linear model of three features of sharpness, which a network must "
            "beat; not in the paper."
            if BASELINE in found.names
            else ""
        )
        + (f" Variants are not shown: {', '.join(others)}." if others else "")
        + (f" Not judged: {', '.join(missing)}." if missing else "")
        + shown.made_with(settings)
    )


def _ablations(results: Results, settings: Mapping[str, Any]) -> _Shown | None:
    table = counts.table(results)
    methods = counts.predictors(table, settings)
    found = [
        one
        for one in told.variants(methods, results, settings)
        if one.kind == told.BASE or set(one.changes) <= set(ABLATED)
    ]
    names = {one.method: _name(one) for one in found}
    if len(names) < 2:
        return None
    return _collect(table, settings, names, method_styles(list(names)[:1], list(names)))


def _name(variant: Variant) -> str:
    """What a variant does without; or with, where the reference does without."""
    if not variant.changes:
        return variant.method
    words = []
    for key, value in variant.changes.items():
        if not value:
            words.append(ABLATED[key])
        elif key == "dropout":
            words.append(f"dropout {value:g}")
        else:
            words.append(ABLATED[key].replace("without", "with"))
    return ", ".join(words)


def _networks(results: Results, settings: Mapping[str, Any]) -> _Shown | None:
    table = counts.table(results)
    known = [told.PAPERS, *(one for one in NETWORKS if one != told.PAPERS), BASELINE]
    own = {one for one, entry in known_methods.TABLE.items() if entry.predicts}
    methods = [
        one
        for one in counts.predictors(table, settings)
        if one in own or told.network(one, results) not in own
    ]
    return _collect(table, settings, {one: one for one in methods}, method_styles(known, methods))


def _collect(
    table: DataFrame, settings: Mapping[str, Any], names: dict[str, str], looks: dict[str, Style]
) -> _Shown | None:
    levels = counts.levels_of(settings)
    curves: dict[str, dict[str, np.ndarray]] = {}
    patches, headings = {}, {}
    for name in PANELS:
        for method in names:
            judged = counts.judged(table, method, name, levels)
            if judged is None:
                continue
            curve = cumulative_match(judged.truth, judged.probabilities, levels)
            curves.setdefault(name, {})[method] = curve
            patches[name] = len(judged.truth), len(set(judged.sample))
            headings[name] = counts.heading(name, judged.sample)
    some = {method for one in curves.values() for method in one}
    if not some:
        return None
    kept = {method: name for method, name in names.items() if method in some}
    return _Shown(curves, patches, headings, kept, looks)


def _told(found: _Shown) -> str:
    sets = "; ".join(
        f"{found.headings[name]}, {many} patches of {_fields(fields)}: "
        + ", ".join(f"{found.names[m]} {counts.percent(curve[0])}" for m, curve in curves.items())
        for (name, curves), (many, fields) in zip(
            found.curves.items(), found.patches.values(), strict=True
        )
    )
    missing = [counts.SETS[name] for name in PANELS if name not in found.curves]
    return (
        "Share of the patches whose true class (level or bg) is among the k that a predictor holds "
        f"for the most probable. At k = 1 it is the accuracy. {counts.capital(sets)}."
        + (f" Not judged on {', '.join(missing)}." if missing else "")
    )


def _fields(many: int) -> str:
    return f"{many} fields" if many > 1 else "one field"


def _draw(found: _Shown, settings: Mapping[str, Any]) -> Figure:
    figure = new_figure(8.4 if len(found.curves) > 1 else 5.4, 4.0)
    above = figure.subplots(1, len(found.curves), squeeze=False, sharey=True)[0]
    handles: dict[str, Any] = {}
    for axes, (name, curves) in zip(above, found.curves.items(), strict=True):
        handles |= _panel(axes, curves, found)
        axes.set_title(counts.capital(found.headings[name]))
        axes.set_xticks(range(1, counts.levels_of(settings) + 2))
    above[0].set_ylabel("true class among the k most probable, %")
    figure.legend(
        [handles[method] for method in found.names],
        list(found.names.values()),
        loc="outside lower center",
        ncols=min(4, len(found.names)),
        frameon=False,
    )
    return figure


def _panel(axes: Axes, curves: Mapping[str, np.ndarray], found: _Shown) -> dict[str, Any]:
    handles = {}
    for method, curve in curves.items():
        look = found.styles[method]
        (handles[method],) = axes.plot(
            np.arange(1, len(curve) + 1),
            100 * curve,
            color=look.colour,
            linestyle=look.dashes,
            marker=look.marker or None,
            markersize=4.5,
            linewidth=1.2,
        )
    axes.set_xlabel("k")
    return handles
