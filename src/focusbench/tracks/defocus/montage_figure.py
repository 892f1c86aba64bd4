"""Whole fields put together from restored patches, and without patches (the paper's figure 9)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.paths import Restored, base_id
from focusbench.report.figures import sentence_figure, style
from focusbench.report.results import Results
from focusbench.tracks.defocus import sections, sections_drawing, shown, true_levels
from focusbench.tracks.defocus.sections import Band, Panel, Window
from focusbench.tracks.defocus.shown import RECORDED, made_with

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

FAMILIES = ("depth_variant_rectangular", "depth_variant_triangular", "depth_variant_field")
PATCHED = FAMILIES[0]  # its seams choose what is enlarged
MOST_SAMPLES = 2
GAMMA = 0.5
NOTHING = "No field was restored by a depth-variant method: there is nothing to show."


class _Shown(NamedTuple):
    bands: list[Band]
    samples: list[str]
    degradation: str
    methods: list[str]
    windows: list[Window | None]
    by_seams: bool  # whether a rectangular result chose the windows
    levels: int
    with_truth: bool


def fig9(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Truth, observation and montages of fields, with the place of the plainest seams enlarged.

    Reads scores, truths, observations and their records, volumes and predicted levels.

    Parameters
    ----------
    results
        Of the main grid.
    settings
        `methods`, parameters by id; `track` with `patch` and `optics`.
    """
    with style():
        found = _shown(results, settings)
        if found is None:
            return sentence_figure(NOTHING)
        return sections_drawing.draw(found.bands, found.levels)


def fig9_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `fig9`."""
    found = _shown(results, settings)
    if found is None:
        return f"{NOTHING}{made_with(settings)}"
    side = settings["track"]["patch"]
    names = [base_id(sample) for sample in found.samples]
    places = "; ".join(
        f"{name}: rows {one.rows.start} to {one.rows.stop - 1}, columns {one.columns.start} to "
        f"{one.columns.stop - 1}"
        for name, one in zip(names, found.windows, strict=True)
        if one is not None
    )
    rule = (
        "it lies around the crossing of patch borders at which the result of patches side by side "
        "steps most beyond its surroundings (away from the field's edges), less the same in the "
        f"{'truth' if found.with_truth else 'observation'}"
        if found.by_seams
        else "it lies where the field changes most, as no result of patches side by side is there "
        "to choose by its seams"
    )
    others = [sample for sample in results.samples if sample not in found.samples]
    degradations = [name for name in results.degradations if name != found.degradation]
    text = (
        f"{shown.listed(names)} at {found.degradation}, restored in patches of {side} x {side} "
        "pixels: side by side (rectangular), overlapping (triangular), and at once (field, ours). "
        f"All pictures of a field share one grey scale, in counts, with gamma {GAMMA:g} so that "
        "faint light is seen; what lies beyond is black or white. Framed, and enlarged beneath: "
        f"{places or 'nothing'}; {rule}. Beneath: PSNR gain "
        "over the observation, and by how much steps across the lines of patches that lie side by "
        "side exceed those next to them, relative to the same ratio in the truth (seams; 0: none, "
        "up to chance)"
    )
    if any(panel.levels for band in found.bands for panel in band.panels):
        text += "; then the levels in colour, true, and predicted from patches (drawn by the "
        text += "nearest middle of a patch; grey: background)"
    text += ". The paper shows two real fields without a truth, and no number."
    if others:
        text += f" Not shown: the samples {shown.listed([base_id(one) for one in others])}."
    if degradations:
        text += f" Not shown: {shown.listed(degradations)}."
    text += shown.not_run(results, FAMILIES)
    return text + shown.not_shown(results, found.methods) + made_with(settings)


def _shown(results: Results, settings: Mapping[str, Any]) -> _Shown | None:
    ranked = shown.ordered(results.methods, settings)
    wanted = [one for one in ranked if shown.family(one) in FAMILIES]
    told = [one for one in wanted if not shown.is_oracle(settings, one)]
    oracle = [one for one in wanted if shown.is_oracle(settings, one)]
    told, oracle = (_one_each(some, results.methods) for some in (told, oracle))
    methods = [*told, *oracle]
    items = [item for item in results.items if item.method in methods]
    if not items:
        return None
    degradation = items[0].degradation
    pairs = dict.fromkeys((i.sample, i.degradation) for i in items)
    samples = [sample for sample, name in pairs if name == degradation][:MOST_SAMPLES]
    scores = results.scores()
    levels = int((settings["track"].get("optics") or {}).get("levels", 11))
    bands, windows, by_seams, with_truth = [], [], True, True
    for sample in samples:
        made, window, seamed, truth = _bands(
            results, settings, scores, (sample, degradation), told, oracle
        )
        bands += made
        windows.append(window)
        by_seams &= seamed
        with_truth &= truth
    return _Shown(bands, samples, degradation, methods, windows, by_seams, levels, with_truth)


def _one_each(methods: Sequence[str], listed: Sequence[str]) -> list[str]:
    """Of each family the one that the configuration lists first."""
    first: dict[str, str] = {}
    for method in listed:
        if method in methods:
            first.setdefault(shown.family(method), method)
    return [method for method in methods if first[shown.family(method)] == method]


def _bands(
    results: Results,
    settings: Mapping[str, Any],
    scores: DataFrame,
    place: tuple[str, str],
    told: Sequence[str],
    oracle: Sequence[str],
) -> tuple[list[Band], Window | None, bool, bool]:
    """Bands of a field: with predicted levels, and with the true ones beside both as maps."""
    sample, degradation = place
    truth, observed = results.truth(sample), results.observed(sample, degradation)
    fields: dict[str, np.ndarray] = {}
    items: dict[str, Restored] = {}
    for method in [*told, *oracle]:
        item = results.find(sample, degradation, method)
        if item is not None:
            fields[method], items[method] = results.restored(item).array, item
    unlike = truth is None or degradation == RECORDED  # counts of a recording's partner are others
    reference = observed.array if unlike else truth.array
    patched = next((one for one in fields if shown.family(one) == PATCHED), None)
    window = None
    if patched is not None:
        window = sections.seam_window(fields[patched], reference, settings["track"]["patch"])
    by_seams = window is not None
    if window is None:
        window = sections.busy_window(reference)
    elif window.shape == reference.shape:  # all of it: nothing to enlarge
        window = None
    grey, pixel = sections.grey(reference), (observed.voxel_size or (None,))[-1]
    head = []
    if truth is not None:
        own = sections.grey(truth.array)
        words = f"own scale: {own.black:.0f}\nto {own.white:.0f} counts" if unlike else ""
        head = [Panel("in focus", truth.array, words, grey=own if unlike else None)]
    head.append(Panel("observed", observed.array))
    panels = {m: _panel(results, settings, scores, items[m], fields[m]) for m in fields}
    label = base_id(sample)
    first = (*head, *(panels[one] for one in told if one in panels))
    maps = _maps(results, settings, items, place, observed.array.shape)
    second = (*maps, *(panels[one] for one in oracle if one in panels))
    if len(first) == len(head):  # oracles alone
        first, second = (*head, *second), ()
    bands = [Band(label, first, grey, pixel, window, GAMMA)]
    if second:
        bands.append(Band("", second, grey, pixel, window, GAMMA))
    return bands, window, by_seams, not unlike


def _maps(
    results: Results,
    settings: Mapping[str, Any],
    items: Mapping[str, Restored],
    place: tuple[str, str],
    shape: tuple[int, int],
) -> list[Panel]:
    """True levels, and those that the shown methods were told by a predictor."""
    found = []
    known = results.observation_record(*place).get("levels")
    if known:
        image = true_levels.level_map(known, shape)
        low, high = float(image.min()), float(image.max())
        words = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
        found.append(Panel("true levels", image, words, levels=True))
    for method, item in items.items():
        told = shown.told(results, settings, item)
        if told.levels is not None:
            name = shown.predictor(settings, method)
            image = sections.levels_image(told.levels)
            words = shown.span(told.levels.levels)
            found.append(Panel(f"levels of\n{name}", image, words, levels=True))
            break
    return found


def _panel(
    results: Results,
    settings: Mapping[str, Any],
    scores: DataFrame,
    item: Restored,
    field: np.ndarray,
) -> Panel:
    rows = scores.loc[(scores[list(item._fields)] == list(item)).all(axis=1)]
    values = {
        key: float(rows[key].iloc[0]) if key in rows and len(rows) else math.nan
        for key in ("psnr_gain", "seam_excess")
    }
    words = []
    if math.isfinite(values["psnr_gain"]):
        words.append(f"{values['psnr_gain']:+.1f} dB")
    if math.isfinite(values["seam_excess"]):
        words.append(f"seams {100 * values['seam_excess']:+.1f} %")
    told = "true levels" if shown.is_oracle(settings, item.method) else ""
    lines = [", ".join(words), told]
    return Panel(shown.heading(item.method), field, "\n".join(line for line in lines if line))
