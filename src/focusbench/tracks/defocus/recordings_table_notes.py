"""What stands above and beneath the table of recordings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from focusbench.report.notes import CSV, NOT_REPEATABLE, set_parameters, work
from focusbench.report.results import Results
from focusbench.report.tables import provenance
from focusbench.tracks.defocus import told
from focusbench.tracks.defocus.restoration_table_notes import ONLY_BACKGROUND, ORACLE_NOTE
from focusbench.tracks.defocus.table_metrics import OFF, SHOWN, definition

if TYPE_CHECKING:
    from focusbench.report.score_grid import ScoreGrid
    from focusbench.tracks.defocus.recordings_table import Seen

BEYOND = (
    "Median level: of the patches that were given one. A predictor knows no level beyond the last: "
    "where most patches are at the last, the image may be further out of focus than any PSF that "
    "it was restored with."
)
TRAINED = (
    "Predictors learned from fields that the model blurred: optics, camera and specimen of a "
    "recording may be others, and nothing tells how much that costs."
)
PARTNER = (
    "Field in focus: another image of the same place. Its unit and its noise are its own, and it "
    "need not be in focus all over, so that no restoration reaches it."
)


def summary(grids: Mapping[str, ScoreGrid], seen: Sequence[Seen]) -> str:
    """Say what the table is about."""
    if not grids:
        return (
            "No recording was restored: it takes entries of one's own under data.defocused among "
            "the samples of the study."
        )
    without = [sample for sample, grid in grids.items() if not grid.has("psnr_own")]
    text = (
        "Images whose defocus no model made. The paper shows two such fields, as images alone, and "
        "no numbers of them."
    )
    if without:
        text += f" No field in focus is known of {', '.join(without)}."
    if not seen:
        text += " No level was predicted."
    return text


def notes(
    results: Results,
    settings: Mapping[str, Any],
    grids: Mapping[str, ScoreGrid],
    seen: Sequence[Seen],
) -> list[str]:
    """Say how the table was made, and what its columns mean."""
    version, differs = provenance(settings)
    if not grids:
        return [version, differs]
    lines = [version]
    if seen:
        lines += [BEYOND, TRAINED]
        lines += _as_told(seen)
    methods = {method for grid in grids.values() for method in grid.methods}
    if set(told.ONLY_BACKGROUND) & methods:
        lines.append(ONLY_BACKGROUND)
    sources = {told.levels_from(one, settings) for one in methods}
    lines += told.even_levels(sources, float(settings["track"]["optics"]["step"]))
    if told.ORACLE in sources:
        lines.append(ORACLE_NOTE)
    lines += [work(results), *set_parameters(results, settings), differs]
    if any(grid.has("psnr_own") for grid in grids.values()):
        lines.append(PARTNER)
    keys = [key for key in (*SHOWN, "rms_residual") if key != OFF]
    lines += [
        definition(key, recorded=True)
        for key in keys
        if any(grid.has(key) for grid in grids.values())
    ]
    lines.append("Nothing is averaged over recordings, and nothing is bold; seeds are averaged.")
    lines.append(CSV)
    if not all(grid.rows["repeatable"].all() for grid in grids.values()):
        lines.append(NOT_REPEATABLE)
    return lines


def _as_told(seen: Sequence[Seen]) -> list[str]:
    """Compare predicted levels with those that the configuration tells; nothing without any."""
    texts = [
        f"{one.sample} {one.known:g}, {one.predictor} says "
        f"{'bg' if math.isnan(one.median) else format(one.median, 'g')}"
        for one in seen
        if not math.isnan(one.known)
    ]
    if not texts:
        return []
    return [f"Level that the configuration tells (methods are not told it): {'; '.join(texts)}."]
