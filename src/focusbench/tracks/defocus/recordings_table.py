"""Images of a user's own: which levels were seen in them, and what restoring them gave."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.report.results import ORIGINS, Results
from focusbench.report.score_grid import ScoreGrid
from focusbench.report.tables import DASH, Block, Cell, Table, cell, fixed, significant
from focusbench.tracks.defocus import told
from focusbench.tracks.defocus.recordings_table_notes import notes, summary
from focusbench.tracks.defocus.restoration_table import (
    COUNTED,
    RECORDED,
    groups,
    label,
    source_words,
    with_counts_off,
)
from focusbench.tracks.defocus.table_metrics import DIGITS, METRICS, OFF, SHOWN, heading, scale
from focusbench.training.level_map import BG

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = (*(key for key in SHOWN if key != OFF), "rms_residual")


class Seen(NamedTuple):
    """Which levels a predictor saw in a recording."""

    sample: str
    predictor: str
    patches: int
    median: float  # of the patches that were given a level; NaN: all are bg
    last: float  # share of these that were given the last level
    background: float  # share of all patches that were called bg
    known: float  # the level that the configuration tells; NaN: none


def recordings(results: Results, settings: Mapping[str, Any]) -> Table:
    """Predicted levels of each recording, and the scores of every method on it.

    Reads scores, restoration records, observation records and predicted levels.

    Parameters
    ----------
    results
        Of the study `recordings`.
    settings
        As for `restoration`.

    Returns
    -------
    Table
        Its data hold one row per recording, method and seed, with the levels that its predictor
        saw. Nothing is averaged over recordings.
    """
    import pandas

    scores = with_counts_off(results.scores())
    rows = scores[scores["degradation"] == RECORDED] if len(scores) else scores
    samples = list(dict.fromkeys(rows["sample"])) if len(rows) else []
    seen = _seen(results, settings, samples)
    blocks = [_seen_block(seen, settings)] if seen else []
    grids = {}
    for sample in samples:
        own = rows[rows["sample"] == sample]
        grids[sample] = ScoreGrid(own, [sample], results.methods, METRICS, settings["seed"])
        blocks.append(_block(grids[sample], sample, settings))
    empty = pandas.DataFrame(columns=["sample", "method"])
    return Table(
        name="recordings",
        title="Images of one's own",
        summary=summary(grids, seen),
        notes=tuple(notes(results, settings, grids, seen)),
        data=_tidy(rows, seen, settings) if samples else empty,
        blocks=tuple(blocks),
    )


def _seen(results: Results, settings: Mapping[str, Any], samples: list[str]) -> list[Seen]:
    """Of each recording, what every predictor saw that a restorer was told by."""
    last = int(settings["track"]["optics"]["levels"]) - 1
    named = told.predictors(groups(results.methods, settings))
    found = []
    for sample in samples:
        known = (results.observation_record(sample, RECORDED).get("levels") or {}).get("level")
        for predictor in named:
            levels = results.levels(predictor, sample, RECORDED)
            if levels is None:
                continue
            given = np.asarray(levels.levels)
            deep = given[given != BG]
            found.append(
                Seen(
                    sample,
                    predictor,
                    given.size,
                    float(np.median(deep)) if deep.size else math.nan,
                    float(np.mean(deep == last)) if deep.size else math.nan,
                    float(np.mean(given == BG)),
                    math.nan if known is None else float(known),
                )
            )
    return found


def _seen_block(seen: list[Seen], settings: Mapping[str, Any]) -> Block:
    step = float(settings["track"]["optics"]["step"])
    last = int(settings["track"]["optics"]["levels"]) - 1
    header = (
        *("recording", "predictor", "patches", "median level", "its depth, µm"),
        *(f"of them at the last level ({last}), %", "called bg, %", "level told, for the score"),
    )
    rows = [
        (
            *(cell(one.sample), cell(one.predictor), cell(str(one.patches))),
            *(cell(_plain(one.median)), cell(_plain(step * one.median))),
            *(cell(fixed(100 * value, 1)) for value in (one.last, one.background)),
            cell(_plain(one.known)),
        )
        for one in seen
    ]
    return Block("Predicted levels", header, tuple(rows))


def _plain(value: float) -> str:
    return DASH if math.isnan(value) else f"{value:g}"


def _block(grid: ScoreGrid, sample: str, settings: Mapping[str, Any]) -> Block:
    """One row per method; beneath, the nuclei of the field in focus and of the recording itself."""
    shown = [key for key in COLUMNS if grid.has(key)]
    rows = []
    for source, methods in groups(grid.methods, settings).items():
        for method in methods:
            values = [_value(grid, key, sample, method) for key in shown]
            rows.append(
                (cell(label(grid, method, settings)), cell(source_words(source, method)), *values)
            )
    tail = []
    for key, name in COUNTED.items():
        if grid.has(key) and "nuclei" in shown:
            value = fixed(grid.value(key, sample, grid.methods[0]), 0)
            texts = [value if one == "nuclei" else "" for one in shown]
            tail.append((cell(name), cell(""), *map(cell, texts)))
    header = ("method", "levels from", *map(heading, shown))
    return Block(sample, header, (*rows, *tail), len(tail))


def _value(grid: ScoreGrid, key: str, sample: str, method: str) -> Cell:
    value, spread = (scale(key) * of(key, sample, method) for of in (grid.value, grid.spread))
    if key in ("rms_residual", "chi_square"):
        return cell(significant(value))
    digits = 0 if key == "nuclei" else DIGITS[key]
    text = fixed(value, digits)
    return cell(text if math.isnan(spread) else f"{text}±{fixed(spread, digits)}")


def _tidy(rows: DataFrame, seen: list[Seen], settings: Mapping[str, Any]) -> DataFrame:
    table = rows.copy()
    table["levels_from"] = [told.levels_from(one, settings) for one in table["method"]]
    by_id = {(one.sample, one.predictor): one for one in seen}
    own = [by_id.get(key) for key in zip(table["sample"], table["levels_from"], strict=True)]
    names = {"median": "median_level", "last": "last_level_share", "background": "bg_share"}
    for key, name in names.items():
        table[name] = [math.nan if one is None else getattr(one, key) for one in own]
    table["seed"] = table["seed"].astype("Int64")
    start = ["sample", "method", "levels_from", "seed", "repeatable", *names.values()]
    return table.reindex(columns=[*start, *METRICS, *ORIGINS])
