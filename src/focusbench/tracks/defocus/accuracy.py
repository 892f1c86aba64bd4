"""Patches that a trained predictor is judged on: what is true of each, and what it told."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench import methods
from focusbench.errors import InputError
from focusbench.files import write_text
from focusbench.problem import Run, Weights
from focusbench.tracks.defocus.judged_sets import JudgedSet, judged_sets
from focusbench.training.level_map import BG
from focusbench.training.patches import Cutting, Patches

if TYPE_CHECKING:
    from pandas import DataFrame

NAMED = ("set", "sample", "level", "plane", "y", "x", "truth", "predicted")
"""Columns before the probabilities `p0`, `p1`, ... of the levels and `pbg`."""

SEED = 0
"""Of places and noise of the judged patches: the same for all predictors and their seeds."""


class Judged(NamedTuple):
    """Judged patches, one row each.

    Attributes
    ----------
    sets, samples
        (N,) words: which set (see `judged_sets`) and which field.
    levels
        (N,) int64: of the image that the patch was cut out of.
    planes
        (N,) int64: index of a real stack's plane; -1 where a model blurred the field.
    places
        (N, 2) int64: first pixel (y, x).
    truth, predicted
        (N,) int64: level, or `BG`.
    probabilities
        (N, classes) float32: levels in order, then `bg` where the predictor has it.
    bg
        Whether the last class is `bg`.
    """

    sets: np.ndarray
    samples: np.ndarray
    levels: np.ndarray
    planes: np.ndarray
    places: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray
    bg: bool


def judge(
    target: str,
    parameters: Mapping[str, Any],
    weights: Weights,
    files: Mapping[str, Mapping[str, str | Path]],
    settings: Mapping[str, Any],
    run: Run,
) -> Judged:
    """Let a trained predictor tell the levels of patches of all sets that `files` allow.

    A predictor with the class `bg` is judged with the paper's rule for it, on the patch without
    shot noise; for one without, all patches have the level of their image, as in the paper.

    Parameters
    ----------
    target, parameters
        Id or "module:attribute" of the predictor, and its parameters.
    weights
        Of its training; the description tells the fields that were learned from, and its seed.
    files
        Role -> sample -> path of a field in focus: `held_out` and `judged`; for a predictor with
        `split: image` `truths`, `validation_truths` and `test_truths` in place of `held_out`.
    settings
        `optics`; `judged_patches`, of each image; `stacks`, by sample where its images lie, as
        `data.bbbc006.stack` takes it (may be absent).

    Raises
    ------
    InputError
        A field that was learned from by field is held out, judged or that of a stack; nothing to
        judge; another number of levels than the optics have; what the predictor refuses.
    """
    predictor = methods.build(target, parameters)
    if not callable(getattr(predictor, "judge", None)):
        raise InputError(f"{target}: has no function judge(patches, run, weights)")
    n_levels = settings["optics"]["levels"]
    if predictor.n_levels != n_levels:
        raise InputError(
            f"{target}: n_levels is {predictor.n_levels}; the optics have {n_levels} levels"
        )
    training = weights.description.get("training") or {}
    found = []
    for one in judged_sets(parameters, training, files, settings):
        cutting = Cutting(
            predictor.side,
            settings["judged_patches"],
            bg=predictor.bg,
            poisson=float(one.poisson),
        )
        patches = Patches(one.fields, one.images, cutting, SEED)
        told = predictor.judge(patches, run, weights)
        found.append(_rows(one, patches, *told, predictor.bg))
    if not found:
        raise InputError("accuracy: no fields and no stacks to judge on; at least one is needed")
    joined = (np.concatenate(column) for column in zip(*(one[:-1] for one in found), strict=True))
    return Judged(*joined, bg=predictor.bg)


def write(path: str | Path, judged: Judged) -> None:
    """Write one line a patch, with the columns `NAMED` and the probabilities (6 digits)."""
    classes = judged.probabilities.shape[1]
    names = [f"p{number}" for number in range(classes - judged.bg)] + ["pbg"] * judged.bg
    text = io.StringIO()
    text.write(",".join((*NAMED, *names)) + "\n")
    for row in range(len(judged.sets)):
        plane = judged.planes[row]
        fields = (
            judged.sets[row],
            judged.samples[row],
            judged.levels[row],
            "" if plane < 0 else plane,
            *judged.places[row],
            _word(judged.truth[row]),
            _word(judged.predicted[row]),
            *(f"{value:.6g}" for value in judged.probabilities[row]),
        )
        text.write(",".join(map(str, fields)) + "\n")
    write_text(path, text.getvalue())


def read(path: str | Path) -> DataFrame:
    """Read what `write` wrote.

    Returns
    -------
    pandas.DataFrame
        `set`, `sample` (words), `level`, `y`, `x`, `truth`, `predicted` (whole numbers, `BG` for
        `bg`), `plane` (-1 where there is none), and the probabilities.

    Raises
    ------
    InputError
        No such file, or another one.
    """
    import pandas

    try:
        table = pandas.read_csv(path, dtype={"sample": str, "truth": str, "predicted": str})
        if tuple(table.columns[: len(NAMED)]) != NAMED:
            raise ValueError("columns")
        for name in ("truth", "predicted"):
            table[name] = table[name].replace("bg", str(BG)).astype(np.int64)
        table["plane"] = table["plane"].fillna(-1).astype(np.int64)
    except FileNotFoundError:
        raise InputError(
            f"{path}: there is no such file; a list of judged patches wanted"
        ) from None
    except (ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: is no list of judged patches ({reason})") from None
    return table


def _rows(
    one: JudgedSet,
    patches: Patches,
    truth: np.ndarray,
    predicted: np.ndarray,
    probabilities: np.ndarray,
    bg: bool,
) -> Judged:
    each = patches.cutting.per_image
    return Judged(
        np.repeat(one.name, len(patches)),
        np.repeat([one.samples[image.field] for image in one.images], each),
        np.repeat([image.level for image in one.images], each),
        np.repeat([one.planes.get(image.field, -1) for image in one.images], each),
        patches.places(),
        truth,
        predicted,
        probabilities,
        bg,
    )


def _word(level: int) -> str:
    return "bg" if level == BG else str(level)
