"""Scores of single planes, read from the details of the score files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from focusbench.report.results import Results
from focusbench.tracks.refocus.degradations import HIGHRES, LOWRES
from focusbench.tracks.refocus.metrics import OF_A_PLANE

if TYPE_CHECKING:
    from pandas import DataFrame

IDS = ["degradation", "method", "z", "sample", "seed"]


class PlaneScores:
    """Scores of one plane of one degradation; seeds are averaged.

    Attributes
    ----------
    methods, samples : list of str
        Those with a score, in the order of the results.
    """

    def __init__(self, means: DataFrame, methods: Sequence[str], samples: Sequence[str]) -> None:
        found = means.to_dict("index")  # (method, sample) -> metric -> mean over seeds
        self.methods = [one for one in methods if any(one == method for method, _ in found)]
        self.samples = [one for one in samples if any(one == sample for _, sample in found)]
        self._values: dict[str, dict[str, dict[str, float]]] = {}
        for key in OF_A_PLANE:
            of = {pair: float(row[key]) for pair, row in found.items() if not math.isnan(row[key])}
            complete = [s for s in self.samples if all((m, s) in of for m in self.methods)]
            self._values[key] = {m: {s: of[m, s] for s in complete} for m in self.methods}

    def values(self, key: str, method: str) -> dict[str, float]:
        """Sample -> value, of the samples that every method has a value of."""
        return self._values[key].get(method, {})

    def paired(self, key: str) -> dict[str, list[float]]:
        """Method -> values on those samples."""
        return {method: list(of.values()) for method, of in self._values[key].items()}

    def average(self, key: str, method: str) -> float:
        """Mean over those samples; NaN where there is none."""
        values = self.values(key, method)
        return sum(values.values()) / len(values) if values else math.nan

    @property
    def exact(self) -> set[str]:
        """Methods that give back a true plane: their PSNR is infinite."""
        return {
            method
            for method, of in self._values["psnr"].items()
            if any(map(math.isinf, of.values()))
        }


def read(results: Results) -> DataFrame:
    """One row per restoration and plane: ids, `z` (um from the middle plane), metrics of a plane.

    Estimates of one plane are left out, as are planes whose z is not known, and degradations other
    than `lowres` and `highres`.
    """
    import pandas

    rows = []
    for item in results.items:
        if item.degradation not in (LOWRES, HIGHRES):
            continue
        planes = results.details(item).get("planes") or {}
        heights = planes.get("z") or []
        if len(heights) < 2 or None in heights:
            continue
        for index, z in enumerate(heights):
            row = {"degradation": item.degradation, "method": item.method, "z": round(z, 6)}
            row |= {"sample": item.sample, "seed": item.seed}
            for key in OF_A_PLANE:
                value = (planes.get(key) or [None] * len(heights))[index]
                row[key] = math.nan if value is None else float(value)
            rows.append(row)
    return pandas.DataFrame(rows, columns=[*IDS, *OF_A_PLANE])


def by_plane(
    values: DataFrame, degradation: str, methods: Sequence[str], samples: Sequence[str]
) -> dict[float, PlaneScores]:
    """z of a plane, lowest first -> scores of that plane.

    Parameters
    ----------
    values
        From `read`.
    methods, samples
        Ids in the order that is wanted.
    """
    own = values[values["degradation"] == degradation]
    if own.empty:
        return {}
    means = own.groupby(["z", "method", "sample"], sort=False)[list(OF_A_PLANE)].mean()
    heights = sorted(own["z"].unique())
    return {float(z): PlaneScores(means.xs(z, level="z"), methods, samples) for z in heights}
