"""Synthetic fields beside real ones: how often each count occurs, and the power by frequency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.data import registry
from focusbench.report.figures import (
    COLOURS,
    image_axes,
    new_figure,
    scale_bar,
    sentence_figure,
    style,
)
from focusbench.report.results import Results
from focusbench.tracks.defocus import field_statistics, shown
from focusbench.tracks.defocus.field_statistics import EDGES, FREQUENCIES, Quantiles
from focusbench.tracks.defocus.sections import grey

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from focusbench.images import Volume

SYNTHETIC, REAL = "nuclei", "bbbc006"
COLOUR = {SYNTHETIC: COLOURS[0], REAL: COLOURS[1]}
NAMES = {SYNTHETIC: "synthetic", REAL: "real (BBBC006)"}
GAMMA = 0.6  # of the example fields: nuclei are much brighter than what lies between them
NOTHING = "No synthetic field and no real one of BBBC006 was prepared."
MOST_EXAMPLES = 2
LEAST = 1e-7  # share of pixels per count beneath which nothing is drawn
LEAST_POWER = 1e-3  # counts^2 px^2, likewise; a camera's noise is far above
MEASURED = 9  # real fields that the shipped quantiles are of


class _Shown(NamedTuple):
    """Fields of the run and their statistics, by source; and those that come with the package."""

    fields: dict[str, dict[str, Volume]]
    statistics: dict[str, Quantiles]
    shipped: Quantiles | None  # None: the run has as many real fields itself


def data(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Histograms and radial power spectra of synthetic and real fields, and an example of each.

    Reads truths of the samples and of those that predictors are judged on. Where no real field is
    among them, the real ones' quantiles come with the package, and a second synthetic field is
    shown in place of a real one.

    Parameters
    ----------
    results
        Of this track.
    settings
        `track` with `judged` and `optics` (`pixel_size`).
    """
    with style():
        found = _shown(results, settings)
        return sentence_figure(NOTHING) if found is None else _draw(found, settings)


def data_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `data`."""
    found = _shown(results, settings)
    if found is None:
        return f"{NOTHING}{shown.made_with(settings)}"
    told = []
    for source, fields in found.fields.items():
        if fields:
            told.append(f"{NAMES[source]}: {_listed(list(fields))}")
    if found.shipped is not None:
        source = field_statistics.shipped()[1].rstrip(".")
        why = "too few" if found.fields[REAL] else "none"
        told.append(
            f"dashed: of real ones, {why} of which are configured, quantiles that come with the "
            f"package ({source[0].lower()}{source[1:]})"
        )
    return (
        "Fields in focus. Left: share of the pixels by counts, as a density. Right: power spectral "
        "density in all directions (a Hann window keeps the borders out; of white noise it is the "
        "variance). Lines: medians over the fields; dark bands: middle half; light bands: least to "
        f"most. {'; '.join(told)}. {_chosen(found)}; gamma {GAMMA:g}, between its own quantiles of "
        f"0.2 % and 99.9 %.{shown.made_with(settings)}"
    )


def _shown(results: Results, settings: Mapping[str, Any]) -> _Shown | None:
    fields: dict[str, dict[str, Volume]] = {SYNTHETIC: {}, REAL: {}}
    names = [*results.samples, *(settings["track"].get("judged") or [])]
    for sample in dict.fromkeys(names):
        source = _source(sample, settings)
        if source in fields and (truth := results.truth(sample)) is not None:
            fields[source][sample] = truth
    if not any(fields.values()):
        return None
    statistics = {
        source: field_statistics.quantiles([one.array for one in mine.values()])
        for source, mine in fields.items()
        if mine
    }
    enough = len(fields[REAL]) >= MEASURED
    return _Shown(fields, statistics, None if enough else field_statistics.shipped()[0])


def _source(sample: str, settings: Mapping[str, Any]) -> str | None:
    """Of judged samples, which have no restorations, the registry knows it."""
    told = (settings.get("sources") or {}).get(sample)
    if told is None and sample in registry.names():
        told = registry.get(sample).source
    return told


def _listed(names: list[str]) -> str:
    many = len(names)
    if many <= 4:
        return ", ".join(names)
    return f"{many} fields ({names[0]} to {names[-1]})"


def _draw(found: _Shown, settings: Mapping[str, Any]) -> Figure:
    figure = new_figure(8.4, 6.0)
    above, beneath = figure.subfigures(2, 1, height_ratios=[1, 1.05])
    _examples(above, found)
    left, right = beneath.subplots(1, 2)
    counts, middles = (np.sqrt(edges[:-1] * edges[1:]) for edges in (EDGES, FREQUENCIES))
    width = np.diff(EDGES)
    for source, told in found.statistics.items():
        many = len(found.fields[source])
        label = f"{NAMES[source]}, {many} field{'s' * (many > 1)}"
        look = {"color": COLOUR[source], "label": label}
        _band(left, counts, told.counts / width, LEAST, look)
        _band(right, middles, told.power, LEAST_POWER, look)
    if found.shipped is not None:
        _measured_before(left, right, found)
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_yscale("log")
    _plain_ticks(left, (100, 200, 500, 1000, 2000, 4000))
    left.set_xlabel("counts")
    left.set_ylabel("share of the pixels, per count")
    _plain_ticks(right, (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5))
    right.set_xlabel("spatial frequency, cycles a pixel")
    right.set_ylabel("power spectral density, counts² px²")
    pixel = settings["track"]["optics"].get("pixel_size")
    if pixel:
        top = right.secondary_xaxis("top", functions=(lambda f: f / pixel, lambda f: f * pixel))
        top.set_xlabel(f"cycles a µm (pixels of {pixel:g} µm)")
        _plain_ticks(top, (0.01, 0.02, 0.05, 0.1, 0.2, 0.5))
    left.legend(frameon=False)
    return figure


def _measured_before(left: Axes, right: Axes, found: _Shown) -> None:
    """Draw what comes with the package: bands, unless the run has real fields with their own."""
    counts, middles = (np.sqrt(edges[:-1] * edges[1:]) for edges in (EDGES, FREQUENCIES))
    label = f"{NAMES[REAL]}, {MEASURED} fields measured before"
    alone = not found.fields[REAL]
    look = {"color": COLOUR[REAL] if alone else "#000000", "label": label, "linestyle": "--"}
    density = found.shipped.counts / np.diff(EDGES)
    if alone:
        _band(left, counts, density, LEAST, look)
        _band(right, middles, found.shipped.power, LEAST_POWER, look)
    else:
        left.plot(counts, _above(density[2], LEAST), linewidth=1, **look)
        right.plot(middles, _above(found.shipped.power[2], LEAST_POWER), linewidth=1, **look)


def _band(
    axes: Axes, places: np.ndarray, values: np.ndarray, least: float, look: Mapping[str, Any]
) -> None:
    """Draw median, middle half, and least to most; what is not above `least` is not drawn."""
    axes.plot(places, _above(values[2], least), linewidth=1.4, **look)
    for low, high, alpha in ((0, 4, 0.15), (1, 3, 0.3)):
        shade = {"color": look["color"], "linewidth": 0, "alpha": alpha}
        bottom, where = np.fmax(values[low], least), values[high] > least
        axes.fill_between(places, bottom, values[high], where=where, **shade)


def _above(values: np.ndarray, least: float) -> np.ndarray:
    return np.where(values > least, values, np.nan)


def _usual(fields: Mapping[str, Volume], most: int = 1) -> list[str]:
    """Fields whose counts vary as those of most do: their standard deviations are in the middle."""
    spread = {name: float(one.array.std()) for name, one in fields.items()}
    ranked = sorted(spread, key=spread.__getitem__)
    start = max((len(ranked) - most) // 2, 0)
    return ranked[start : start + most]


def _shown_examples(found: _Shown) -> list[tuple[str, str]]:
    """(source, sample): one of each source, or two where there is one source alone."""
    have = [source for source in (SYNTHETIC, REAL) if found.fields[source]]
    most = 1 if len(have) == MOST_EXAMPLES else MOST_EXAMPLES
    return [(source, name) for source in have for name in _usual(found.fields[source], most)]


def _chosen(found: _Shown) -> str:
    """Say which fields are shown as examples."""
    examples = _shown_examples(found)
    if len({source for source, _ in examples}) == MOST_EXAMPLES:
        return "Examples: of each, a field whose standard deviation is a median one"
    other = "real" if examples[0][0] == SYNTHETIC else "synthetic"
    many = (
        "a field whose standard deviation is the median one"
        if len(examples) == 1
        else "fields whose standard deviations are the middle ones"
    )
    return f"No {other} field is configured, so none is shown. Examples: {many}"


def _plain_ticks(axes: Any, places: tuple[float, ...]) -> None:
    """Write 200, not 2 times 10 to the 2, along x."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axis = getattr(axes, "xaxis", axes)
    axis.set_major_locator(FixedLocator(places))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def _examples(figure: SubFigure, found: _Shown) -> None:
    from matplotlib.colors import PowerNorm

    examples = _shown_examples(found)
    above = figure.subplots(1, len(examples), squeeze=False)[0]
    for axes, (source, sample) in zip(above, examples, strict=True):
        field = found.fields[source][sample]
        scale = grey(field.array)
        norm = PowerNorm(GAMMA, scale.black, scale.white)
        image = axes.imshow(field.array, cmap="gray", norm=norm)
        image_axes(axes)
        size = field.voxel_size
        scale_bar(axes, field.array.shape, None if size is None else size[-1])
        axes.set_title(f"{NAMES[source]}: {sample}")
        bar = figure.colorbar(image, ax=axes, shrink=0.85, pad=0.02, label="counts")
        ticks = [t for t in (100, 200, 400, 800, 1600, 3200) if scale.black <= t <= scale.white]
        bar.set_ticks(ticks, labels=[str(tick) for tick in ticks])
        bar.minorticks_off()
