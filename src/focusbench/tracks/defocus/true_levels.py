"""The true defocus of an observation: what its record says of it, as a map and by patches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from focusbench.errors import InputError
from focusbench.optics import level_maps
from focusbench.solvers.patch_grid import BACKGROUND, PatchGrid, cut, levels_of_patches
from focusbench.tracks.defocus.degradations import (
    EVEN,
    OFFMODEL,
    STEPPED,
    TILTED,
    Degradation,
)
from focusbench.training.level_map import is_background

TRIANGULAR = "triangular"  # its patches are those side by side, and those between them


def levels_of(wanted: Degradation, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Say where what level lies, as JSON that `level_map` understands.

    Parameters
    ----------
    settings
        `tilted` (`lowest`, `highest`, and `angle`, degrees), `stepped` (`levels` of bands along x),
        `offmodel` (`level`); only that of the degradation is read.
    """
    if wanted.kind == TILTED:
        plane = settings["tilted"]
        return {"kind": TILTED, **{key: plane[key] for key in ("lowest", "highest", "angle")}}
    if wanted.kind == STEPPED:
        return {"kind": STEPPED, "levels": list(settings["stepped"]["levels"])}
    level = settings["offmodel"]["level"] if wanted.kind == OFFMODEL else wanted.level
    return even(level)


def even(level: float) -> dict[str, Any]:
    """One level everywhere."""
    return {"kind": EVEN, "level": level}


def level_map(levels: Mapping[str, Any], shape: Sequence[int]) -> np.ndarray:
    """Return the levels of a field, float64 (Y, X), 0 or more.

    Parameters
    ----------
    levels
        What `levels_of` says, or the `levels` of an observation's record.
    shape
        (Y, X) of the field.

    Raises
    ------
    InputError
        Numbers that `optics.level_maps` refuses.
    """
    if levels["kind"] == TILTED:
        return level_maps.tilted_plane(shape, levels["lowest"], levels["highest"], levels["angle"])
    if levels["kind"] == STEPPED:
        return level_maps.steps(shape, levels["levels"])
    return np.full(tuple(shape), float(levels["level"]))


def background(seen: np.ndarray, side: int) -> list[int]:
    """Which patches show nothing, by the paper's rule.

    Parameters
    ----------
    seen
        What a camera without noise records, whole counts (Y, X).
    side
        Pixels along a patch.

    Returns
    -------
    list
        Numbers of the patches of the triangular grid, row by row.
    """
    grid = PatchGrid(seen.shape, side, TRIANGULAR)
    return np.flatnonzero(is_background(cut(seen, grid))).tolist()


def patch_levels(levels: Mapping[str, Any], grid: PatchGrid) -> np.ndarray:
    """Levels of patches as an oracle tells them, int64 (R, C): the mean, rounded, or `BACKGROUND`.

    Parameters
    ----------
    levels
        Of an observation's record, with its `background` (none are if absent).
    grid
        Patches of the size for which the record tells the background. Where they lie side by side,
        only those of even size are all known of: what is not known of is no background.

    Raises
    ------
    InputError
        As `level_map`.
    """
    result = levels_of_patches(level_map(levels, grid.shape), grid)
    wide = PatchGrid(grid.shape, grid.size, TRIANGULAR)
    rows, columns = np.divmod(np.array(levels.get("background") or [], int), wide.count[1])
    if rows.size and rows.max() >= wide.count[0]:
        raise InputError(
            f"levels: background patch {max(levels['background'])}; of {grid.size} x {grid.size} "
            f"pixels there are {wide.count[0] * wide.count[1]}"
        )
    empty = set(zip(wide.starts[0][rows].tolist(), wide.starts[1][columns].tolist(), strict=True))
    for row, y in enumerate(grid.starts[0].tolist()):
        for column, x in enumerate(grid.starts[1].tolist()):
            if (y, x) in empty:
                result[row, column] = BACKGROUND
    return result
