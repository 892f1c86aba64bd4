"""What stands beneath more than one table of the track."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from focusbench.evaluation.statistics import FEWEST_SAMPLES
from focusbench.report.notes import preset_reasons
from focusbench.report.results import Results
from focusbench.report.tables import fixed, plain, significant
from focusbench.tracks.defocus import told
from focusbench.tracks.defocus.table_accuracy import IMAGE, SETS, STACK, Judged
from focusbench.tracks.defocus.table_cells import listed

REAL = "bbbc006"  # source of the paper's fields

BACKGROUND = (
    "bg: a class of its own for patches that show nothing, by the paper's rule: all below 230 "
    "counts, and less than 30 counts between the darkest and the brightest pixel, before shot "
    "noise."
)
LEVEL_0 = (
    "Level 0 is the field as it is: nothing was done to it, so its label says that it was not "
    "blurred, not that all of it is in focus."
)
MACRO = (
    "Precision, recall and F1 are means over the classes (levels, and bg where it is one) that "
    "occur in truth or prediction; F1 is the mean of the classes' F1. The paper does not say how "
    "it takes them over the classes."
)
PLANES = (
    "Real planes: no model blurred them. The level is the distance from the plane in focus, in "
    "steps of the levels, rounded; what lies beyond the last level counts as the last."
)
INTERVALS = (
    f"Differences: in percentage points, with their 95 % bootstrap interval from {FEWEST_SAMPLES} "
    "fields on. Fields are drawn anew, each with all its patches, as patches of a field show the "
    "same cells. The interval is about the choice of fields: a training with another seed is "
    "not in it. Bold: the interval excludes 0; intervals are not corrected for their number."
)
ACCURACY_CSV = (
    "The CSV file holds full precision (shares from 0 to 1), every seed, and for the mean over "
    "seeds the difference to {base} with its interval."
)


def reasons(settings: Mapping[str, Any], *, split: bool = True) -> list[str]:
    """Say why this run's accuracies cannot be set beside the paper's.

    `split`: whether what is shown was split by field.
    """
    found = preset_reasons(settings, "has fewer fields, narrower networks and fewer epochs")
    sources = settings.get("sources") or {}
    samples = settings["track"].get("samples") or []
    if not samples or any(sources.get(sample, "nuclei") != REAL for sample in samples):
        found.append("our test fields are synthetic, the paper's are of BBBC006")
    if split:
        found.append(
            "ours are of fields that nothing was learned from, the paper's split was by image"
        )
    return found


def fields(settings: Mapping[str, Any], judged: Mapping[tuple[str, str], Judged]) -> list[str]:
    """Say which fields were learned from, watched and tested, and how they were blurred."""
    track = settings["track"]
    learns, optics = track.get("training") or {}, track["optics"]
    samples, watched = learns.get("samples") or [], learns.get("validation") or []
    shape = (track.get("nuclei") or {}).get("shape")
    size = f" of {_times(shape)} pixels (y, x)" if shape else ""
    subsamples = optics.get("subsamples", 1)
    sampling = (
        "its value in the middle of each pixel"
        if subsamples == 1
        else f"its mean over {subsamples} x {subsamples} points of each pixel"
    )
    lines = [
        f"Fields{size}: learned from {listed(samples)}; watched {listed(watched)}. Each at "
        f"{optics['levels']} levels, {optics['step']:g} µm apart: blurred with the PSF of NA "
        f"{optics['numerical_aperture']:g}, index {optics['refractive_index']:g}, "
        f"{1000 * optics['wavelength']:g} nm on pixels of {optics['pixel_size']:g} µm, {sampling}, "
        f"{optics['side']} x {optics['side']} pixels of unit sum."
    ]
    tested: dict[tuple[str, ...], list[str]] = {}
    for name, words in SETS.items():
        sets = [one for (_, of), one in judged.items() if of == name]
        if sets and name != IMAGE:
            # a split by image may have left some out
            most = max(sets, key=lambda one: len(one.fields))
            tested.setdefault(most.fields, []).append(words)
    if tested:
        texts = [f"{'; '.join(words)}: {listed(names)}" for names, words in tested.items()]
        lines.append(f"Tested on: {'. '.join(texts)}.")
    if any(name == STACK for _, name in judged):
        lines.append(PLANES)
    return lines


def lengths(results: Results, methods: Sequence[str]) -> list[str]:
    """Steps and time of the trainings; nothing that no record tells."""
    trainings = results.trainings()
    texts = []
    for method in methods:
        own = trainings[trainings["method"] == method] if len(trainings) else trainings
        parts = []
        for column, unit in (("steps", "steps"), ("seconds", "s")):
            value = mean(own[column]) if column in own else math.nan
            if not math.isnan(value):
                number = fixed(value, 0) if column == "steps" else significant(value)
                parts.append(f"{number} {unit}")
        if parts:
            texts.append(f"{method} {', '.join(parts)}")
    return [f"Length of a training: {'; '.join(texts)}."] if texts else []


def parameters(methods: Sequence[str], settings: Mapping[str, Any]) -> list[str]:
    """Name parameters that the configuration sets; those left out are the published constants.

    Of variants only what differs from delpnet's is named.
    """
    known = settings.get("methods") or {}
    base = dict(known.get(told.PAPERS) or {})
    texts, variants = [], ""
    for method in methods:
        own = dict(known.get(method) or {})
        if method not in (*told.NETWORKS, told.BASELINE) and base:
            variants = f" (of variants what differs from {told.PAPERS}'s)"
            own = {key: value for key, value in own.items() if base.get(key) != value}
        if own:
            text = ", ".join(f"{key} {plain(value)}" for key, value in sorted(own.items()))
            texts.append(f"{method} {text}")
    return (
        [f"Parameters that the configuration sets{variants}: {'; '.join(texts)}."] if texts else []
    )


def seeds(judged: Mapping[tuple[str, str], Judged]) -> list[str]:
    """Say how many trainings stand behind a row."""
    counts = {len(one.seeds) for one in judged.values()}
    if not counts:
        return []
    if counts == {1}:
        return [
            "Each predictor was trained once: a difference of two rows may be one of their two "
            "trainings alone."
        ]
    return ["Several seeds of the training are averaged; ± is their standard deviation."]


def mean(column: Any) -> float:
    """Mean of the numbers in a column; NaN if there are none."""
    values = column.dropna()
    return float(values.astype(float).mean()) if len(values) else math.nan


def _times(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
