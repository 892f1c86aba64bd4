"""What stands above and beneath the table with JPEG."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focusbench.report.results import Results
from focusbench.tracks.refocus import table_notes
from focusbench.tracks.refocus.table1_notes import TWICE, srgan
from focusbench.tracks.refocus.table_cells import MIDDLE, Scores

CONTAIN = (
    "The published numbers contain this JPEG: the authors' patches were stored as JPEG of quality "
    "95, and the results were stored so beside them before they were scored."
)
EFFECT = (
    "It does two things to a score: what both sides lose alike is not counted as an error, and "
    "what a method does below the steps of JPEG is lost. Which is larger depends on the method; "
    "tables 1, 2 and methods have the numbers without it."
)
UNTRAINED = (
    "The methods are those of the other tables and learned from planes that never were JPEG; the "
    "paper's learned from planes that were."
)


def summary(settings: Mapping[str, Any], scores: Mapping[str, Scores]) -> str:
    """Say what is shown, and what it may be compared with."""
    if not any(one.has(f"psnr{MIDDLE}") for one in scores.values()):
        return "Nothing was run with JPEG."
    return (
        f"{CONTAIN} Here ours do too, which takes away one difference, not the others. Published "
        f"and reproduced numbers are not comparable: {'; '.join(table_notes.reasons(settings))}."
    )


def notes(results: Results, settings: Mapping[str, Any], scores: Mapping[str, Scores]) -> list[str]:
    """Say how the table was made, and what its columns mean; `scores`: by degradation."""
    samples = [s for s in results.samples if any(s in one.whole.samples for one in scores.values())]
    lines = table_notes.common(results, settings, samples, list(scores))
    if not samples:
        return lines
    lines += [EFFECT, UNTRAINED, *table_notes.given(scores)]
    keys = ("psnr", "ssim", "mse", "mae")
    lines += [*table_notes.definitions(keys), table_notes.PAPERS_AVERAGE, TWICE]
    lines += srgan(results.methods, settings)
    lines += table_notes.lacking(scores, ["psnr", f"psnr{MIDDLE}"])
    lines += table_notes.slides_note(samples, settings)
    return [*lines, *table_notes.ends([one.whole.rows for one in scores.values()])]
