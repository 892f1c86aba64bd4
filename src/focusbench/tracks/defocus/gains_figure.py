"""PSNR gain and SSIM of restored patches by defocus level (the paper's figure 8)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.evaluation import published
from focusbench.paths import Restored, base_id
from focusbench.report.figures import new_figure, sentence_figure, style
from focusbench.report.results import Results
from focusbench.solvers.patch_grid import BACKGROUND
from focusbench.tracks.defocus import shown
from focusbench.tracks.defocus.degradations import EVEN, parse
from focusbench.tracks.defocus.shown import INPUT, made_with

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_METHODS = 7
QUARTILES = (25, 75)
PAPERS_PATCHES = 45  # of each level, "about"
LOWEST = -8.0  # dB; what lies lower would press all else together
SPREAD = 0.5  # of a level, over which the methods' marks of one level lie
METRICS = ("gain", "ssim", "ratio")
KEYS = ("psnr", "psnr_observed", "ssim", "ssim_observed", "ssim_own", "ssim_own_observed")
OWN = ("ssim_own", "ratio_own")  # where scores hold them
LABELS = {
    "gain": "PSNR gain over the\nobservation, dB",
    "ssim": "SSIM (range 65535)",
    "ratio": "SSIM over observation's,\nless 1, % (range 65535)",
    "ssim_own": "SSIM (own range)",
    "ratio_own": "SSIM over observation's,\nless 1, % (own range)",
}
NOTHING = "No field with a truth was restored at a whole level: there is nothing to compare."


class _Points(NamedTuple):
    """Over the patches of each level, in the order of the levels; NaN: none."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


class _Shown(NamedTuple):
    levels: list[int]
    degradations: list[str]
    samples: list[str]
    counts: list[int]  # patches of each level
    curves: dict[str, dict[str, _Points]]  # metric -> method -> points
    endless: int  # patches left out, as their PSNR is infinite


def fig8(results: Results, settings: Mapping[str, Any]) -> Figure:
    """PSNR gain, SSIM and its ratio against the defocus level: means and quartiles over patches.

    Reads the details of scores.

    Parameters
    ----------
    results
        Of the study of levels.
    settings
        `methods`, parameters by id; `variants`, all methods of a user's own; `track`.
    """
    with style(), np.errstate(invalid="ignore", divide="ignore"):
        found = _shown(results, settings)
        return sentence_figure(NOTHING) if found is None else _draw(found, settings)


def fig8_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `fig8`."""
    found = _shown(results, settings)
    if found is None:
        return f"{NOTHING}{made_with(settings)}"
    few = [
        str(level)
        for level, n in zip(found.levels, found.counts, strict=True)
        if n < PAPERS_PATCHES
    ]
    counts = sorted(set(found.counts))
    patches = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    side = settings["track"].get("patch")
    others = [name for name in results.degradations if name not in found.degradations]
    step = (settings["track"].get("optics") or {}).get("step")
    text = (
        f"Restoration by defocus level{f' ({step:g} µm apart)' if step else ''}: PSNR gain over "
        "the observation (the same for any range), SSIM (Gaussian window) with the range 65535"
        f"{' and with that of the whole truth' if OWN[0] in found.curves else ''}, and by how much "
        "it exceeds that of the observation. Marks: means over patches "
        f"{f'of {side} x {side} pixels ' if side else ''}side by side that hold more than "
        f"background; bars: 25th to 75th percentile. {patches} patches a level "
        f"({_fields(found.samples)}); the paper has about {PAPERS_PATCHES}. Marks of a "
        "level are moved sideways, so that bars can be told apart; grey: the observation."
    )
    if few:
        text += f" Fewer than in the paper: level {', '.join(few)}."
    if found.endless:
        text += f" Left out: {found.endless} patches that equal the truth (infinite PSNR)."
    method, lowest = _lowest(found)
    if lowest < LOWEST:
        text += (
            f" Gains below {LOWEST:g} dB are cut off; the lowest bar, of {method}, ends at "
            f"{lowest:.1f} dB."
        )
    text += f" {_published(_claims(), found)}"
    if others:
        text += f" Not shown: {shown.listed(others)}."
    text += shown.not_run(results, ("depth_invariant",))
    return text + shown.not_shown(results, list(found.curves["gain"])) + made_with(settings)


def _fields(samples: list[str]) -> str:
    names = shown.listed([base_id(sample) for sample in samples])
    return f"of {len(samples)} fields: {names}" if len(samples) > 1 else f"of {names}"


def _claims() -> dict[str, float]:
    """What the paper's text says; nothing where it is not stored."""
    if "defocus_claims" not in published.names():
        return {}
    return dict(published.values("defocus_claims")[["claim", "value"]].itertuples(index=False))


def _published(claims: Mapping[str, float], found: _Shown) -> str:
    """Name the paper's ranges and what is different here."""
    names = (
        *("depth_variant_psnr_gain_min", "depth_variant_psnr_gain_max"),
        *("depth_invariant_psnr_gain_min", "depth_invariant_psnr_gain_max"),
        *("depth_variant_ssim_min", "depth_variant_ssim_max", "ssim_ratio_gain_max"),
    )
    if not all(name in claims for name in names):
        return ""
    a, b, c, d, e, f, g = (float(claims[name]) for name in names)
    least = min(float(np.nanmin(points.mean)) for points in found.curves["ssim"].values())
    doubt = (
        f" With the range 65535 no mean here is below {least:.3f}: the paper's range was likely "
        "another."
        if least > e + 0.1
        else ""
    )
    return (
        f"The paper prints, over its levels, gains of {a:g} to {b:g} dB (depth-variant) and {c:g} "
        f"to {d:g} dB (depth-invariant), an SSIM of {e:g} to {f:g} (depth-variant) and a ratio of "
        "0 to "
        f"{g:g} %. Its patches are of real fields, which its split by image lets the network have "
        f"seen at other levels; the window and the range of its SSIM are not printed.{doubt}"
    )


def _degradations(results: Results) -> dict[str, int]:
    """Of whole levels, blurred by the nominal lens; with shot noise if any are."""
    parsed = {name: parse(name) for name in results.degradations}
    even = {n: one for n, one in parsed.items() if one.kind == EVEN and not one.lens}
    noisy = {n: one for n, one in even.items() if one.poisson}
    found = {name: int(one.level) for name, one in (noisy or even).items()}
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


def _shown(results: Results, settings: Mapping[str, Any]) -> _Shown | None:
    levels = _degradations(results)
    methods = shown.chosen(results.methods, settings, MOST_METHODS)
    items = [i for i in results.items if i.degradation in levels]
    if not items or not methods:
        return None
    patches: dict[tuple[str, str], list[np.ndarray]] = {}
    samples: dict[str, None] = {}
    first = {(i.sample, i.degradation, i.method): i for i in reversed(items)}  # of its seeds
    for item in items:
        if item.method not in (*methods, INPUT) or first[item[:3]] != item:
            continue
        rows = _patches(results, item)
        if len(rows):
            patches.setdefault((item.degradation, item.method), []).append(rows)
            samples[item.sample] = None
    if not patches:
        return None
    made = {key: np.concatenate(rows) for key, rows in patches.items()}
    order = [one for one in methods if any(key[1] == one for key in made)]
    # the observation's own numbers stand beside those of any method
    seen: dict[str, np.ndarray] = {}
    for (name, _), rows in made.items():
        if name not in seen or len(rows) > len(seen[name]):
            seen[name] = rows
    kept = [name for name in levels if name in seen]
    own = any(np.isfinite(rows[:, 4:]).any() for rows in made.values())
    metrics = (*METRICS, *(OWN if own else ()))
    curves: dict[str, dict[str, _Points]] = {metric: {} for metric in metrics}
    curves["ssim"][INPUT] = _points([_finite(seen[name][:, 3]) for name in kept])
    if own:
        curves[OWN[0]][INPUT] = _points([_finite(seen[name][:, 5]) for name in kept])
    endless = 0
    for method in order:
        rows = [made.get((name, method), np.empty((0, len(KEYS)))) for name in kept]
        endless += sum(int(np.isinf(one[:, :2]).any(axis=1).sum()) for one in rows)
        columns = {
            "gain": [one[:, 0] - one[:, 1] for one in rows],
            "ssim": [one[:, 2] for one in rows],
            "ratio": [100 * (one[:, 2] / one[:, 3] - 1) for one in rows],
            "ssim_own": [one[:, 4] for one in rows],
            "ratio_own": [100 * (one[:, 4] / one[:, 5] - 1) for one in rows],
        }
        for metric in metrics:
            curves[metric][method] = _points([_finite(one) for one in columns[metric]])
    counts = [len(seen[name]) for name in kept]
    whole = [levels[name] for name in kept]
    return _Shown(whole, kept, list(samples), counts, curves, endless)


def _patches(results: Results, item: Restored) -> np.ndarray:
    """Values of `KEYS` of patches that are no background, (n, 6); NaN: not known."""
    table = (results.details(item) or {}).get("patches") or {}
    if not all(key in table for key in (*KEYS[:4], "level")):
        return np.empty((0, len(KEYS)))
    count = len(table["level"])
    # JSON has no infinity: it is text there, and what is not known is null
    columns = [
        [math.nan if value is None else float(value) for value in table.get(key) or [None] * count]
        for key in KEYS
    ]
    deep = [level is not None and level != BACKGROUND for level in table["level"]]
    return np.array(columns, dtype=float).T.reshape(-1, len(KEYS))[np.array(deep, dtype=bool)]


def _finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


def _points(columns: list[np.ndarray]) -> _Points:
    rows = [
        (np.mean(one), *np.percentile(one, QUARTILES)) if len(one) else (np.nan,) * 3
        for one in columns
    ]
    return _Points(*np.array(rows, dtype=float).T)


def _draw(found: _Shown, settings: Mapping[str, Any]) -> Figure:
    rows = 2 if OWN[0] in found.curves else 1
    figure = new_figure(9.5, 2.9 * rows + (0.8 if rows == 1 else 0.2))
    grid = figure.subplots(rows, 3, squeeze=False, sharex=True)
    methods = list(found.curves["gain"])
    styles = shown.styles([INPUT, *methods], settings)
    handles: dict[str, Any] = {}
    for axes, metric in zip(grid[0], METRICS, strict=True):
        handles |= _draw_metric(axes, found, metric, methods, styles)
    if rows == 1:
        where = {"loc": "outside lower center", "ncols": min(4, len(handles))}
        figure.legend(list(handles.values()), list(handles), frameon=False, **where)
        lowest = grid[0]
    else:
        for axes, metric in zip(grid[1, 1:], OWN, strict=True):
            _draw_metric(axes, found, metric, methods, styles)
        grid[1, 0].axis("off")
        looks = {"loc": "center", "frameon": False}
        grid[1, 0].legend(list(handles.values()), list(handles), **looks)
        grid[0, 0].tick_params(labelbottom=True)
        lowest = [grid[0, 0], *grid[1, 1:]]
    for axes in lowest:
        axes.set_xlabel("defocus level")
    return figure


def _lowest(found: _Shown) -> tuple[str, float]:
    """Method whose gains reach lowest, and where its lowest bar ends, dB."""
    ends = [
        (float(np.nanmin(points.low)), method)
        for method, points in found.curves["gain"].items()
        if np.isfinite(points.low).any()
    ]
    end, method = min(ends, default=(0.0, ""))
    return method, end


def _draw_metric(
    axes: Axes, found: _Shown, metric: str, methods: list[str], styles: Mapping[str, Any]
) -> dict[str, Any]:
    handles = {}
    places = np.array(found.levels, dtype=float)
    for method, points in found.curves[metric].items():
        look = styles[method]
        shift = 0.0
        if method in methods and len(methods) > 1:
            shift = SPREAD * (methods.index(method) / (len(methods) - 1) - 0.5)
        drawn = {"color": look.colour, "linestyle": look.dashes}
        if method == INPUT:
            drawn["linestyle"] = "--"
        (line,) = axes.plot(
            places + shift, points.mean, **drawn, marker=look.marker, markersize=3.5, linewidth=1.1
        )
        if method != INPUT:
            axes.vlines(
                places + shift, points.low, points.high, color=look.colour, linewidth=0.9, alpha=0.8
            )
        handles["observation" if method == INPUT else method] = line
    if not metric.startswith("ssim"):
        axes.axhline(0, color="#777777", linewidth=0.8, zorder=0)
    axes.set_xlim(places[0] - 0.6, places[-1] + 0.6)
    axes.set_xticks(places, [str(level) for level in found.levels])
    if metric == "gain":
        axes.set_ylim(bottom=max(axes.get_ylim()[0], LOWEST))
    axes.set_ylabel(LABELS[metric])
    return handles
