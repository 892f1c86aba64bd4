"""What stands above and beneath Table 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from focusbench.report.notes import published_beside
from focusbench.report.results import Results
from focusbench.report.tables import DASH, provenance
from focusbench.tracks.defocus import table_notes, told
from focusbench.tracks.defocus.table_accuracy import HELD_OUT, Judged, commonest
from focusbench.tracks.defocus.told import Variant

TWO_TASKS = (
    "Without bg a predictor must name a level for patches that show nothing, where no level can be "
    "known; with it they are one more class, and an easy one. The two accuracies are therefore of "
    "two tasks. The last of the columns of accuracy is of one and the same task: the patches "
    "that show something, where calling one bg is an error."
)
SIZES = (
    "Patches of another size lie at other places of the same fields; fewer of the large ones show "
    "nothing. The paper says that larger patches were told apart better, and prints no numbers."
)
MOMENTUM = (
    "Momentum: the share of the running statistics that a step keeps, as Keras counts it. The "
    "paper compares 0.99, 0.60 and 0.40 by curves alone, and dropout and batch normalisation by "
    "curves of cumulative match."
)
NOISE = (
    "With shot noise: the same patches, 1 count a photon. The paper restores noisy images and "
    "trains on images without noise."
)


def summary(settings: Mapping[str, Any]) -> str:
    """Say what the numbers may be compared with."""
    return published_beside(True, table_notes.reasons(settings), "")


def notes(
    results: Results,
    settings: Mapping[str, Any],
    judged: Mapping[tuple[str, str], Judged],
    variants: Sequence[Variant],
) -> list[str]:
    """Say how the table was made, and what its columns mean."""
    version, differs = provenance(settings)
    methods = [one.method for one in variants]
    lines = [version, *table_notes.fields(settings, judged)]
    if not judged:
        return [
            *lines,
            "No variant of DelpNet was trained, so published values stand alone.",
            differs,
        ]
    first = methods[0] if methods else told.PAPERS  # what the others are compared with
    base = judged.get((first, HELD_OUT))
    lines += table_notes.lengths(results, methods)
    lines += [*table_notes.parameters(methods, settings), differs]
    lines += [table_notes.BACKGROUND, table_notes.LEVEL_0, table_notes.MACRO]
    if base is not None:
        lines.append(
            f"Naming the commonest class for every patch would be right for "
            f"{100 * commonest(base):.1f} % of them."
        )
    kinds = {one.kind for one in variants}
    if "bg" in kinds:
        lines.append(TWO_TASKS)
    if kinds & {"dropout", "batch_norm", "keras_momentum"}:
        lines.append(MOMENTUM)
    if "side" in kinds:
        lines.append(SIZES)
    if any(one.content is None for one in judged.values()):
        lines.append(
            f"{DASH} where something shows: no predictor with bg saw the same patches, so that it "
            "is not known which of them show nothing."
        )
    if any(name.endswith("_poisson") for _, name in judged):
        lines.append(NOISE)
    if base is not None and len(methods) > 1:
        lines.append(table_notes.INTERVALS)
    lines += table_notes.seeds(judged)
    lines.append(table_notes.ACCURACY_CSV.format(base=first))
    return lines
