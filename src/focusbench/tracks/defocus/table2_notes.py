"""What stands above and beneath Table 2."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from focusbench.report.notes import published_beside
from focusbench.report.results import Results
from focusbench.report.tables import provenance, significant
from focusbench.tracks.defocus import table_notes, told
from focusbench.tracks.defocus.table_accuracy import (
    HELD_OUT,
    IMAGE,
    SETS,
    Judged,
    commonest,
    difference,
)

if TYPE_CHECKING:
    from focusbench.tracks.defocus.table2 import Leak

SAME = 1e-9
ALIKE = 1.5  # largest over least length of trainings that are about equal
TRANSFER = (
    "Not reproduced: networks pretrained on ImageNet (section 3.3), which the paper found no "
    "better than those trained from scratch; their weights would have to come from a model hub."
)
COUNTS = (
    "Keras total: parameters as Keras counts them, with the running means and variances of batch "
    "normalisation, which are not trained. At full width: counted on networks of the paper's size, "
    "for patches of 84 x 84 pixels and 12 classes, whatever width was trained here."
)
ERRORS = (
    "Within 1 level: share of all patches; bg is right for bg alone. Mean error: of patches with a "
    "level in truth and in prediction, in µm of depth. Called bg: share of the patches with a "
    "level that were given none. bg given a level: the reverse, of the patches of true bg."
)
SPEED = (
    "Patches a second: timed in a run of its own, one predictor after the other, from counts to "
    "probabilities; the table of costs says on what. Trainings may have run beside other jobs."
)
PRINTED_SPLIT = (
    "The paper says that images were split, and trained on 62,865 patches: no multiple of the 20 "
    "patches of an image, but exactly 0.75 of all 83,820. If patches were split and not images, "
    "its leak is larger still."
)


def summary(settings: Mapping[str, Any], leaks: Sequence[Leak]) -> str:
    """Say what the numbers may be compared with."""
    text = published_beside(True, table_notes.reasons(settings), "")
    if not leaks:
        return text
    return f"{text} The last block has the paper's kind of split, and what it gives away."


def notes(
    results: Results,
    settings: Mapping[str, Any],
    judged: Mapping[tuple[str, str], Judged],
    methods: Sequence[str],
    leaks: Sequence[Leak],
) -> list[str]:
    """Say how the table was made, and what its columns mean."""
    version, differs = provenance(settings)
    lines = [version, *table_notes.fields(settings, judged), TRANSFER]
    if not methods:
        return [
            *lines,
            COUNTS,
            "No predictor was trained, so published values stand alone.",
            differs,
        ]
    shown = {key: one for key, one in judged.items() if key[0] in methods}
    lines += [*no_better(shown), *no_better_than_one_class(shown)]
    for leak in leaks:
        lines.append(leak_note(leak, judged, settings["seed"]))
    if leaks:
        lines.append(PRINTED_SPLIT)
    split = [one for leak in leaks for one in (leak.method, leak.other) if one is not None]
    trained = list(dict.fromkeys([*methods, *split]))
    lines += table_notes.lengths(results, trained)
    lines += unequal([one for one in methods if one in told.NETWORKS], results)
    lines += [*table_notes.parameters(trained, settings), differs]
    lines += [
        f"{told.BASELINE} (ours): multinomial logistic regression on three features of a patch, "
        "its variance, the energy of its Laplacian and the width of its autocorrelation: what a "
        "network must beat."
        for method in methods
        if method == told.BASELINE
    ]
    first = next(iter(shown.values()))
    base = shown.get((told.PAPERS, HELD_OUT), first)
    lines.append(
        "Naming the commonest class for every patch would be right for "
        f"{100 * commonest(base):.1f} % of those {SETS[base.name]}."
    )
    lines += [COUNTS, table_notes.BACKGROUND, table_notes.LEVEL_0, table_notes.MACRO, ERRORS, SPEED]
    lines.append(table_notes.INTERVALS)
    lines += table_notes.seeds(shown)
    lines.append(table_notes.ACCURACY_CSV.format(base=told.PAPERS))
    return lines


def no_better(judged: Mapping[tuple[str, str], Judged]) -> list[str]:
    """Name networks that were no more accurate than the baseline; nothing where all were."""
    texts = []
    for name, words in SETS.items():
        bar = judged.get((told.BASELINE, name))
        if bar is None:
            continue
        below = [
            method
            for (method, of), one in judged.items()
            if of == name and one is not bar and one.value("accuracy") <= bar.value("accuracy")
        ]
        if below:
            texts.append(f"{words}: {', '.join(below)}")
    if not texts:
        return []
    return [f"Networks that were no more accurate than {told.BASELINE}: {'; '.join(texts)}."]


def no_better_than_one_class(judged: Mapping[tuple[str, str], Judged]) -> list[str]:
    """Name predictors that learned nothing of a set; nothing where all did."""
    texts = []
    for name, words in SETS.items():
        below = [
            method
            for (method, of), one in judged.items()
            if of == name and one.value("accuracy") <= commonest(one) + SAME
        ]
        if below:
            texts.append(f"{words}: {', '.join(below)}")
    if not texts:
        return []
    return [
        "No more accurate than naming the commonest class for every patch, so that nothing was "
        f"learned that holds there: {'; '.join(texts)}."
    ]


def unequal(networks: Sequence[str], results: Results) -> list[str]:
    """Say that networks were trained for unlike lengths; nothing where the records say alike."""
    trainings = results.trainings()
    spans = {}
    for column, unit in (("seconds", "s"), ("steps", "steps")):
        values = {}
        for method in networks:
            own = trainings[trainings["method"] == method] if len(trainings) else trainings
            value = table_notes.mean(own[column]) if column in own else math.nan
            if value > 0:
                values[method] = value
        if len(values) > 1 and max(values.values()) > ALIKE * min(values.values()):
            least, most = (reduce(values, key=values.__getitem__) for reduce in (min, max))
            spans[column] = (
                f"{significant(values[least])} {unit} ({least}) to "
                f"{significant(values[most])} {unit} ({most})"
            )
    if "steps" not in spans:
        return []
    time = (
        f"nor for equally long: {spans['seconds']}" if "seconds" in spans else "but about as long"
    )
    return [
        f"The networks were not trained for equally many steps: {spans['steps']}; {time}. What one "
        "lacks in accuracy may be what it lacks in training."
    ]


def leak_note(leak: Leak, judged: Mapping[tuple[str, str], Judged], seed: int) -> str:
    """Say how much a split by image gives away, and what that means."""
    share = "of which it is not recorded whether their fields were learned from"
    if leak.known is not None:
        share = f"{leak.known:,} of them of fields that were learned from at other levels"
    pool = f" after {leak.learned:,} to learn from" if leak.learned is not None else ""
    text = (
        f"{leak.method}: {leak.images:,} images were tested{pool}, {share}. Such an image shows "
        "cells, noise and flaws of the camera that the network has seen: its accuracy tells how "
        "well known fields are told apart, not how well a new one is."
    )
    if leak.other is None:
        return text
    image, field = judged[leak.method, IMAGE], judged[leak.other, HELD_OUT]
    by_image, by_field = image.value("accuracy"), field.value("accuracy")
    found = difference(image, field, "accuracy", seed)
    shows = ""
    if found.mean <= 0 or found.low <= 0:
        shows = (
            " By image it is not certainly the more accurate here, so this run shows no leak; a "
            "network can only have one where it fits well what it learned from."
        )
    return (
        f"{text} It is right for {100 * by_image:.1f} % there, {leak.other}, split by field, for "
        f"{100 * by_field:.1f} % of patches of new fields. The two were not tested on the same "
        "images, nor did they learn from equally many: it draws from all fields, the test fields "
        f"too.{shows}"
    )
