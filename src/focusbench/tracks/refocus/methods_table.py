"""Every method on every input: all planes, the others, the plane in focus; and what it explains."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from focusbench.evaluation import published
from focusbench.report.results import ORIGINS, Results
from focusbench.report.tables import Block, Table, cell
from focusbench.tracks.refocus.field_slides import by_slide
from focusbench.tracks.refocus.methods_table_notes import notes, summary
from focusbench.tracks.refocus.metrics import METRICS, OF_A_PLANE
from focusbench.tracks.refocus.table1 import of_degradation
from focusbench.tracks.refocus.table_cells import (
    MIDDLE,
    OTHERS,
    Scores,
    interval,
    label,
    mean_and_spread,
    number,
    over,
)

if TYPE_CHECKING:
    from pandas import DataFrame

ENDS = ("", OTHERS, MIDDLE)  # of the keys, in the order of a cell's values
COLUMNS = ("psnr", "ssim", "mse", "mae", "nuclear_absorbance", "nuclear_iod")
COMPARED = ("psnr", f"psnr{OTHERS}", f"psnr{MIDDLE}", "ssim", "nuclear_absorbance")
ALONE = "rms_residual"
AVERAGE = published.AVERAGE


def methods(results: Results, settings: Mapping[str, Any]) -> Table:
    """Methods by metrics for every degradation, differences to the best, and means by slide.

    Reads scores, restoration records and the records of trainings.

    Parameters
    ----------
    results, settings
        As for `table1`.

    Returns
    -------
    Table
        Its data hold one row per restoration, and for each degradation and method one with sample
        "average", and one for each slide, whose name then stands under `slide`: means over the
        samples that every method which has the metric has it of, seeds averaged first.
    """
    import pandas

    scores = results.scores()
    grids, data, blocks = {}, [], []
    for degradation in results.degradations:
        rows = of_degradation(scores, degradation)
        grid = Scores(rows, results.samples, results.methods, settings["seed"])
        grids[degradation] = grid
        data.append(_tidy(grid, settings))
        if grid.has(f"psnr{MIDDLE}"):
            blocks += _blocks(grid, degradation, settings)
    empty = pandas.DataFrame(columns=["degradation", "slide", "sample", "method"])
    return Table(
        name="methods",
        title="Methods by input: all planes, the others and the plane in focus",
        summary=summary(settings, grids),
        notes=tuple(notes(results, settings, grids)),
        data=pandas.concat(data, ignore_index=True) if data else empty,
        blocks=tuple(blocks),
    )


def _blocks(grid: Scores, degradation: str, settings: Mapping[str, Any]) -> list[Block]:
    found = [_scores(grid, degradation)]
    if len(grid.whole.methods) > 1:
        found.append(_differences(grid, degradation))
    slides = by_slide(grid.whole.samples, settings)
    several = 1 < len(slides) < len(grid.whole.samples)  # more than a field in some
    return [*found, _slides(grid, degradation, slides)] if several else found


def _scores(grid: Scores, degradation: str) -> Block:
    shown = [key for key in COLUMNS if grid.has(f"{key}{MIDDLE}")]
    winners = {key: grid.winner(key) for key in METRICS}
    header = ["method", *map(heading, shown)]
    header += [heading(ALONE)] if grid.has(ALONE) else []
    rows = []
    for method in grid.whole.methods:
        row = [cell(label(grid, method))]
        for key in shown:
            texts = [_text(grid, f"{key}{end}", method) for end in ENDS]
            row.append(cell(*texts, bold=[winners[f"{key}{end}"] == method for end in ENDS]))
        if grid.has(ALONE):
            row.append(cell(number(grid.average(ALONE, method), ALONE)))
        rows.append(tuple(row))
    words = over(len(grid.whole.samples))
    if len(grid.whole.samples) > 1:
        words = words.replace("mean ±", "mean (PSNR: ±") + ")"
    return Block(f"{degradation}: all planes / others / 0 µm; {words}", tuple(header), tuple(rows))


def heading(key: str) -> str:
    """Label of a column, with its unit where that says more than the label."""
    metric = {**METRICS, **OF_A_PLANE}[key]
    unit = metric.unit if metric.unit in ("dB", "%") else ""
    return f"{metric.label}{f', {unit}' if unit else ''}"


def _text(grid: Scores, key: str, method: str) -> str:
    values = grid.values(key, method)
    if key.startswith("psnr"):
        return mean_and_spread(values, key)
    return number(sum(values) / len(values) if values else math.nan, key)


def _differences(grid: Scores, degradation: str) -> Block:
    """Paired differences to the best mean of every metric, with their intervals."""
    shown = [key for key in COMPARED if grid.best(key)]
    minus = {key: grid.minus_best(key) for key in shown}
    best = {key: grid.best(key) for key in shown}
    header = ["method", *map(_short, shown)]
    rows = []
    for method in grid.whole.methods:
        row = [cell(label(grid, method))]
        for key in shown:
            if method in minus[key]:
                row.append(interval(minus[key][method], key))
            else:
                row.append(cell("best mean" if method == best[key] else ""))
        rows.append(tuple(row))
    title = f"{degradation}: minus the best mean, paired [95 % interval]"
    return Block(title, tuple(header), tuple(rows))


def _short(key: str) -> str:
    end = next((end for end in (MIDDLE, OTHERS) if key.endswith(end)), "")
    words = {"": "all planes", OTHERS: "others", MIDDLE: "0 µm"}[end]
    return f"{heading(key.removesuffix(end))}: {words}"


def _slides(grid: Scores, degradation: str, slides: Mapping[str, list[str]]) -> Block:
    """PSNR of every slide."""
    header = ["method"]
    for name, samples in slides.items():
        header.append(f"{name} ({len(samples)} field{'s' * (len(samples) > 1)})")
    rows = []
    for method in grid.whole.methods:
        row = [cell(label(grid, method))]
        for samples in slides.values():
            means = (_slide_mean(grid, f"psnr{end}", method, samples) for end in ENDS)
            row.append(cell(*(number(mean, "psnr") for mean in means)))
        rows.append(tuple(row))
    title = f"{degradation}, by slide: PSNR, dB: all planes / others / 0 µm"
    return Block(title, tuple(header), tuple(rows))


def _slide_mean(grid: Scores, key: str, method: str, samples: list[str]) -> float:
    own = grid.grid(key)
    if method not in own.methods:
        return math.nan
    values = [own.value(key, sample, method) for sample in own.complete(key) if sample in samples]
    return sum(values) / len(values) if values else math.nan


def _tidy(grid: Scores, settings: Mapping[str, Any]) -> DataFrame:
    import pandas

    order = ["degradation", "sample", "method", "seed", "repeatable"]
    table = grid.whole.rows[[*order, *METRICS, *ORIGINS]].copy()
    table.insert(4, "samples", 1)
    slides = by_slide(grid.whole.samples, settings)
    of = {sample: name for name, samples in slides.items() for sample in samples}
    table.insert(1, "slide", [of[sample] for sample in table["sample"]])
    rows: list[dict[str, Any]] = []
    minus = {key: grid.minus_best(key) for key in COMPARED}
    for method in grid.whole.methods:
        own = grid.whole.rows[grid.whole.rows["method"] == method]
        start = {"degradation": own["degradation"].iloc[0], "sample": AVERAGE, "method": method}
        start["repeatable"] = bool(own["repeatable"].all())
        for name, samples in slides.items():
            means = {key: _slide_mean(grid, key, method, samples) for key in METRICS}
            rows.append({**start, "slide": name, "samples": len(samples), **means})
        row = {**start, "samples": len(grid.whole.samples)}
        row |= {key: grid.average(key, method) for key in METRICS}
        for key in COMPARED:
            if method in minus[key]:
                names = (f"{key}_minus_best{end}" for end in ("", "_low", "_high"))
                row |= dict(zip(names, minus[key][method], strict=True))
        rows.append(row)
    if rows:
        table = pandas.concat([table, pandas.DataFrame(rows)], ignore_index=True)
    table["seed"] = table["seed"].astype("Int64")
    differences = [f"{k}_minus_best{end}" for k in COMPARED for end in ("", "_low", "_high")]
    return table.reindex(
        columns=[
            *("degradation", "slide", "sample", "method", "seed", "samples", "repeatable"),
            *(*METRICS, *differences, *ORIGINS),
        ]
    )
