"""What predictors said of patches whose level is known, picked from `results.accuracy()`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.data import bbbc006
from focusbench.report.results import Results
from focusbench.tracks.defocus.told import PAPERS
from focusbench.training.level_map import BG

if TYPE_CHECKING:
    from pandas import DataFrame

MAIN = PAPERS
SETS = {  # of test patches, in the order in which figures show them; see `heading`
    "held_out": "held-out fields",
    "real": "real fields, blurred by the model",
    "held_out_poisson": "held-out fields, with shot noise",
    "real_poisson": "real fields, blurred, with shot noise",
    "image": "images held out, fields seen in training",
}
STACK = "stack"


class Judged(NamedTuple):
    """Patches of one set, and what one predictor said of them.

    Attributes
    ----------
    truth, predicted
        int64 (N,), levels from 0 or `BG`.
    probabilities
        float64 (N, classes): levels in order, then `bg` where the predictor has it.
    step
        float64 (N,): level of the image that a patch was cut from, whatever the patch shows.
    plane
        int64 (N,): index of a real stack's plane; -1 where a model blurred the field.
    sample
        Ids (N,).
    """

    truth: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray
    step: np.ndarray
    plane: np.ndarray
    sample: np.ndarray


def table(results: Results) -> DataFrame:
    """`results.accuracy()`, of each predictor the first seed alone."""
    told = results.accuracy()
    if not len(told):
        return told
    first = told.groupby("method")["seed"].transform("min")
    return told[told["seed"] == first]


def judged(told: DataFrame, method: str, name: str, levels: int) -> Judged | None:
    """Rows of a set; None where the predictor was not judged on it.

    Parameters
    ----------
    told
        As `table` gives it.
    levels
        How many there are, level 0 among them.
    """
    if not len(told):
        return None
    rows = told[(told["method"] == method) & (told["set"] == name)]
    if not len(rows):
        return None
    columns = [f"p{level}" for level in range(levels)]
    if "pbg" in rows and rows["pbg"].notna().all():
        columns.append("pbg")
    return Judged(
        _levels(rows["truth"]),
        _levels(rows["predicted"]),
        rows[columns].to_numpy(np.float64),
        rows["level"].to_numpy(np.float64),
        rows["plane"].to_numpy(np.int64),
        rows["sample"].to_numpy(),
    )


def predictors(told: DataFrame, settings: Mapping[str, Any]) -> list[str]:
    """Ids of those that were judged, in the order of the configuration."""
    found = list(dict.fromkeys(told["method"])) if len(told) else []
    asked = [one for one in settings["track"].get("predictors") or [] if one in found]
    return [*asked, *(one for one in found if one not in asked)]


def chosen(methods: Sequence[str]) -> str:
    """The one that is shown where there is room for one: the paper's, or else the first."""
    return MAIN if MAIN in methods else methods[0]


def heading(name: str, samples: Sequence[str]) -> str:
    """What a set is called; further fields are real ones unless they are a user's choice of others.

    Parameters
    ----------
    name
        One of `SETS`.
    samples
        Of which it is.
    """
    real = all(str(one).startswith(bbbc006.PREFIX) for one in samples)
    return SETS[name] if real else SETS[name].replace("real", "further")


def capital(words: str) -> str:
    """Begin with a capital letter, and leave the others as they are."""
    return words[:1].upper() + words[1:]


def percent(share: float) -> str:
    """Write a share, 0 to 1, as 12.3 %."""
    return f"{100 * share:.1f} %"


def levels_of(settings: Mapping[str, Any]) -> int:
    """How many levels a run has, level 0 among them."""
    return int(settings["track"]["optics"]["levels"])


def step_of(settings: Mapping[str, Any]) -> float:
    """Depth from a level to the next, um."""
    return float(settings["track"]["optics"]["step"])


def _levels(column: Any) -> np.ndarray:
    """Levels are numbers or `bg`; as text where a file has both."""
    return np.array([BG if str(one) == "bg" else int(float(one)) for one in column], np.int64)
