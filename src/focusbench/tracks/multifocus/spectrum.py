"""Spectrum of the error: at frequencies that the rays see, and in the missing cone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.evaluation.missing_cone import ConeSplit, ErrorMap, error_map, split_error
from focusbench.paths import base_id
from focusbench.report.figures import (
    Style,
    is_trivial,
    new_figure,
    sentence_figure,
    style,
    track_styles,
)
from focusbench.report.results import Results
from focusbench.report.tables import span
from focusbench.tracks.multifocus.shown import shown_degradation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_MAPS = 8  # methods with a map of their own
COLUMNS = 4
FLOOR = (
    -60.0
)  # dB: what the axes show at the least, so that an exact estimate does not blow them up


class _Method(NamedTuple):
    """What is drawn of one method."""

    name: str
    splits: list[ConeSplit]  # one a sample
    energies: ErrorMap  # summed over the samples


def spectrum(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Energy of the error over the truth's, where rays see and in the missing cone.

    Above, both in dB for every method, each sample and their mean; below, a map over axial and
    lateral frequency for each method that is no trivial row.

    Reads truths and restored volumes of the degradation `clean`, or else of the first.

    Parameters
    ----------
    results
        Of this track.
    settings
        `track` with `geometry`.
    """
    with style():
        found = _methods(results, settings)
        if not found:
            return sentence_figure("No sample has a truth to compare with.")
        names = [method.name for method in found]
        styles = track_styles(results.track, names, settings.get("variants", ()))
        return _draw(found, styles, _slope(settings))


def spectrum_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `spectrum`."""
    samples = _samples(results)
    if not samples:
        return "No sample has a truth to compare with: the spectrum of the error is not known."
    aperture = settings["track"]["geometry"]["numerical_aperture"]
    truths = [results.truth(sample) for sample in samples]
    shares = [
        split_error(one.array, one.array, one.voxel_size, aperture).missing_share for one in truths
    ]
    known = [100 * share for share in shares if not math.isnan(share)]
    part = span([round(share) for share in known]) if known else "0"
    unmapped = [method for method in _ran(results) if method not in _mapped(_ran(results))]
    return (
        f"Energy of the error over the truth's in the same region of frequencies "
        f"({shown_degradation(results)}); at 0 dB an estimate is no better than empty space there. "
        f"Rays of NA {aperture:g} see the frequencies |kz| ≤ {_slope(settings):.2f} |k lateral|. "
        f"The rest, the missing cone about kz, holds {part} % of the truth's energy; what stands "
        "there comes from prior knowledge: empty space around the volume, the box, smoothness, a "
        f"network. Above: small marks are samples ({', '.join(map(base_id, samples))}), large ones "
        "their mean in dB. Below: error over truth, energies summed over the samples, by lateral "
        "and axial frequency; rays see what lies below the white line. First seed of each method. "
        f"Preset {settings['preset']}."
        + (f" Without a map: {', '.join(unmapped)}." if unmapped else "")
    )


def _slope(settings: Mapping[str, Any]) -> float:
    aperture = settings["track"]["geometry"]["numerical_aperture"]
    return aperture / math.sqrt(1 - aperture**2)


def _samples(results: Results) -> list[str]:
    """Samples with a truth that every method has restored."""
    if not results.items:
        return []
    degradation = shown_degradation(results)
    return [
        sample
        for sample in results.samples
        if results.truth(sample) is not None
        and all(results.find(sample, degradation, method) for method in _ran(results))
    ]


def _ran(results: Results) -> list[str]:
    degradation = shown_degradation(results)
    ran = {item.method for item in results.items if item.degradation == degradation}
    return [method for method in results.methods if method in ran]


def _methods(results: Results, settings: Mapping[str, Any]) -> list[_Method]:
    samples = _samples(results)
    if not samples:
        return []
    aperture = settings["track"]["geometry"]["numerical_aperture"]
    found = []
    for method in _ran(results):
        splits, maps = [], []
        for sample in samples:
            truth = results.truth(sample)
            item = results.find(sample, shown_degradation(results), method)
            volumes = (truth.array, results.restored(item).array, truth.voxel_size)
            splits.append(split_error(*volumes, aperture))
            maps.append(error_map(*volumes))
        same = [one for one in maps if one.error.shape == maps[0].error.shape]
        energies = maps[0]._replace(
            truth=sum(one.truth for one in same), error=sum(one.error for one in same)
        )
        found.append(_Method(method, splits, energies))
    return found


def _mapped(methods: Sequence[str]) -> list[str]:
    shown = [method for method in methods if not is_trivial(method)]
    return (shown or list(methods))[:MOST_MAPS]


def _draw(found: Sequence[_Method], styles: Mapping[str, Style], slope: float) -> Figure:
    names = _mapped([method.name for method in found])
    mapped = [method for method in found if method.name in names]
    columns = min(COLUMNS, len(mapped))
    rows = -(-len(mapped) // columns)
    figure = new_figure(
        max(2.2 * columns + 1.2, 0.75 * len(found) + 1.5, 5), 2.9 + 1.9 * rows + 0.3
    )
    above, below = figure.subfigures(2, 1, height_ratios=[2.9, 1.9 * rows + 0.3])
    _draw_regions(above.subplots(), found, styles)
    grid = below.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    ratios = [_ratio(method.energies) for method in mapped]
    low = min((float(np.nanquantile(ratio, 0.02)) for ratio in ratios), default=0.0)
    low = 10 * math.floor(max(min(low, -10.0), FLOOR) / 10)
    image = None
    for axes, method, ratio in zip(grid.flat, mapped, ratios, strict=False):
        edges = method.energies.lateral_edges, method.energies.axial_edges
        image = axes.pcolormesh(*edges, ratio, cmap="viridis", vmin=low, vmax=0, rasterized=True)
        axes.set_xlim(0, edges[0][-1])
        axes.set_ylim(0, edges[1][-1])
        limit = edges[0][-1]
        axes.plot([0, limit], [0, slope * limit], color="white", linewidth=1.2)
        axes.set_title(method.name)
        axes.grid(False)
    for axes in grid.flat[len(mapped) :]:
        axes.axis("off")
    for axes in grid[:, 0]:
        axes.set_ylabel("|kz|, cycles/µm")
    for c in range(columns):
        lowest = grid[max(r for r in range(rows) if r * columns + c < len(mapped)), c]
        lowest.set_xlabel("lateral, cycles/µm")
        lowest.tick_params(labelbottom=True)
    below.colorbar(image, ax=grid, extend="both", label="error / truth, dB", pad=0.02, aspect=25)
    return figure


def _draw_regions(axes: Axes, found: Sequence[_Method], styles: Mapping[str, Style]) -> None:
    """Two columns of marks a method: seen (filled) and missing (open)."""
    names = [method.name for method in found]
    for x, method in enumerate(found):
        look = {
            "marker": styles[method.name].marker or "_",
            "linestyle": "",
            "markeredgecolor": styles[method.name].colour,
            "clip_on": False,
        }
        for shift, filled in ((-0.16, True), (0.16, False)):
            values = [one.seen_db if filled else one.missing_db for one in method.splits]
            values = [max(value, FLOOR) for value in values if not math.isnan(value)]
            if not values:
                continue
            face = styles[method.name].colour if filled else "white"
            axes.plot(
                [x + shift] * len(values),
                values,
                **look,
                markerfacecolor=face,
                markersize=3.5,
                alpha=0.45,
            )
            mean = float(np.mean(values))
            axes.plot([x + shift], [mean], **look, markerfacecolor=face, markersize=8)
    for filled, words in ((True, "seen by the rays"), (False, "missing cone")):
        axes.plot(
            [],
            [],
            marker="o",
            linestyle="",
            markersize=7,
            markeredgecolor="black",
            markerfacecolor="black" if filled else "white",
            label=words,
        )
    axes.axhline(0, color="#777777", linewidth=0.8)
    axes.set_xticks(range(len(found)), names, rotation=20, ha="right", rotation_mode="anchor")
    axes.set_xlim(-0.6, len(found) - 0.4)
    axes.grid(axis="x", visible=False)
    axes.set_ylabel("error / truth, dB")
    axes.figure.legend(loc="outside upper center", ncols=2, frameon=False)


def _ratio(energies: ErrorMap) -> np.ndarray:
    """Error over truth in dB; NaN where the truth has nothing (below 1e-12 of its energy)."""
    some = energies.truth > 1e-12 * energies.truth.sum()
    ratio = np.divide(energies.error, energies.truth, out=np.ones_like(energies.error), where=some)
    return np.where(some, 10 * np.log10(np.maximum(ratio, 1e-12)), np.nan)
