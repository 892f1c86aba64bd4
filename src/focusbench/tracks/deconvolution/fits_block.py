"""The block of a table that says whether estimates explain what the camera saw."""

from __future__ import annotations

from focusbench.report.score_grid import ScoreGrid
from focusbench.report.tables import Block, Cell, cell, significant


def fits_block(grid: ScoreGrid, title: str, scale: float = 1000) -> Block:
    """Reduced chi-square, then `scale` times the RMS residual: a row a method, a column a sample.

    Chi-square needs a noise; the RMS residual is always there. The first row is that of the truth,
    where one is known: a property of the observation, whatever the method.
    """
    rows = []
    if grid.has("rms_residual_truth"):
        own = [_fit(grid, sample, grid.methods[0], "_truth", scale) for sample in grid.samples]
        rows.append((cell("truth itself"), *own))
    for method in grid.methods:
        own = [_fit(grid, sample, method, "", scale) for sample in grid.samples]
        rows.append((cell(method), *own))
    return Block(title, ("method", *grid.samples), tuple(rows))


def _fit(grid: ScoreGrid, sample: str, method: str, suffix: str, scale: float) -> Cell:
    return cell(
        significant(grid.value(f"chi_square{suffix}", sample, method)),
        significant(scale * grid.value(f"rms_residual{suffix}", sample, method)),
    )
