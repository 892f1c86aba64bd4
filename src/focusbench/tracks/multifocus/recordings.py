"""Table of stacks without a truth: what can be said of a restoration all the same."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from focusbench.evaluation.fourier_shell import (
    DIRECTIONS,
    THRESHOLDS,
    ShellCorrelation,
    resolution,
)
from focusbench.paths import base_id
from focusbench.report.results import ORIGINS, Results
from focusbench.report.tables import Block, Cell, Table, cell, fixed, significant
from focusbench.tracks.multifocus.degradations import PARTS
from focusbench.tracks.multifocus.halves import (
    KINDS,
    correlate,
    correlate_truth,
    ran,
    stacks,
)
from focusbench.tracks.multifocus.metrics import HELD_OUT
from focusbench.tracks.multifocus.recordings_notes import WHOLE, notes, summary

if TYPE_CHECKING:
    from pandas import DataFrame

SHOWN = ("lateral", "axial")  # directions; all of DIRECTIONS are in the CSV file
HEADINGS = {"rays": "aperture", "planes": "plane"}  # kinds of halves
WHITENESS = ("correlation", "flatness")  # of the residual
TRUTH_THRESHOLD = 0.5  # a volume with a truth: what 1/7 is for two halves


def recordings(results: Results, settings: Mapping[str, Any]) -> Table:
    """Residual and its correlation, error on withheld planes, agreement of halves, by method.

    Reads scores, restoration records and restored volumes; truths where there are any.

    Parameters
    ----------
    results
        Of the study.
    settings
        As for `table1`.

    Returns
    -------
    Table
        Its data hold one row per sample, stack (degradation without a part) and method: metrics,
        seeds averaged, resolutions in um, of the first seed, and at last `ORIGINS`. A resolution
        equals `finest_...` where the curve never falls below the threshold, is infinite where it
        starts below, and NaN where it was not computed or no shell holds enough coefficients.
    """
    import pandas

    scores = results.scores()
    rows: list[dict[str, Any]] = []
    blocks = []
    for sample, stack in stacks(results):
        methods = ran(results, sample, stack)
        own = [_row(results, scores, sample, stack, method) for method in methods]
        blocks.append(_block(sample, stack, own))
        rows += own
    return Table(
        name="recordings",
        title="Stacks judged without a truth",
        summary=summary(results, settings),
        notes=tuple(notes(results, settings, scores)),
        data=pandas.DataFrame(rows),
        blocks=tuple(blocks),
    )


def _row(
    results: Results, scores: DataFrame, sample: str, stack: str, method: str
) -> dict[str, Any]:
    """One row of the data."""

    def mean(degradation: str, metric: str) -> float:
        if metric not in scores:
            return math.nan
        same = scores[
            (scores["sample"] == sample)
            & (scores["degradation"] == degradation)
            & (scores["method"] == method)
        ]
        return float(same[metric].mean())

    row: dict[str, Any] = {"sample": sample, "stack": stack, "method": method}
    row |= {metric: mean(stack, metric) for metric in WHOLE}
    row |= {metric: mean(f"{stack}_heldout", metric) for metric in HELD_OUT}
    origins = _origins(scores, sample, stack, method)
    for direction in DIRECTIONS:
        finest = math.nan
        for kind in KINDS:
            shells = correlate(results, sample, stack, method, kind, direction)
            for threshold in THRESHOLDS:
                row[f"{kind}_{direction}_{threshold}"] = _period(shells, threshold)
            finest = finest if shells is None else _finest(shells)
        shells = correlate_truth(results, sample, stack, method, direction)
        row[f"truth_{direction}_half"] = _period(shells, TRUTH_THRESHOLD)
        row[f"finest_{direction}"] = finest if shells is None else _finest(shells)
    return row | origins


def _origins(scores: DataFrame, sample: str, stack: str, method: str) -> dict[str, Any]:
    """`ORIGINS` of the whole stack, and the observation of each part; None where there is none."""
    own = scores[(scores["sample"] == sample) & (scores["method"] == method)]
    own = own.drop_duplicates("degradation").set_index("degradation")  # seeds share them
    names = {"": stack, **{part: f"{stack}_{part}" for part in PARTS}}
    known = {part: own.loc[name] for part, name in names.items() if name in own.index}
    first = next(iter(known.values()))  # the codes are those of all parts
    found = {key: first[key] for key in ORIGINS}
    found["observed_sha256"] = known[""]["observed_sha256"] if "" in known else None
    parts = {
        f"{part}_observed_sha256": known[part]["observed_sha256"] if part in known else None
        for part in PARTS
    }
    return found | parts


def _period(shells: ShellCorrelation | None, threshold: str | float) -> float:
    """Resolution in um; that of the last shell where the curve never falls below."""
    if shells is None:
        return math.nan
    found = resolution(shells, threshold)
    return _finest(shells) if found is None else found


def _finest(shells: ShellCorrelation) -> float:
    return 1 / float(shells.frequency[-1]) if len(shells.frequency) else math.nan


def _block(sample: str, stack: str, rows: list[dict[str, Any]]) -> Block:
    """One stack: a row a method, columns without any value left out."""
    columns: list[tuple[str, list[Cell]]] = [
        (
            "residual, 1/1000 of full intensity",
            [cell(_thousandths(row["rms_residual"])) for row in rows],
        ),
        (
            "its correlation / flatness",
            [cell(*(fixed(row[f"residual_{key}"], 3) for key in WHITENESS)) for row in rows],
        ),
    ]
    if any(not math.isnan(row["held_out_rms"]) for row in rows):
        held = [cell(*(_thousandths(row[metric]) for metric in HELD_OUT)) for row in rows]
        columns.append(("error of withheld planes / interpolated, 1/1000 of full intensity", held))
    for kind in KINDS:
        for direction in SHOWN:
            keys = [f"{kind}_{direction}_{threshold}" for threshold in THRESHOLDS]
            if any(not math.isnan(row[key]) for row in rows for key in keys):
                found = [cell(*(_um(row, key, direction) for key in keys)) for row in rows]
                columns.append((f"agreement of {HEADINGS[kind]} halves, {direction}, µm", found))
    for direction in SHOWN:
        key = f"truth_{direction}_half"
        if any(not math.isnan(row[key]) for row in rows):
            found = [cell(_um(row, key, direction)) for row in rows]
            columns.append((f"agreement with the truth, {direction}, µm", found))
    header = ("method", *(name for name, _ in columns))
    body = [
        (cell(row["method"]), *(cells[i] for _, cells in columns)) for i, row in enumerate(rows)
    ]
    return Block(f"{base_id(sample)}, {stack}", header, tuple(body))


def _thousandths(value: float) -> str:
    return significant(1000 * value)


def _um(row: Mapping[str, Any], key: str, direction: str) -> str:
    """A resolution; at least that of the last shell is marked so."""
    text = significant(row[key])
    return f"≤ {text}" if row[key] == row[f"finest_{direction}"] else text
