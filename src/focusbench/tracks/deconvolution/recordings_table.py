"""Table of recordings: how well each method's estimate explains what the camera saw."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from focusbench.report.results import ORIGINS, Results
from focusbench.report.score_grid import ScoreGrid
from focusbench.report.tables import DASH, Block, Cell, Table, cell, fixed, significant
from focusbench.tracks.deconvolution import learned
from focusbench.tracks.deconvolution.learned import Training
from focusbench.tracks.deconvolution.metrics import METRICS
from focusbench.tracks.deconvolution.recordings_notes import notes, summary
from focusbench.tracks.deconvolution.score_cells import DIGITS, RECORDED, label

if TYPE_CHECKING:
    from pandas import DataFrame

FITS = ("rms_residual", "chi_square")
# where a truth exists
QUALITY = ("psnr_volume", "ssim_uniform_3d", "fsc_lateral", "fsc_axial")
NANOMETRES = 1000.0  # a um


def recordings(results: Results, settings: Mapping[str, Any]) -> Table:
    """Residual of every method on every recording, and its scores where a truth is known.

    Reads scores, restoration records, observation records and the records of trainings.

    Parameters
    ----------
    results
        Of the study `recordings`.
    settings
        As for `table1`.

    Returns
    -------
    Table
        Its data hold one row per recording, method and seed; `trained_on` is the degradation of
        the volumes that the weights come from. Nothing is averaged over recordings.
    """
    import pandas

    scores, trainings = results.scores(), learned.read(results)
    rows = scores[scores["degradation"] == RECORDED] if len(scores) else scores
    blocks = []
    for sample in dict.fromkeys(rows["sample"] if len(rows) else []):
        own = rows[rows["sample"] == sample]
        grid = ScoreGrid(own, [sample], results.methods, METRICS, settings["seed"])
        blocks.append(_block(grid, sample, trainings))
    data = _tidy(rows, trainings) if len(rows) else pandas.DataFrame(columns=["sample", "method"])
    return Table(
        name="recordings",
        title="Recordings, judged by how well an estimate explains them",
        summary=summary(results, rows),
        notes=tuple(notes(results, rows, settings)),
        data=data,
        blocks=tuple(blocks),
    )


def _block(grid: ScoreGrid, sample: str, trainings: Sequence[Training]) -> Block:
    """One row per method, and the truth's own residual where one is known."""
    shown = [key for key in (*FITS, *QUALITY) if grid.has(key)]
    header = ["method", *(["trained on"] if trainings else []), *map(_heading, shown)]
    rows = []
    for method in grid.methods:
        row = [cell(label(grid, method))]
        row += [cell(_trained_on(method, trainings))] if trainings else []
        row += [_value(grid, key, sample, method) for key in shown]
        rows.append(tuple(row))
    tail = 0
    if grid.has("rms_residual_truth"):
        row = [cell("truth itself"), *([cell("")] if trainings else [])]
        # the same whatever the method
        row += [
            cell(significant(grid.value(f"{key}_truth", sample, grid.methods[0])))
            if key in FITS
            else cell("")
            for key in shown
        ]
        rows.append(tuple(row))
        tail = 1
    return Block(sample, tuple(header), tuple(rows), tail)


def _heading(key: str) -> str:
    if key == "rms_residual":
        return "RMS residual, grey values"
    if key == "psnr_volume":
        return "PSNR of the volume after one gain, dB"
    unit = METRICS[key].unit.replace("µm", "nm")
    return f"{METRICS[key].label}{f', {unit}' if unit else ''}"


def _trained_on(method: str, trainings: Sequence[Training]) -> str:
    one = learned.used_for(method, RECORDED, trainings)
    if one is None:
        return DASH
    return "recordings" if one.degradation == RECORDED else f"made volumes, {one.degradation}"


def _value(grid: ScoreGrid, key: str, sample: str, method: str) -> Cell:
    value = grid.value(key, sample, method)
    if key in FITS:
        return cell(significant(value))
    if METRICS[key].unit == "µm":
        return cell(fixed(NANOMETRES * value, 0))
    digits = DIGITS[METRICS[key].unit]
    spread = grid.spread(key, sample, method)
    text = fixed(value, digits)
    return cell(text if math.isnan(spread) else f"{text}±{fixed(spread, digits)}")


def _tidy(rows: DataFrame, trainings: Sequence[Training]) -> DataFrame:
    table = rows.copy()
    used = [learned.used_for(method, RECORDED, trainings) for method in table["method"]]
    table["trained_on"] = [None if one is None else one.degradation for one in used]
    table["seed"] = table["seed"].astype("Int64")
    return table.reindex(
        columns=["sample", "method", "seed", "repeatable", "trained_on", *METRICS, *ORIGINS]
    )
