"""Restored fields against the fields in focus: restorers by metrics."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from focusbench.evaluation.published import AVERAGE
from focusbench.evaluation.statistics import Interval, clear_winner
from focusbench.report.results import ORIGINS, Results
from focusbench.report.score_grid import ScoreGrid
from focusbench.report.tables import MARK, Block, Cell, Table, cell, fixed
from focusbench.tracks.defocus import told
from focusbench.tracks.defocus.restoration_table_notes import TOLD_MARK, notes, summary
from focusbench.tracks.defocus.table_cells import difference, interval
from focusbench.tracks.defocus.table_metrics import DIGITS, METRICS, OFF, SHOWN, heading, scale

if TYPE_CHECKING:
    from pandas import DataFrame

RECORDED = "recorded"
INPUT = "input"
REFERENCE = "depth_variant_triangular"  # the paper's
COMPARED = ("psnr_own", "ssim_65535", "ssim_own", "seam_excess", OFF)
COUNTED = {"nuclei_truth": "field in focus", "nuclei_observed": "observed field"}
NAMES = {"psnr_own": "PSNR, dB"}  # of differences: equal for both ranges


def restoration(results: Results, settings: Mapping[str, Any]) -> Table:
    """Restorers by metrics for every degradation, grouped by who told them the levels.

    Reads scores, restoration records and predicted levels.

    Parameters
    ----------
    results
        Of this track.
    settings
        `preset`, `seed`, `differs`, `track` (the track's section), `methods` (id -> parameters).

    Returns
    -------
    Table
        Its data hold one row per restoration, and for each degradation and method one with sample
        "average": the mean over the samples that every method has a score for, seeds averaged
        first, with its difference to the reference. Recordings are left to their own table.
    """
    import pandas

    scores = with_counts_off(results.scores())
    if len(scores):
        scores = scores[scores["degradation"] != RECORDED]
    data, blocks, grids = [], [], {}
    for degradation in dict.fromkeys(scores["degradation"] if len(scores) else []):
        rows = scores[scores["degradation"] == degradation]
        grid = ScoreGrid(rows, results.samples, results.methods, METRICS, settings["seed"])
        grids[degradation] = grid
        blocks += _blocks(grid, degradation, settings)
        data.append(_tidy(grid, degradation, settings))
    return Table(
        name="restoration",
        title="Restored fields against the fields in focus",
        summary=summary(settings, list(grids)),
        notes=tuple(notes(results, settings, grids)),
        data=pandas.concat(data, ignore_index=True) if data else pandas.DataFrame(columns=ORDER),
        blocks=tuple(blocks),
    )


ORDER = ["degradation", "sample", "method", "levels_from", "seed", "samples", "repeatable"]


def with_counts_off(scores: DataFrame) -> DataFrame:
    """Add how far each count of nuclei is from that of the field in focus."""
    if not {"nuclei", "nuclei_truth"} <= set(scores):
        return scores
    return scores.assign(**{OFF: (scores["nuclei"] - scores["nuclei_truth"]).abs()})


def groups(methods: Sequence[str], settings: Mapping[str, Any]) -> dict[str | None, list[str]]:
    """Who tells the levels -> methods, in the order of the table; the oracle comes last."""
    found: dict[str | None, list[str]] = {}
    for method in methods:
        found.setdefault(told.levels_from(method, settings), []).append(method)
    return dict(sorted(found.items(), key=lambda one: _rank(one[0])))


def reference(grid: ScoreGrid) -> str | None:
    """What the others are compared with: the paper's montage, or else the observation itself."""
    return next((one for one in (REFERENCE, INPUT) if one in grid.methods), None)


def _rank(source: str | None) -> int:
    if source is None:
        return 0
    return 3 if source == told.ORACLE else 1 if source == told.PAPERS else 2


def _knows(method: str, settings: Mapping[str, Any]) -> bool:
    """Whether a method was told what only the truth tells."""
    return told.levels_from(method, settings) == told.ORACLE


def _blocks(grid: ScoreGrid, degradation: str, settings: Mapping[str, Any]) -> list[Block]:
    shown = [key for key in SHOWN if grid.has(key)]
    if not shown:
        return []
    title = f"{degradation}: {_over(len(grid.complete(shown[0])))}"
    by_source = groups(grid.methods, settings)
    winners = {key: _winner(grid, key, settings) for key in shown}
    rows = []
    for source, methods in by_source.items():
        for method in methods:
            row = [cell(label(grid, method, settings)), cell(source_words(source, method))]
            row += [_value(grid, key, method, bold=winners[key] == method) for key in shown]
            rows.append(tuple(row))
    tail = _counts_rows(grid, shown)
    header = ("method", "levels from", *map(heading, shown))
    blocks = [Block(title, header, (*rows, *tail), len(tail))]
    base = reference(grid)
    if base is not None and len(grid.methods) > 1:
        blocks.append(_differences(grid, degradation, base, by_source, settings))
    return blocks


def _counts_rows(grid: ScoreGrid, shown: Sequence[str]) -> list[tuple[Cell, ...]]:
    """Nuclei of the field in focus and of the observed one: the same whatever the method."""
    if "nuclei" not in shown:
        return []
    rows = []
    for key, name in COUNTED.items():
        value = grid.average(key, grid.methods[0])
        if not math.isnan(value):
            texts = [fixed(value, DIGITS["nuclei"]) if one == "nuclei" else "" for one in shown]
            rows.append((cell(name), cell(""), *map(cell, texts)))
    return rows


def _differences(
    grid: ScoreGrid,
    degradation: str,
    base: str,
    by_source: Mapping[str | None, Sequence[str]],
    settings: Mapping[str, Any],
) -> Block:
    shown = [key for key in COMPARED if grid.has(key)]
    rows = []
    for source, methods in by_source.items():
        for method in methods:
            if method == base:
                continue
            row = [cell(label(grid, method, settings)), cell(source_words(source, method))]
            bold = not _knows(method, settings)
            for key in shown:
                found = minus(grid, key, method, base)
                row.append(interval(found, DIGITS[key], scale(key), bold=bold))
            rows.append(tuple(row))
    header = ("method", "levels from", *(NAMES.get(key) or heading(key) for key in shown))
    return Block(f"{degradation}: minus {base}, paired", header, tuple(rows))


def minus(grid: ScoreGrid, key: str, method: str, base: str) -> Interval:
    """Paired difference of two methods, over the samples that all have."""
    values = grid.paired(key)
    return difference(values[method], values[base], grid.seed)


def _winner(grid: ScoreGrid, key: str, settings: Mapping[str, Any]) -> str | None:
    """The best of those that are not told the truth, if it is certainly that."""
    better = METRICS[key].higher_is_better
    if better is None:
        return None
    values = {m: v for m, v in grid.paired(key).items() if not _knows(m, settings)}
    return clear_winner(values, higher_is_better=better, seed=grid.seed)


def _value(grid: ScoreGrid, key: str, method: str, *, bold: bool) -> Cell:
    digits = DIGITS[key]
    values = [scale(key) * value for value in grid.paired(key)[method]]
    text = fixed(scale(key) * grid.average(key, method), digits)
    if len(values) > 1 and all(map(math.isfinite, values)):
        text += f"±{fixed(statistics.stdev(values), digits)}"
    return cell(text, bold=[bold])


def label(grid: ScoreGrid, method: str, settings: Mapping[str, Any]) -> str:
    """Id of a method with the marks that refer to notes."""
    repeatable = all(grid.repeatable(sample, method) for sample in grid.samples)
    return f"{method}{TOLD_MARK if _knows(method, settings) else ''}{'' if repeatable else MARK}"


def source_words(source: str | None, method: str) -> str:
    """Say who tells a method the levels."""
    words = {None: "", told.ORACLE: "the truth"}.get(source, source)
    return f"{words} (bg alone)" if words and method in told.ONLY_BACKGROUND else words


def _over(count: int) -> str:
    return f"mean ± standard deviation over {count} samples" if count > 1 else "one sample"


def _tidy(grid: ScoreGrid, degradation: str, settings: Mapping[str, Any]) -> DataFrame:
    import pandas

    base = reference(grid)
    table = grid.rows[
        ["degradation", "sample", "method", "seed", "repeatable", *grid.metrics, *ORIGINS]
    ].copy()
    table.insert(4, "samples", 1)
    averages = []
    for method in grid.methods:
        row: dict[str, Any] = {"degradation": degradation, "sample": AVERAGE, "method": method}
        row["samples"] = len(grid.complete(grid.metrics[0])) if grid.metrics else 0
        row["repeatable"] = all(grid.repeatable(sample, method) for sample in grid.samples)
        row |= {key: grid.average(key, method) for key in grid.metrics}
        if base is not None and method != base:
            for key in COMPARED:
                if key in grid.metrics:
                    ends = (f"{key}_minus_{base}{end}" for end in ("", "_low", "_high"))
                    row |= dict(zip(ends, minus(grid, key, method, base), strict=True))
        averages.append(row)
    table = pandas.concat([table, pandas.DataFrame(averages)], ignore_index=True)
    sources = [told.levels_from(method, settings) for method in table["method"]]
    table.insert(3, "levels_from", sources)
    table["seed"] = table["seed"].astype("Int64")
    rest = [column for column in table if column not in (*ORDER, *ORIGINS)]
    return table[[*ORDER, *rest, *ORIGINS]]
