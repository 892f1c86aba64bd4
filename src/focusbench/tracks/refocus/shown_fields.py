"""Fields that pictures show: chosen by a rule, cut to a window, with what methods made of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from focusbench.report.results import Results
from focusbench.tracks.refocus import places, plane_choice
from focusbench.tracks.refocus.error_maps import grey
from focusbench.tracks.refocus.places import Window

if TYPE_CHECKING:
    from pandas import DataFrame

RULE = (
    "the window holds most dark pixels (nuclei: nearer to the field's darkest than to its "
    "brightest; where most are, the others) of the truth at 0 µm"
)


class Shown(NamedTuple):
    """A window of a field, and of estimates of it."""

    sample: str
    truth: np.ndarray  # uint8 (planes, Y, X, 3)
    focus: np.ndarray  # um, of each plane
    pixel_size: float  # um
    window: Window  # in the field
    estimates: dict[str, dict[int, np.ndarray]]  # method -> plane -> uint8 (Y, X, 3)

    @property
    def middle(self) -> int:
        """Index of the plane in focus."""
        return len(self.truth) // 2


def usual(samples: Sequence[str], scores: DataFrame, degradation: str, method: str) -> str:
    """Return the sample whose PSNR by a method is the median; without scores, the first.

    Of two in the middle it is the lower. Of methods that give the plane in focus alone it is that
    plane's PSNR.
    """
    rows = scores[(scores["degradation"] == degradation) & (scores["method"] == method)]
    for metric in ("psnr", "psnr_middle"):
        if metric not in rows:
            continue
        values = rows.drop_duplicates("sample").set_index("sample")[metric]
        known = {one: float(values[one]) for one in samples if one in values.index}
        ranked = sorted((v, one) for one, v in known.items() if not math.isnan(v))
        if ranked:
            return ranked[(len(ranked) - 1) // 2][1]
    return samples[0]


def read(
    results: Results,
    sample: str,
    sources: Mapping[str, str],
    side: int,
    planes: Sequence[int] | None,
) -> Shown:
    """Read a field and estimates of it, and cut out the window with most nuclei.

    Parameters
    ----------
    sample
        One that has a truth.
    sources
        Of each method the degradation it is shown on. What was not run is left out.
    side
        Of the window, px.
    planes
        That are kept of the estimates; None: the one in focus.
    """
    truth = results.truth(sample)
    count = len(truth.array)
    window = places.darkest(grey(truth.array[count // 2]), side)
    kept = [count // 2] if planes is None else planes
    estimates = {}
    for method, degradation in sources.items():
        item = results.find(sample, degradation, method)
        if item is None:
            continue
        made = results.restored(item).array
        known = range(count) if len(made) == count else [count // 2]  # one plane: that in focus
        estimates[method] = {
            plane: made[i][window].copy() for i, plane in enumerate(known) if plane in kept
        }
    step, _, pixel = truth.voxel_size
    cut = truth.array[(slice(None), *window)].copy()
    return Shown(sample, cut, plane_choice.focus(count, step), pixel, window, estimates)


def with_all(results: Results, wanted: Mapping[str, str]) -> list[str]:
    """Samples on which every wanted method was run at its degradation."""
    return [
        sample
        for sample in results.samples
        if all(results.find(sample, place, method) for method, place in wanted.items())
    ]


def place_of(results: Results, method: str, preferred: str) -> str | None:
    """Degradation that a method is shown on: the preferred, or else its first; None: not run."""
    found = [item.degradation for item in results.items if item.method == method]
    return preferred if preferred in found else (found[0] if found else None)
