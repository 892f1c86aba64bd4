"""Levels of an observation's patches, as a trained predictor tells them: made, written, read.

Patches are those of the triangular grid, row by row. Those side by side are among them, see
`levels_on`.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from focusbench import methods
from focusbench.data.lens import LENS
from focusbench.errors import InputError
from focusbench.files import write_text
from focusbench.images import Volume
from focusbench.problem import Run, Weights
from focusbench.solvers.patch_grid import PatchGrid
from focusbench.tracks.defocus.learned_lens import check_learned_lens
from focusbench.training.level_map import BG, LevelMap, levels_on

__all__ = ["levels_on", "predict", "read", "throughput", "write"]

NAMED = ("y", "x", "side", "level")
"""Columns before the probabilities `p0`, `p1`, ... of the levels and `pbg`."""

BATCH = 64
"""Patches that `throughput` gives at a time."""


def predict(
    target: str,
    parameters: Mapping[str, Any],
    weights: Weights,
    observed: Volume,
    settings: Mapping[str, Any],
    run: Run,
) -> LevelMap:
    """Tell the levels of all patches of an observation.

    Parameters
    ----------
    target, parameters
        Id or "module:attribute" of the predictor, and its parameters. If it looks at patches of
        another side than the track's, those around the same middles are used, moved into the field
        where they would exceed it.
    weights
        Of its training.
    observed
        Field (Y, X), counts.
    settings
        `patch`, side of the patches; `optics`, and what differs of a user's own image, as far as
        they are known.

    Raises
    ------
    InputError
        A field that is smaller than a patch, or weights of another predictor or lens.
    """
    predictor = methods.build(target, parameters)
    if not callable(getattr(predictor, "levels_at", None)):
        raise InputError(f"{target}: has no function levels_at(field, places, run, weights)")
    check_learned_lens(weights, _lens(observed, settings), f"predictor {target}")
    field = np.asarray(observed.array, np.float32)
    grid = PatchGrid(field.shape, settings["patch"], "triangular")
    places = np.stack(np.meshgrid(*grid.starts, indexing="ij"), axis=-1).reshape(-1, 2)
    shift = (grid.size - predictor.side) // 2
    most = np.array(field.shape) - predictor.side
    looked_at = np.clip(places + shift, 0, np.maximum(most, 0))
    told = predictor.levels_at(field, looked_at, run, weights)
    return replace(told, side=grid.size, corners=places)


def write(path: str | Path, told: LevelMap) -> None:
    """Write one line a patch: first pixel, side, level (or bg), probabilities (6 digits).

    The field's shape is where the last patches end.
    """
    classes = told.probabilities.shape[1]
    n_levels = classes - told.bg
    names = [f"p{number}" for number in range(n_levels)] + ["pbg"] * (classes - n_levels)
    text = io.StringIO()
    text.write(",".join((*NAMED, *names)) + "\n")
    for (y, x), level, given in zip(told.corners, told.levels, told.probabilities, strict=True):
        word = "bg" if level == BG else level
        values = (y, x, told.side, word, *(f"{value:.6g}" for value in given))
        text.write(",".join(map(str, values)) + "\n")
    write_text(path, text.getvalue())


def read(path: str | Path) -> LevelMap:
    """Read what `write` wrote.

    Raises
    ------
    InputError
        No such file, or another one.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path}: no such file, or no text; levels of patches wanted") from None
    heading = tuple(lines[0].split(",")) if lines else ()
    try:
        rows = [line.split(",") for line in lines[1:]]
        if heading[: len(NAMED)] != NAMED or {len(row) for row in rows} != {len(heading)}:
            raise ValueError
        corners = np.array([row[:2] for row in rows], np.int64)
        (side,) = {int(row[2]) for row in rows}
        levels = np.array([BG if row[3] == "bg" else int(row[3]) for row in rows], np.int64)
        probabilities = np.array([row[len(NAMED) :] for row in rows], np.float32)
    except ValueError:
        raise InputError(f"{path}: is no list of levels of patches that FocusBench wrote") from None
    y, x = corners.max(axis=0) + side
    shape = (int(y), int(x))
    return LevelMap(shape, side, corners, levels, probabilities, bg=heading[-1] == "pbg")


def _lens(observed: Volume, settings: Mapping[str, Any]) -> dict[str, Any]:
    own = {key: settings[key] for key in LENS if settings.get(key) is not None}
    pixel = {} if observed.voxel_size is None else {"pixel_size": observed.voxel_size[-1]}
    return {**settings.get("optics", {}), **own, **pixel}


def throughput(
    target: str,
    parameters: Mapping[str, Any],
    weights: Weights,
    run: Run,
    warm_up: int = 1,
    steps: int = 5,
) -> dict[str, Any]:
    """Measure how many patches a second a predictor judges.

    Parameters
    ----------
    target, parameters, weights
        As of `predict`.
    run
        Its device and threads are told beside the result.
    warm_up, steps
        Batches of `BATCH` patches that pass unmeasured, and that are measured.

    Returns
    -------
    dict
        `patches_per_second`; the `patches` and wall `seconds` measured; `side` of the patches,
        `device`, `threads`, and the `load_before` of the machine.
    """
    load = os.getloadavg()[0]
    predictor = methods.build(target, parameters)
    shape = (BATCH, predictor.side, predictor.side)
    patches = np.random.default_rng(0).integers(100, 1000, shape).astype(np.float32)
    for _ in range(warm_up):
        predictor.probabilities(patches, run, weights)
    begun = time.perf_counter()
    for _ in range(steps):
        predictor.probabilities(patches, run, weights)  # it waits for the device itself
    seconds = time.perf_counter() - begun
    return {
        "patches_per_second": steps * BATCH / seconds,
        "patches": steps * BATCH,
        "seconds": seconds,
        "side": predictor.side,
        "device": torch.cuda.get_device_name() if run.device == "cuda" else run.device,
        "threads": run.threads,
        "load_before": load,
    }
