"""Quality against the noise of the observation (the paper's figure 8)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.evaluation.metrics import psnr, ssim, ssim_fits
from focusbench.report.figures import (
    is_trivial,
    new_figure,
    sentence_figure,
    style,
    track_styles,
)
from focusbench.report.results import Results
from focusbench.report.score_grid import ScoreGrid
from focusbench.tracks.deconvolution import shown
from focusbench.tracks.deconvolution.degradations import parse
from focusbench.tracks.deconvolution.metrics import METRICS, RANGE
from focusbench.tracks.deconvolution.noise_sections import levels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = ("psnr_volume", "ssim_uniform_3d")
LEVELS = ("input", "affine_input")  # trivial rows that are drawn; zeros lies far below
GAP = 1.4  # steps between the last noise level and none
SPREAD = 0.1  # of a step, over which the methods' marks of one level lie if they have bars
NOTHING = "No volume with a truth was restored at several noise levels."


class _Curve(NamedTuple):
    """Mean and standard deviation over the samples, one value a level; NaN: not known."""

    mean: np.ndarray
    deviation: np.ndarray


class _Shown(NamedTuple):
    """Everything that the figure shows."""

    levels: list[str]
    samples: list[str]
    curves: dict[str, dict[str, _Curve]]  # metric -> method -> curve
    trained: list[str]  # levels that learned methods were trained at


def fig8(results: Results, settings: Mapping[str, Any]) -> Figure:
    """PSNR and SSIM against the average SNR, one line a method.

    Reads scores; where the row `input` was not scored, truths and observations as well.

    Parameters
    ----------
    results
        Of the study of noise.
    settings
        `variants`, all methods of a user's own.
    """
    with style():
        found = _shown(results)
        if found is None:
            return sentence_figure(NOTHING)
        if "input" not in _methods(found):
            found = _with_input(results, found)
        return _draw(found, track_styles(results.track, _methods(found), _variants(settings)))


def fig8_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `fig8`."""
    found = _shown(results)
    if found is None:
        return f"{NOTHING}{shown.made_with(settings)}"
    count = len(found.samples)
    over = (
        f"Means over {count} samples ({', '.join(found.samples)}); bars: their standard deviation"
        if count > 1
        else f"One sample ({found.samples[0]}), so no spread"
    )
    others = [d for d in results.degradations if d not in found.levels]
    without = [m for m in results.methods if m not in _methods(found)]
    return (
        "Quality of the restored volumes against the average SNR of the observation, blurred with "
        f"the Born-Wolf PSF: {METRICS[SHOWN[0]].label} ({METRICS[SHOWN[0]].settings}), and "
        f"{METRICS[SHOWN[1]].label} ({METRICS[SHOWN[1]].settings}). The levels stand at equal "
        "distances, in dB not to scale; on the right, apart, without noise. "
        f"{over}. Seeds are averaged first"
        + (
            f"; marks with bars are moved sideways, by at most {SPREAD / 2:g} of a step, so that "
            "bars can be told apart"
            if count > 1
            else ""
        )
        + ". Dashed grey: the observation as it is."
        + shown.trained(results)
        + (" That level is marked." if found.trained else "")
        + (f" Not shown, as another PSF blurred them: {', '.join(others)}." if others else "")
        + (f" Not shown: {', '.join(without)}." if without else "")
        + shown.made_with(settings)
    )


def _variants(settings: Mapping[str, Any]) -> list[str]:
    return list(settings.get("variants", ()))


def _methods(found: _Shown) -> list[str]:
    return list(found.curves[SHOWN[0]])


def _shown(results: Results) -> _Shown | None:
    scores = results.scores()
    scores = scores[scores["psnr_volume"].notna()] if "psnr_volume" in scores else scores[:0]
    found = [level for level in levels(results) if level in set(scores["degradation"])]
    methods = [m for m in results.methods if not is_trivial(m) or m in LEVELS]
    if not found or not methods:
        return None
    grids = {
        level: ScoreGrid(
            scores[scores["degradation"] == level], results.samples, methods, METRICS, 0
        )
        for level in found
    }
    samples = [s for s in results.samples if any(s in grid.samples for grid in grids.values())]
    curves: dict[str, dict[str, _Curve]] = {}
    for metric in SHOWN:
        curves[metric] = {}
        for method in methods:
            values = [
                [grid.value(metric, sample, method) for sample in grid.complete(metric)]
                for grid in grids.values()
            ]
            curves[metric][method] = _curve(values)
    trained = {training.rpartition("-seed")[0] for _, training in results.trained}
    return _Shown(found, samples, curves, [level for level in found if level in trained])


def _with_input(results: Results, found: _Shown) -> _Shown:
    """Put the observation first, which needs no restoration to be scored."""
    pairs = {(item.sample, item.degradation) for item in results.items}
    curves = {}
    for metric, others in found.curves.items():
        values = [
            _of_input(results, metric, level, [s for s in found.samples if (s, level) in pairs])
            for level in found.levels
        ]
        curves[metric] = {"input": _curve(values), **others}
    return found._replace(curves=curves)


def _of_input(results: Results, metric: str, level: str, samples: list[str]) -> list[float]:
    values = []
    for sample in samples:
        truth, observed = results.truth(sample), results.observed(sample, level)
        if truth is None:
            continue
        if metric == "psnr_volume":
            values.append(psnr(truth.array, observed.array, RANGE))
        elif ssim_fits(truth.array.shape, "uniform_3d"):
            values.append(ssim(truth.array, observed.array, RANGE, "uniform_3d"))
    return values


def _curve(values: list[list[float]]) -> _Curve:
    known = [[value for value in one if math.isfinite(value)] for one in values]
    mean = [float(np.mean(one)) if one else math.nan for one in known]
    deviation = [float(np.std(one, ddof=1)) if len(one) > 1 else math.nan for one in known]
    return _Curve(np.array(mean), np.array(deviation))


def _places(found: list[str]) -> np.ndarray:
    """Places of the levels: a step apart, without noise a little further."""
    clean = [parse(level).snr_db is None for level in found]
    return np.array([i + (GAP - 1) * none for i, none in enumerate(clean)])


def _draw(found: _Shown, styles: Mapping[str, Any]) -> Figure:
    figure = new_figure(8.4, 4.0)
    above = figure.subplots(1, 2)
    handles = {}
    for axes, metric in zip(above, SHOWN, strict=True):
        handles = _draw_metric(axes, found, metric, styles)
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside lower center",
        ncols=min(4, len(handles)),
        frameon=False,
    )
    return figure


def _draw_metric(
    axes: Axes, found: _Shown, metric: str, styles: Mapping[str, Any]
) -> dict[str, Any]:
    places = _places(found.levels)
    noisy = np.array([parse(level).snr_db is not None for level in found.levels])
    marked = [m for m in found.curves[metric] if not is_trivial(m)]
    handles = {}
    for method, curve in found.curves[metric].items():
        look = {"color": styles[method].colour, "linestyle": styles[method].dashes}
        shift = 0.0
        if method in marked and len(marked) > 1:
            shift = SPREAD * (marked.index(method) / (len(marked) - 1) - 0.5)
        elif method == "input":
            look["linestyle"] = "--"
        some = np.isfinite(curve.deviation)
        x = places + shift * some
        marker = {"marker": styles[method].marker or "", "markersize": 5}
        (line,) = axes.plot(x[noisy], curve.mean[noisy], **look, **marker)
        if not noisy.all():
            last = x[~noisy], curve.mean[~noisy]
            axes.plot(*last, color=look["color"], linestyle="", **{**marker, **_flat(method)})
            if noisy.any():  # thin: nothing was measured on the way
                ends = [np.flatnonzero(noisy)[-1], np.flatnonzero(~noisy)[0]]
                axes.plot(x[ends], curve.mean[ends], **{**look, "linewidth": 0.6}, alpha=0.6)
        if some.any() and method in marked:
            bars = {"fmt": "none", "ecolor": look["color"], "elinewidth": 0.9}
            axes.errorbar(x[some], curve.mean[some], curve.deviation[some], **bars)
        handles[method] = line
    names = [parse(level).snr_db for level in found.levels]
    axes.set_xticks(places, ["no noise" if snr is None else f"{snr:g}" for snr in names])
    axes.set_xlim(places[0] - 0.5, places[-1] + 0.5)
    for level in found.trained:
        place = places[found.levels.index(level)]
        axes.axvspan(place - 0.3, place + 0.3, color="#eeeeee", zorder=0, linewidth=0)
        words = {"fontsize": 8, "color": "#555555", "ha": "center", "va": "bottom"}
        axes.text(place, 1.0, "trained", transform=axes.get_xaxis_transform(), **words)
    axes.set_xlabel("average SNR of the observation, dB")
    unit = f", {METRICS[metric].unit}" if METRICS[metric].unit else ""
    axes.set_ylabel(f"{METRICS[metric].label}{unit}")
    return handles


def _flat(method: str) -> dict[str, Any]:
    """A short line for what has no mark."""
    return {"marker": "_", "markersize": 9} if is_trivial(method) else {}
