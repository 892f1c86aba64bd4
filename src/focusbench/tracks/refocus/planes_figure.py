"""Quality against the focal plane, and the paper's curves beside it (as its Table II)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.evaluation import published
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
    shortened,
)
from focusbench.tracks.refocus.metrics import METRICS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = ("psnr", "ssim", "mae", "nuclear_absorbance")
GAIN = "gain"
REFERENCES = (shown.LINEAR, shown.BICUBIC)  # what gains are over: the first that was run
DEGRADATIONS = (shown.LOWRES, shown.HIGHRES)
RESAMPLES = 2000
PUBLISHED = "refocus_table2"
PUBLISHED_LOOK = {  # in grey: of other data
    shown.DEEP_Z: {"marker": "s", "linestyle": (0, (4, 1.5))},
    shown.MFPINET: {"marker": "o", "linestyle": "-"},
}
NOTHING = "No restored field has scores of its planes: there is nothing to show."


class _Points(NamedTuple):
    """Over the fields, in the order of the planes; NaN: none."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


class _Shown(NamedTuple):
    z: np.ndarray  # um
    samples: list[str]
    curves: list[Curve]
    points: dict[str, dict[Curve, _Points]]  # metric, or GAIN -> curve
    reference: str | None  # method that gains are over
    fewer: dict[str, int]  # metric -> fields that have it, where some have not
    endless: dict[Curve, list[float]]  # planes where some field equals the truth


def planes(results: Results, settings: Mapping[str, Any]) -> Figure:
    """PSNR, SSIM, mean absolute error and nuclear absorbance error against the plane's height.

    And by how much the PSNR exceeds that of a simple method, field by field. Means over fields with
    bands: 95 % bootstrap intervals, of fewer than five fields the lowest and the highest. The
    paper's Table II has a panel of its own. Reads the details of scores.

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


def planes_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `planes`."""
    found = _shown(results)
    if found is None:
        return f"{NOTHING}{shown.made_with(settings)}"
    names = [METRICS[key].label for key in SHOWN if found.points[key]]
    text = (
        f"{shown.listed(names)} against the height of the focal plane above that of the input. "
        f"{_over(found.samples)}"
    )
    for key, count in found.fewer.items():
        text += f" Of {METRICS[key].label}: the {count} of them that have it."
    if found.reference:
        text += (
            f" Upper middle: PSNR over that of {found.reference} on the same field, whose bands "
            "tell how sure a difference is; what starts from the plane itself may lie off this "
            "scale at 0 µm."
        )
    text += dashes_told(found.curves)
    single = [one for one in found.curves if _count(found, one) == 1]
    if single:
        text += f" Of one plane only: {shown.listed(_names(single, found))}."
    if found.endless:
        words = [
            f"{labels(found.curves)[one]} at {shown.listed([f'{z:g}' for z in places])} µm"
            for one, places in found.endless.items()
        ]
        text += f" An estimate that equals the truth has no finite PSNR: {'; '.join(words)}."
    if _published() is not None:
        text += (
            " Lower right: the curves that Ma et al. 2021 print in Table II. They are of real "
            "slides, stored and measured as JPEG, and not comparable with ours."
        )
    lost = [one for one in results.degradations if one not in DEGRADATIONS]
    if lost:
        text += f" Not shown: {shown.listed(lost)}."
    kept = [one.method for one in found.curves]
    return text + shown.not_shown(results, kept) + shown.made_with(settings)


def _over(samples: list[str]) -> str:
    count = len(samples)
    names = shown.listed([base_id(one) for one in samples])
    if count == 1:
        return f"One field ({names}), so no spread."
    text = f"Means over {count} fields ({names})"
    if count < FEWEST_SAMPLES:
        return f"{text}; bands: the lowest and the highest field."
    return (
        f"{text}; bands: 95 % bootstrap interval of the mean, fields drawn anew, not slides; they "
        "tell more of how fields differ than of how methods do."
    )


def _names(curves: list[Curve], found: _Shown) -> list[str]:
    named = labels(found.curves)
    return [named[one] for one in curves]


def _count(found: _Shown, curve: Curve) -> int:
    """Planes that a curve has any value of."""
    known = [np.isfinite(points[curve].mean) for points in found.points.values() if curve in points]
    return int(np.any(known, axis=0).sum()) if known else 0


def _shown(results: Results) -> _Shown | None:
    values: dict[Curve, dict[str, dict[str, dict[float, float]]]] = {}
    samples: dict[str, None] = {}
    first = {item[:3]: item for item in reversed(results.items)}  # of its seeds
    for item in first.values():
        if item.degradation not in DEGRADATIONS:
            continue
        table = (results.details(item) or {}).get("planes") or {}
        if not table.get("z") or None in table["z"]:
            continue
        samples[item.sample] = None
        curve = Curve(item.degradation, item.method)
        for key in SHOWN:
            column = table.get(key)
            if column:
                rows = zip(map(float, table["z"]), map(_number, column), strict=True)
                values.setdefault(curve, {}).setdefault(key, {})[item.sample] = dict(rows)
    if not values:
        return None
    order = [one for one in results.samples if one in samples]
    curves = in_order(list(values))
    found = [row for one in values.values() for fields in one.values() for row in fields.values()]
    heights = sorted({z for row in found for z in row})
    points: dict[str, dict[Curve, _Points]] = {key: {} for key in SHOWN}
    endless: dict[Curve, list[float]] = {}
    for curve in curves:
        for key, fields in values[curve].items():
            columns = [[row.get(z, math.nan) for row in fields.values()] for z in heights]
            made = _points([np.array(column) for column in columns])
            if np.isfinite(made.mean).any():
                points[key][curve] = made
            if key == "psnr":
                same = [z for z, column in zip(heights, columns, strict=True) if np.inf in column]
                endless |= {curve: same} if same else {}
    simple = [Curve(shown.LOWRES, one) for one in REFERENCES]
    base = next((one for one in simple if one in points["psnr"]), None)
    if base is not None:
        points[GAIN] = _gains({one: values[one]["psnr"] for one in points["psnr"]}, base, heights)
    reference = base.method if base else None
    known = {
        key: {
            sample
            for one in values.values()
            for sample, row in one.get(key, {}).items()
            if not np.isnan(list(row.values())).all()
        }
        for key in SHOWN
    }
    fewer = {key: len(one) for key, one in known.items() if 0 < len(one) < len(order)}
    return _Shown(np.array(heights), order, curves, points, reference, fewer, endless)


def _gains(
    psnr: Mapping[Curve, Mapping[str, Mapping[float, float]]], base: Curve, heights: list[float]
) -> dict[Curve, _Points]:
    """PSNR less that of `base` on the same field."""
    found = {}
    for curve, fields in psnr.items():
        both = [(row, psnr[base][sample]) for sample, row in fields.items() if sample in psnr[base]]
        columns = [
            np.array([row.get(z, math.nan) - own.get(z, math.nan) for row, own in both])
            for z in heights
        ]
        if curve != base and both:
            found[curve] = _points(columns)
    return found


def _number(value: Any) -> float:
    """JSON has no infinity: it is text there; None: not known."""
    return math.nan if value is None else float(value)


def _points(columns: list[np.ndarray]) -> _Points:
    """Mean and band over fields; NaN where one is infinite: a mean of the others misleads."""
    rows = []
    for column in columns:
        known = column[~np.isnan(column)]
        if not len(known) or not np.isfinite(known).all():
            rows.append((math.nan,) * 3)
        elif len(known) < FEWEST_SAMPLES:
            rows.append((known.mean(), known.min(), known.max()))
        else:
            rows.append(paired_interval(known, np.zeros_like(known), resamples=RESAMPLES))
    return _Points(*np.array(rows, dtype=float).T)


def _published() -> dict[str, tuple[np.ndarray, np.ndarray]] | None:
    """Method -> heights, um, and printed PSNR; None where the table is not stored."""
    if PUBLISHED not in published.names():
        return None
    table = published.values(PUBLISHED)
    found = {}
    for method in PUBLISHED_LOOK:
        rows = table[table["method"] == method].sort_values("focal_depth_um")
        found[method] = rows["focal_depth_um"].to_numpy(float), rows["psnr_db"].to_numpy(float)
    return found


def _draw(found: _Shown, settings: Mapping[str, Any]) -> Figure:
    figure = new_figure(10.2, 6.6)
    grid = figure.subplots(2, 3)
    drawn = looks(found.curves, settings)
    named = labels(found.curves)
    handles: dict[str, Any] = {}
    places = (grid[0, 0], grid[0, 2], grid[1, 0], grid[1, 1])
    for axes, key in zip(places, SHOWN, strict=True):
        metric = METRICS[key]
        for curve, points in found.points[key].items():
            (line,) = _draw_curve(axes, found.z, points, curve, drawn[curve])
            handles[named[curve]] = line
        if not found.points[key]:
            words = {"ha": "center", "va": "center", "transform": axes.transAxes}
            axes.text(0.5, 0.5, "not known", color="#777777", **words)
        gap = ",\n" if len(metric.label) > 20 else ", "
        axes.set_ylabel(f"{metric.label}{gap}{metric.unit}" if metric.unit else metric.label)
        _heights(axes, found.z)
    handles = {named[one]: handles[named[one]] for one in found.curves if named[one] in handles}
    _draw_gains(grid[0, 1], found, drawn)
    _draw_published(grid[1, 2])
    legend(figure, handles, found.curves, ncols=4)
    return figure


def _draw_gains(axes: Axes, found: _Shown, drawn: Mapping[Curve, Mapping[str, Any]]) -> None:
    """On a scale for what starts from half the size; the plane itself at 0 um may lie beyond."""
    gains = found.points.get(GAIN)
    if not gains:
        axes.axis("off")
        return
    for curve, points in gains.items():
        _draw_curve(axes, found.z, points, curve, drawn[curve])
    axes.axhline(0, color="#777777", linewidth=0.8, zorder=0)
    inner = [
        end
        for curve, points in gains.items()
        for end in (points.low, points.high)
        if curve.kind == shown.LOWRES
    ]
    outer = [
        end[found.z != 0]
        for curve, points in gains.items()
        for end in (points.low, points.high)
        if curve.method != shown.BICUBIC
    ]
    known = np.concatenate([*inner, *outer, [0.0]])
    low, high = np.nanmin(known), np.nanmax(known)
    room = 0.06 * (high - low) or 0.1
    axes.set_ylim(low - room, high + room)
    axes.set_ylabel(f"PSNR over {found.reference}, dB")
    _heights(axes, found.z)


def _draw_curve(
    axes: Axes, z: np.ndarray, points: _Points, curve: Curve, look: Mapping[str, Any]
) -> Any:
    if np.isfinite(points.mean).sum() == 1:
        look = shortened(curve, look)
        spread = np.isfinite(points.mean) & (points.high > points.low)
        axes.vlines(z[spread], points.low[spread], points.high[spread], color=look["color"], lw=1)
    elif (points.high > points.low).any():
        band = {"color": look["color"], "alpha": 0.12, "linewidth": 0, "zorder": 1}
        axes.fill_between(z, points.low, points.high, **band)
    return axes.plot(z, points.mean, **look)


def _heights(axes: Axes, z: np.ndarray) -> None:
    axes.set_xticks(z, [number(one) for one in z])
    if len(z) > 7:  # every other one, with that in the middle
        middle = len(z) // 2
        for i, words in enumerate(axes.get_xticklabels()):
            words.set_visible((i - middle) % 2 == 0)
    axes.set_xlabel("focal plane z, µm (input: 0)")


def _draw_published(axes: Axes) -> None:
    known = _published()
    if known is None:
        axes.axis("off")
        return
    for method, (z, psnr) in known.items():
        look = {"color": "#777777", "markersize": 4, "linewidth": 1.2, **PUBLISHED_LOOK[method]}
        axes.plot(z, psnr, label=method, **look)
    axes.set_title("published (Table II):\nother data, not comparable", color="#555555")
    axes.set_ylabel("PSNR, dB")
    _heights(axes, known[shown.MFPINET][0])
    axes.legend(frameon=False, fontsize=8, loc="upper right")
