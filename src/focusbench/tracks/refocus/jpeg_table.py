"""Tables I and II with the JPEG that the paper's numbers contain."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from focusbench.evaluation import published
from focusbench.report.results import Results
from focusbench.report.tables import Block, Table, cell, fixed
from focusbench.tracks.refocus.degradations import HIGHRES, LOWRES, parse
from focusbench.tracks.refocus.jpeg_table_notes import notes, summary
from focusbench.tracks.refocus.metrics import METRICS, OF_A_PLANE
from focusbench.tracks.refocus.table1 import LEAD, middle_block, of_degradation, tidy
from focusbench.tracks.refocus.table2 import PRINTED
from focusbench.tracks.refocus.table_cells import (
    MIDDLE,
    OTHERS,
    Scores,
    label,
    mean_and_spread,
    over,
)

if TYPE_CHECKING:
    from pandas import DataFrame

STARTS = {"deep_z": HIGHRES, "mfpinet": LOWRES}  # of the rows of Table II
KEYS = tuple(f"{key}{end}" for key in PRINTED for end in ("", OTHERS, MIDDLE))


def jpeg(results: Results, settings: Mapping[str, Any]) -> Table:
    """Means of the study with JPEG on both sides, beside those of Tables I and II.

    Reads scores, restoration records and the records of trainings.

    Parameters
    ----------
    results
        Of the study `jpeg`.
    settings
        As for `table1`.

    Returns
    -------
    Table
        Its data are as those of `table1`, with the metrics of all planes and of the others too, for
        every degradation, and `published_{metric}` of all planes: means over what Table II prints.
    """
    import pandas

    scores = results.scores()
    first = published.values("refocus_table1").set_index("method")
    grids: dict[str, Scores] = {}
    data, blocks = [], []
    for degradation in results.degradations:
        rows = of_degradation(scores, degradation)
        grid = Scores(rows, results.samples, results.methods, settings["seed"])
        grids[degradation] = grid
        shown = first if _is(degradation, LOWRES) else first.iloc[:0]
        data.append(_with_means(tidy(grid, shown, KEYS), degradation))
        if _is(degradation, LOWRES) and grid.has(LEAD):
            count = over(len(grid.grid(LEAD).complete(LEAD)))
            blocks.append(middle_block(grid, f"As Table I: {degradation}, 0 µm; {count}", first))
    for degradation, grid in grids.items():
        if grid.has("psnr"):
            blocks.append(_planes_block(grid, degradation))
    return Table(
        name="jpeg",
        title="With JPEG on both sides (Tables I and II of Ma et al. 2021)",
        summary=summary(settings, grids),
        notes=tuple(notes(results, settings, grids)),
        data=pandas.concat(data, ignore_index=True) if data else pandas.DataFrame(columns=KEYS),
        blocks=tuple(blocks),
    )


def _is(degradation: str, kind: str) -> bool:
    """Whether a degradation is what the paper did: JPEG, and the middle plane."""
    told = parse(degradation)
    return (told.kind, told.planes_up, told.jpeg) == (kind, 0, True)


def _planes_block(grid: Scores, degradation: str) -> Block:
    """Means over all planes; beneath, what the paper has of these and this run has not."""
    winners = {key: grid.winner(key) for key in METRICS}
    header = ["method"]
    for key in PRINTED:
        header.append(f"{OF_A_PLANE[key].label}{', dB' if key == 'psnr' else ''}")
    words = "mean of the planes printed: PSNR, dB / SSIM / MSE / MAE"
    header += ["PSNR of the others, dB", f"published, {words}"]
    rows = []
    for method in grid.grid("psnr").methods:
        row = [cell(label(grid, method))]
        for key in (*PRINTED, f"psnr{OTHERS}"):
            text = mean_and_spread(grid.values(key, method), key)
            row.append(cell(text, bold=[winners[key] == method]))
        rows.append((*row, cell(*_theirs(method, degradation))))
    missing = [
        method
        for method, kind in STARTS.items()
        if _is(degradation, kind) and method not in grid.grid("psnr").methods
    ]
    for method in missing:
        empty = [cell("") for _ in header[2:]]
        theirs = cell(*_theirs(method, degradation))
        rows.append((cell(f"{method} (published alone)"), *empty, theirs))
    count = over(len(grid.grid("psnr").complete("psnr")))
    title = f"As Table II, mean over all planes: {degradation}; {count}"
    return Block(title, tuple(header), tuple(rows), len(missing))


def published_means(method: str, degradation: str) -> dict[str, float]:
    """Metric -> mean over the planes of Table II; empty where it prints nothing of these."""
    if method not in STARTS or not _is(degradation, STARTS[method]):
        return {}
    printed = published.values("refocus_table2")
    own = printed[printed["method"] == method]
    return {key: float(own[column].mean()) for key, (column, _) in PRINTED.items()}


def _theirs(method: str, degradation: str) -> list[str]:
    means = published_means(method, degradation)
    return [fixed(means[key], PRINTED[key][1]) for key in PRINTED] if means else [""]


def _with_means(table: DataFrame, degradation: str) -> DataFrame:
    """Put the published means of all planes beside ours."""
    average = table["sample"] == published.AVERAGE
    for key in PRINTED:
        values = [
            published_means(method, degradation).get(key, math.nan) if mean else math.nan
            for method, mean in zip(table["method"], average, strict=True)
        ]
        table.insert(list(table).index(f"published_ssim{MIDDLE}"), f"published_{key}", values)
    return table
