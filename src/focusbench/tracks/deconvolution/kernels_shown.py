"""What figure 11 shows: PSFs found from data, and what they are set beside."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from focusbench.paths import Restored
from focusbench.report.results import Results
from focusbench.tracks.deconvolution import kernels
from focusbench.tracks.deconvolution.kernels import Kernel
from focusbench.tracks.deconvolution.table1_notes import RECORDED

MOST_LEARNED, MOST_ESTIMATED = 2, 2
NOTHING = "No kernel was learned in this run, and no PSF estimated."
UNKNOWN = "No observation was restored whose PSF is known here."


class Column(NamedTuple):
    """One kernel over the reference's peak, as sections and profiles show it."""

    name: str  # id of the method, or what the reference is called
    state: str  # "raw" or "smoothed", where there are both; else nothing
    sections: dict[str, np.ndarray]  # XY and XZ, NaN outside the kernel's box
    profiles: dict[str, np.ndarray]
    fwhm: dict[str, float]  # um

    @property
    def heading(self) -> str:
        """On one line."""
        return f"{self.name} {self.state}".strip()


class Reference(NamedTuple):
    """What the found PSFs are set beside."""

    name: str
    item: Restored  # whose observation it blurs
    kernel: np.ndarray  # (z, y, x), unit sum
    voxel_size: tuple[float, float, float]  # um


class Shown(NamedTuple):
    """Everything that the figure shows."""

    reference: Reference
    columns: list[Column]  # the reference's first
    found: dict[str, Kernel]  # method -> its kernel
    learned: list[str]
    smooth_reference: Column  # drawn in the profiles alone


def collect(results: Results, settings: Mapping[str, Any]) -> Shown | str:
    """Read everything that is shown; or say why there is nothing.

    Parameters
    ----------
    results, settings
        As for `kernels_figure.fig11`.
    """
    reference = _reference(results, settings)
    if reference is None:
        return UNKNOWN
    first, size = reference.item, reference.voxel_size
    found: dict[str, Kernel] = {}
    for method in results.methods:
        if len(found) < MOST_LEARNED and _trained_alike(results, method, first.degradation):
            kernel = kernels.learned(results.weights(method, first.sample), size)
            found |= {} if kernel is None else {method: kernel}
    learned = list(found)
    for method in results.methods:
        item = results.find(first.sample, first.degradation, method)
        kernel = None if item is None else kernels.estimated(results.record(item), size)
        if (
            kernel is not None
            and method not in found
            and len(found) - len(learned) < MOST_ESTIMATED
        ):
            found[method] = kernel
    if not found:
        return NOTHING
    true = kernels.measured(reference.kernel, size)
    peak = float(true.values.max())
    reach = [length // 2 for length in true.values.shape]
    square = math.isclose(size[1], size[2])

    def column(name: str, state: str, one: Kernel) -> Column:
        values = (kernels.smoothed(one.values) if state == "smoothed" else one.values) / peak
        z, y, x = one.middle
        cuts = {
            "XY": kernels.window(values[z], (y, x), reach[1:]),
            "XZ": kernels.window(values[:, y], (z, x), (reach[0], reach[2])),
        }
        profiles = kernels.lines(values, one.middle, reach, square=square)
        steps = {"lateral": size[2], "axial": size[0]}
        widths = {axis: kernels.width(line, steps[axis]) for axis, line in profiles.items()}
        return Column(name, state, cuts, profiles, widths)

    columns = [column(reference.name, "", true)]
    for method, one in found.items():
        states = ("raw", "smoothed") if method in learned else ("",)
        columns += [column(method, state, one) for state in states]
    smooth = column(reference.name, "smoothed", true)
    return Shown(reference, columns, found, learned, smooth)


def _reference(results: Results, settings: Mapping[str, Any]) -> Reference | None:
    """PSF of the first observation that was made, or else told of the first recording."""
    track = settings["track"]
    made = next((item for item in results.items if item.degradation != RECORDED), None)
    if made is not None:
        true = kernels.true_kernel(made.degradation, track)
        return Reference("true PSF", made, true, tuple(track["voxel_size"]))
    if not results.items:
        return None
    item = results.items[0]
    observed = results.observed(item.sample, item.degradation)
    told = kernels.told_kernel(observed, item.sample, settings)
    return None if told is None else Reference("told PSF", item, told, tuple(observed.voxel_size))


def _trained_alike(results: Results, method: str, degradation: str) -> bool:
    """Whether it was trained on recordings, where they are shown, or on made volumes else."""
    trainings = [training for one, training in results.trained if one == method]
    return any(one.startswith(RECORDED) == (degradation == RECORDED) for one in trainings)
