"""What stands above and beneath the table of methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focusbench.evaluation import nuclear_absorbance
from focusbench.report.results import Results
from focusbench.tracks.refocus import table_notes
from focusbench.tracks.refocus.degradations import parse
from focusbench.tracks.refocus.table_cells import Scores

GROUPS = (
    "All planes / others / 0 µm: the mean over all planes, over all but the middle one, and the "
    "middle one alone, which for highres is the input. A dash: the method makes that plane alone."
)
NUCLEI = (
    f"Nuclei: {nuclear_absorbance.SETTINGS.replace('um', 'µm')}. They are measured in every plane "
    "at the same places; a plane in which they hardly absorb has no IOD error, and a field without "
    "nuclei is in none of these means."
)
RESIDUAL = (
    "It says how well an estimate explains its own input, and nothing of the planes that no input "
    "shows: those may be anything at the same residual. Never bold."
)
INTERVALS = (
    "Differences are paired, field by field, with their 95 % bootstrap interval from 5 fields on; "
    "they are not corrected for their number. One training stands behind every row and seed: a "
    "difference may be that of two trainings."
)


def summary(settings: Mapping[str, Any], scores: Mapping[str, Scores]) -> str:
    """Say what is shown, and what it may be compared with."""
    if not scores:
        return "Nothing was run."
    reasons = "; ".join(table_notes.reasons(settings))
    text = (
        "All methods, each beside those of the same input. Tables 1 and 2 have the paper's own "
        f"numbers; they are not comparable with these: {reasons}."
    )
    told = [*table_notes.margin(scores, settings), *table_notes.learned_little(scores, settings)]
    return " ".join([text, *told])


def notes(results: Results, settings: Mapping[str, Any], scores: Mapping[str, Scores]) -> list[str]:
    """Say how the table was made, and what its columns mean; `scores`: by degradation."""
    samples = [s for s in results.samples if any(s in one.whole.samples for one in scores.values())]
    lines = table_notes.common(results, settings, samples, list(scores))
    if not samples:
        return lines
    lines.append(GROUPS)
    keys = [
        key
        for key in ("psnr", "ssim", "mse", "mae", "nuclear_absorbance", "nuclear_iod")
        if any(one.has(f"{key}_middle") for one in scores.values())
    ]
    lines += [*table_notes.definitions(keys), table_notes.PAPERS_AVERAGE]
    if "nuclear_absorbance" in keys:
        lines.append(NUCLEI)
    if any(one.has("rms_residual") for one in scores.values()):
        (told,) = table_notes.definitions(["rms_residual"])
        lines.append(f"{told} {RESIDUAL}")
    if any(parse(name).jpeg for name in scores):
        lines.append(table_notes.PUBLISHED_JPEG)
    lines += [*table_notes.margins(scores, settings), *table_notes.given(scores)]
    lines += table_notes.lacking(scores, ["psnr", "psnr_middle"])
    lines += [INTERVALS, *table_notes.slides_note(samples, settings)]
    rows = [one.whole.rows for one in scores.values()]
    return [*lines, *table_notes.ends(rows)]
