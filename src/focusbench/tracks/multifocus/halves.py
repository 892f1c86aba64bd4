"""Two restorations of one stack, each from half of its data: how far do they agree?"""

from __future__ import annotations

from typing import NamedTuple

from focusbench.evaluation.fourier_shell import ShellCorrelation, fourier_shell_correlation
from focusbench.report.results import Results
from focusbench.tracks.multifocus.degradations import base


class Kind(NamedTuple):
    """A way of halving the data."""

    parts: tuple[str, str]  # of the ids of degradations
    label: str


KINDS = {
    "rays": Kind(("rays_odd", "rays_even"), "halves of the aperture"),
    "planes": Kind(("planes_odd", "planes_even"), "halves of the planes"),
}

# what a reader must know of either, wherever its curves or resolutions are shown
WORTH = (
    "Halves of the aperture (odd and even cells of its chess board, in the model) share one "
    "recording and its noise: their curve bounds consistency, not resolution. Halves of the planes "
    "(odd and even ones) have independent noise, but each sees half of the planes: axial detail "
    "beyond half of the axial Nyquist frequency is sampled too coarsely in either, and may come "
    "out with opposite signs. Both halves share the method's prior: what it makes up alike counts "
    "as agreement"
)


def stacks(results: Results) -> list[tuple[str, str]]:
    """(sample, base of its degradations) of all items, each once."""
    return list(dict.fromkeys((item.sample, base(item.degradation)) for item in results.items))


def ran(results: Results, sample: str, stack: str) -> list[str]:
    """Methods with any restoration of a stack, parts of it included."""
    found = {
        item.method
        for item in results.items
        if (item.sample, base(item.degradation)) == (sample, stack)
    }
    return [method for method in results.methods if method in found]


def correlate(
    results: Results, sample: str, stack: str, method: str, kind: str, direction: str = "all"
) -> ShellCorrelation | None:
    """Correlate a method's restorations from the halves of a stack, of its first seed.

    Parameters
    ----------
    stack
        Degradation without a part, such as `recorded`.
    kind
        Key of `KINDS`.
    direction
        As for `fourier_shell_correlation`.

    Returns
    -------
    ShellCorrelation or None
        None where one of the halves was not restored.
    """
    items = [results.find(sample, f"{stack}_{part}", method) for part in KINDS[kind].parts]
    if None in items:
        return None
    one, two = (results.restored(item) for item in items)
    return fourier_shell_correlation(one.array, two.array, one.voxel_size, direction=direction)


def correlate_truth(
    results: Results, sample: str, stack: str, method: str, direction: str = "all"
) -> ShellCorrelation | None:
    """Correlate a method's restoration of the whole stack with the truth; None without either."""
    item, truth = results.find(sample, stack, method), results.truth(sample)
    if item is None or truth is None:
        return None
    estimate = results.restored(item).array
    return fourier_shell_correlation(estimate, truth.array, truth.voxel_size, direction=direction)
