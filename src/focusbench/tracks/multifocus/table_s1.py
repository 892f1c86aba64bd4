"""The paper's Table S1, reproduced: Table 1 on smaller volumes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focusbench.evaluation import published
from focusbench.report.notes import preset_reasons
from focusbench.report.results import Results
from focusbench.report.tables import Table
from focusbench.tracks.multifocus.table1 import grids
from focusbench.tracks.multifocus.table1_notes import base_ids, notes, size_reasons

PAPER_SIZE = 50  # section 4.1: 50 x 50 x 11, "provided in Supplementary"


def table_s1(results: Results, settings: Mapping[str, Any]) -> Table:
    """As `table1`, on the volumes of the study `small`; no published values are known.

    Reads scores and restoration records.

    Parameters
    ----------
    results, settings
        As for `table1`.

    Returns
    -------
    Table
        Its data are those of `table1`, samples with the size that their files are named by.
    """
    nothing = published.values("multifocus_table1").iloc[:0]
    data, blocks = grids(results, settings, nothing)
    size, slices = (settings["track"].get(key) for key in ("size", "slices"))
    return Table(
        name="tableS1",
        title=f"Restored volumes of {size} x {size} x {slices} voxels against the truth (Table S1 "
        "of Azevedo et al. 2024)",
        summary=_summary(results, settings),
        notes=tuple(notes(results, settings)),
        data=data,
        blocks=blocks,
    )


def _summary(results: Results, settings: Mapping[str, Any]) -> str:
    theirs = set(published.values("multifocus_table1")["sample"])
    own = [sample for sample in base_ids(results.samples) if sample not in theirs]
    reasons = [*preset_reasons(settings), *size_reasons(results, settings, PAPER_SIZE)]
    if own:
        reasons.append(f"the paper's samples are not ours ({', '.join(own)})")
    text = (
        "The paper has this table, for volumes of 50 x 50 x 11, in its supplement, which is not "
        "at hand: no published values stand beside."
    )
    if reasons:
        text += f" They would not be comparable: {'; '.join(reasons)}."
    return text
