"""Validation loss by epoch for momenta of batch normalisation (the paper's figure 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.report.figures import COLOURS, MARKERS, new_figure, sentence_figure, style
from focusbench.report.results import Results
from focusbench.tracks.defocus import shown, told

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KEY = "keras_momentum"
LOGARITHMIC = 8.0  # largest loss over least, from which the axis is logarithmic
MANY = 40  # epochs up to which each has a mark
MARKS = 12  # on a longer line
NOTHING = (
    "No training of DelpNet, as it is or with another momentum of batch normalisation, kept a "
    "validation loss by epoch."
)


class _Curve(NamedTuple):
    """What was watched in one training."""

    method: str
    momentum: float
    epochs: np.ndarray
    loss: np.ndarray
    base: bool = False  # what the others are compared with


def fig4(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Loss on the validation patches by epoch, one line a momentum.

    Reads training records. Shown are DelpNet (see `told.reference`) and its variants that differ in
    `keras_momentum` alone, each with its first seed.

    Parameters
    ----------
    results
        Of this track.
    settings
        `methods`: parameters by id.
    """
    with style():
        curves = _curves(results, settings)
        if not curves:
            return sentence_figure(NOTHING)
        figure = new_figure(6.2, 3.4)
        axes = figure.subplots()
        for curve in curves:
            name = f"momentum {curve.momentum:.2f} ({curve.method})"
            axes.plot(curve.epochs, curve.loss, label=name, **_look(curve, curves))
        every = np.concatenate([curve.loss for curve in curves])
        if every.min() > 0 and every.max() > LOGARITHMIC * every.min():
            axes.set_yscale("log")
            axes.grid(True, which="minor", axis="y", linewidth=0.3)
            _plain_numbers(axes)
        axes.set_xlabel("epoch")
        axes.set_ylabel("cross-entropy on validation patches, nats")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(frameon=False)
        return figure


def fig4_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `fig4`."""
    curves = _curves(results, settings)
    if not curves:
        return f"{NOTHING}{shown.made_with(settings)}"
    told = "; ".join(
        f"{curve.momentum:.2f} ({curve.method}): {curve.loss[-1]:.3g} after "
        f"{curve.epochs[-1]:g} epochs, least {curve.loss.min():.3g}{_restless(curve)}"
        for curve in curves
    )
    missing = [one for one in (0.99, 0.6, 0.4) if one not in {c.momentum for c in curves}]
    return (
        "Cross-entropy of DelpNet on validation patches after each epoch, for momenta of batch "
        "normalisation as Keras counts them: the share of the running statistics that a step "
        "keeps. They concern these statistics alone, which are used when the network is asked, not "
        f"when it learns. By momentum: {told}. Swing: the median change of the loss from an epoch "
        "to the next over the last half of them, up or down, as a factor."
        + (
            f" Not trained: momentum {', '.join(f'{one:.2f}' for one in missing)}."
            if missing
            else ""
        )
        + shown.made_with(settings)
    )


def _look(curve: _Curve, curves: list[_Curve]) -> dict[str, Any]:
    """The one that the others are compared with looks as `delpnet` does; they follow."""
    order = sorted(curves, key=lambda one: not one.base)
    place, many = order.index(curve), len(curve.epochs)
    # a mark at each of many epochs would hide the line, and dashes would be lost in its swings
    apart = 1 if many <= MANY else many // MARKS
    return {
        "color": COLOURS[place % len(COLOURS)],
        "marker": MARKERS[place % len(MARKERS)],
        "markersize": 4,
        "markevery": (place * apart // 3, apart),
        "linewidth": 1.3 if many <= MANY else 0.9,
        "zorder": 3 if place == 0 else 2,
    }


def _plain_numbers(axes: Any) -> None:
    """Write 0.2, not 2 times 10 to the -1."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 300 * low else (1,)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _curves(results: Results, settings: Mapping[str, Any]) -> list[_Curve]:
    """From the largest momentum to the least."""
    trainings = results.trainings()
    if not len(trainings):
        return []
    methods = list(dict.fromkeys(trainings["method"]))
    found = []
    for one in told.variants(methods, results, settings):
        if set(one.changes) - {KEY}:
            continue
        rows = trainings[trainings["method"] == one.method]
        first = min(rows.index, key=lambda row, rows=rows: _seed(rows.loc[row, "training"]))
        curve = dict(rows.loc[first, "details"] or {}).get("curve") or []
        known = [epoch for epoch in curve if epoch.get("validation_loss") is not None]
        if known:
            epochs = np.array([epoch["epoch"] for epoch in known], np.float64)
            loss = np.array([epoch["validation_loss"] for epoch in known], np.float64)
            base = told.reference(methods, results, settings)
            momentum = told.base_parameters(settings, base)[KEY]
            momentum = float(one.changes.get(KEY, momentum))
            found.append(_Curve(one.method, momentum, epochs, loss, one.method == base))
    return sorted(found, key=lambda one: -one.momentum)


def _seed(training: str) -> int:
    return int(training.rpartition("-seed")[2])


def _restless(curve: _Curve) -> str:
    late = curve.loss[len(curve.loss) // 2 :]
    if len(late) < 3 or late.min() <= 0:
        return ""
    factor = np.exp(np.median(np.abs(np.diff(np.log(late)))))
    return f", swing {factor:.2f}"
