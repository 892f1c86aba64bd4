"""Figure: what early stopping sees of a run, and what it cannot see."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.paths import Restored, base_id
from focusbench.report.figures import Style, new_figure, sentence_figure, style, track_styles
from focusbench.report.results import Results
from focusbench.tracks.multifocus.degradations import parse
from focusbench.tracks.multifocus.outcomes import (
    REFERENCE,
    RULES,
    ended_by,
    number,
    same_iterates,
    watched,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

MOST_SAMPLES = 4
DRAWN_AS = {"es_wmv": "dip_es_wmv", "es_emv": "dip_es_emv"}  # rule -> method whose style it has
MARKERS = {"es_wmv": "o", "es_emv": "s"}
NOTHING = "No run of the deep prior with early stopping and a known truth was selected."


class _Stop(NamedTuple):
    """What a rule saw of a run, and the iterate that it keeps."""

    rule: str
    method: str  # of the record that it stands in
    step: int | None  # of the iterate; None: no variance yet
    psnr: float  # of the iterate, dB
    variance: float  # there
    stopped_at: int | None  # step at which the patience ended
    steps: list[int]
    variances: list[float]


class _Panel(NamedTuple):
    """What is drawn of one sample."""

    item: Restored  # whose PSNR is shown
    trace: DataFrame
    peak: tuple[int, float]  # step and PSNR of the oracle, dB
    stops: list[_Stop]


def stopping(results: Results, settings: Mapping[str, Any]) -> Figure:
    """PSNR and variance against the iteration, with the iterates that the rules keep.

    Reads scores, restoration records and traces.

    Parameters
    ----------
    results
        Of this track.
    settings
        Taken as all figures take it.
    """
    with style():
        panels = _panels(results)
        if not panels:
            return sentence_figure(NOTHING)
        styles = track_styles(results.track, [REFERENCE, *DRAWN_AS.values()])
        return _draw(panels, styles)


def stopping_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `stopping`."""
    panels = _panels(results)
    if not panels:
        return f"{NOTHING} Preset {settings['preset']}."
    first = panels[0]
    rules = {stop.rule: stop for panel in panels for stop in panel.stops}
    seen = "; ".join(
        f"{RULES[rule]}, {_what(rule)}, of {stop.method}" for rule, stop in rules.items()
    )
    listed = ", ".join(base_id(panel.item.sample) for panel in panels)
    left_out = len(_candidates(results)) - len(panels)
    text = (
        f"Early stopping at {first.item.degradation} ({listed}; first seed). Above, PSNR (data "
        f"range 1, whole volume) of the iterates of {first.item.method}; the star is the highest "
        "of the trace, which takes the truth to find (oracle); the rise at the start is cut off. "
        "Below, on a logarithmic axis, what "
        f"a rule sees without the truth: the variance of the latest iterates, per voxel ({seen}). "
        "Filled marks: the iterate at the lowest variance, which the rule keeps, in both panels. "
        "Dotted lines: the step at which its patience ended, from which on it would not look. "
        "A good rule has its mark near the star."
    )
    different = [p for p in panels if any(s.method != p.item.method for s in p.stops)]
    if different:
        text += (
            " Runs with one seed and the same parameters pass through the same iterates, so that "
            f"marks of other methods lie on the curve of {first.item.method}."
        )
    if left_out:
        text += (
            f" Of {len(panels) + left_out} samples those whose PSNR falls the most after its peak."
        )
    return f"{text} Preset {settings['preset']}."


def _what(rule: str) -> str:
    return {
        "es_wmv": "mean squared distance of a window of iterates from their mean",
        "es_emv": "exponential moving variance",
    }[rule]


def _candidates(results: Results) -> list[Restored]:
    """Runs that can be shown: at the strongest noise, one for each sample, `dip` if it is there."""
    records = {item: results.record(item) for item in results.items}
    shown = {
        item: record
        for item, record in records.items()
        if record.get("oracle") and watched(record).get("criterion") in RULES
    }
    if not shown:
        return []
    strongest = max(dict.fromkeys(item.degradation for item in shown), key=lambda d: parse(d).sigma)
    found: dict[str, Restored] = {}
    order = [REFERENCE, *DRAWN_AS.values()]
    for method in order:
        for item in shown:
            if item.degradation == strongest and item.method == method:
                found.setdefault(item.sample, item)
    return [found[sample] for sample in results.samples if sample in found]


def _chosen(results: Results, items: Sequence[Restored]) -> list[Restored]:
    """Those that lose most after their peak: only there can a good stop be told from a bad one."""
    if len(items) <= MOST_SAMPLES:
        return list(items)

    def loss(item: Restored) -> float:
        last = float(results.trace(item)["psnr"].iloc[-1])
        return number(results.record(item)["oracle"]["psnr"]) - last

    most = sorted(items, key=loss, reverse=True)[:MOST_SAMPLES]
    return [item for item in items if item in most]


def _panels(results: Results) -> list[_Panel]:
    panels = []
    scores = results.scores()
    for item in _chosen(results, _candidates(results)):
        record = results.record(item)
        oracle = record["oracle"]
        trace = results.trace(item)
        trace = trace[np.isfinite(trace["psnr"])]
        peak = oracle["step"], number(oracle["psnr"])
        panels.append(_Panel(item, trace, peak, _stops(results, item, record, scores)))
    return panels


def _stops(
    results: Results, item: Restored, record: Mapping[str, Any], scores: DataFrame
) -> list[_Stop]:
    """Rules that saw this run's iterates: those of its own record first."""
    found: dict[str, _Stop] = {}
    final = scores.set_index(["sample", "degradation", "method", "seed"])["psnr"]
    others = [item._replace(method=method) for method in DRAWN_AS.values()]
    for one in [item, *(other for other in others if other in results.items)]:
        own = results.record(one)
        seen = watched(own)
        rule = seen.get("criterion")
        if rule not in RULES or rule in found or not (one == item or same_iterates(own, record)):
            continue
        kept = (own.get("others") or {}).get(rule) or {}
        psnr = float(final[tuple(one)]) if ended_by(own) else number(kept.get("psnr"))
        found[rule] = _Stop(
            rule=rule,
            method=one.method,
            step=seen.get("step"),
            psnr=psnr,
            variance=number(seen.get("variance")),
            stopped_at=seen.get("stopped_at"),
            steps=seen.get("steps") or [],
            variances=seen.get("variances") or [],
        )
    return [found[rule] for rule in RULES if rule in found]


def _draw(panels: list[_Panel], styles: Mapping[str, Style]) -> Figure:
    columns = min(2, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = new_figure(3.9 * columns + 0.4, 4.0 * rows + 0.9)
    grid = figure.subplots(
        2 * rows, columns, squeeze=False, height_ratios=[3, 2] * rows, sharex="none"
    )
    handles: dict[str, Any] = {}
    for number_of, panel in enumerate(panels):
        r, c = divmod(number_of, columns)
        above, below = grid[2 * r, c], grid[2 * r + 1, c]
        below.sharex(above)
        handles |= _draw_panel(panel, above, below, styles)
        if c == 0:
            above.set_ylabel("PSNR (range 1), dB")
            below.set_ylabel("variance of\nlatest iterates")
    if len(panels) % columns:
        for axes in grid[-2:, -1]:
            axes.axis("off")
    figure.legend(
        list(handles.values()), list(handles), loc="outside lower center", ncols=2, frameon=False
    )
    return figure


def _draw_panel(
    panel: _Panel, above: Axes, below: Axes, styles: Mapping[str, Style]
) -> dict[str, Any]:
    """Draw a sample; return label -> what stands for it in the legend."""
    handles: dict[str, Any] = {}
    look = {"markeredgecolor": "white", "markeredgewidth": 0.8, "linestyle": "none", "zorder": 5}
    steps, psnr = (panel.trace[key].to_numpy(dtype=float) for key in ("step", "psnr"))
    main = styles[REFERENCE].colour
    (line,) = above.plot(steps, psnr, color=main, linewidth=1.3)
    handles[f"PSNR of {panel.item.method}"] = line
    for stop in panel.stops:
        colour = styles[DRAWN_AS[stop.rule]].colour
        name, marker = RULES[stop.rule], MARKERS[stop.rule]
        (line,) = below.plot(stop.steps, stop.variances, color=colour, linewidth=1.0)
        handles[f"variance, {name}"] = line
        if stop.stopped_at is not None:
            for axes in (above, below):
                ended = axes.axvline(stop.stopped_at, color=colour, linestyle=":", linewidth=1.4)
            handles[f"patience of {name} ended"] = ended
        if stop.step is None:
            continue
        below.plot([stop.step], [stop.variance], marker, color=colour, markersize=7, **look)
        (mark,) = above.plot([stop.step], [stop.psnr], marker, color=colour, markersize=7, **look)
        handles[f"iterate that {name} keeps"] = mark
    look |= {"markerfacecolor": "none", "markeredgecolor": "black", "markersize": 15}
    (star,) = above.plot(*([x] for x in panel.peak), "*", **look)  # hollow: a mark may lie in it
    handles["highest PSNR (oracle)"] = star
    bottom, highest = _lowest(panel, psnr), max(panel.peak[1], psnr.max())
    above.set_ylim(bottom, highest + 0.12 * (highest - bottom))  # room for the star's upper half
    above.set_title(base_id(panel.item.sample))
    above.tick_params(labelbottom=False)
    below.set_yscale("log")
    below.set_xlabel("iteration")
    return handles


def _lowest(panel: _Panel, psnr: np.ndarray) -> float:
    """Where the PSNR axis begins: the steep rise at the start would press all else together."""
    marked = [stop.psnr for stop in panel.stops if math.isfinite(stop.psnr)]
    least = min([psnr[-1], panel.peak[1], *marked])
    return max(psnr.min(), least - max(1.0, 0.5 * (panel.peak[1] - least))) - 0.2
