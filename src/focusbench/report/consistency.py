"""Does an estimate explain what the camera saw? The block of a table that says it."""

from __future__ import annotations

from focusbench.paths import base_id
from focusbench.report.score_grid import ScoreGrid
from focusbench.report.tables import Block, Cell, cell, significant


def consistency_block(grid: ScoreGrid, title: str, scale: float = 1000) -> Block:
    """Reduced chi-square, then `scale` times the RMS residual, for every sample and method.

    Chi-square needs a noise; the RMS residual is always there.
    """
    of_truth = grid.has("rms_residual_truth")
    rows = []
    for sample in grid.samples:
        row = [cell(base_id(sample))]
        if of_truth:
            # the same whatever the method: a property of the observation
            row.append(_fit(grid, sample, grid.methods[0], "_truth", scale))
        row += [_fit(grid, sample, method, "", scale) for method in grid.methods]
        rows.append(tuple(row))
    header = ("sample", *(["truth itself"] if of_truth else []), *grid.methods)
    return Block(title, header, tuple(rows))


def _fit(grid: ScoreGrid, sample: str, method: str, suffix: str, scale: float) -> Cell:
    return cell(
        significant(grid.value(f"chi_square{suffix}", sample, method)),
        significant(scale * grid.value(f"rms_residual{suffix}", sample, method)),
    )
