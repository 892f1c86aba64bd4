"""One linear filter for each plane and colour: the least that a network must beat.

Not in the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from focusbench.errors import InputError
from focusbench.parameters import check_parameters
from focusbench.problem import Problem, Restoration, Run, Weights
from focusbench.solvers.plane_filters import LeastSquares, PlaneFilters, filtered
from focusbench.solvers.stack_grid import unrounded, wanted

if TYPE_CHECKING:
    from focusbench.training.focal_fields import FocalFields


@dataclass(frozen=True)
class LinearPerPlane:
    """Filters of the bicubically enlarged image, fitted by least squares to all training fields.

    Deterministic: neither crops nor steps.

    Parameters
    ----------
    side
        Of a filter, px of the stack; odd.
    ridge
        Squared grey values: as if white noise of this variance lay on the enlarged image. What it
        has of fine detail is little, and without a ridge would be amplified without bounds; on
        synthetic fields of a slide that was not learned from, 0.0001 to 0.03 come to the same
        within 0.05 dB, 0 is 1.2 dB worse, 1 is 0.2 dB worse.
    """

    side: int = 15
    ridge: float = 0.01

    name: ClassVar[str] = "linear_per_plane"

    def __post_init__(self) -> None:
        check_parameters(self, counts=("side",), positive_or_0=("ridge",))
        if self.side % 2 == 0:
            raise InputError(f"side is {self.side}; an odd number is accepted")

    def fit(self, data: FocalFields, run: Run) -> Weights:
        """Fit to every pixel of the fields.

        Returns
        -------
        Weights
            `taps` (planes, 3, side, side) and `constants` (planes, 3), float32, in grey values.
        """
        sums = LeastSquares(self.side, data.planes)
        for image, stack in zip(data.inputs, data.stacks, strict=True):
            sums.add(unrounded(image, data.scale), stack)
        filters = sums.solve(self.ridge)
        if data.validation is not None:
            image = unrounded(data.validation.input, data.scale)
            run.monitor(1, sums.mean_square(filters), lambda: _pixels(filtered(image, filters)))
        return Weights(_tensors(filters), self._description(data, filters))

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Filter the enlarged image: uint8 (planes, Y, X, 3).

        Raises
        ------
        InputError
            No weights, or those of another method, size of filters, number of planes or scale.
        """
        asked = wanted(problem, self.name)
        if weights is None:
            raise InputError(f"{self.name}: no weights; `fit` gives them")
        needed = {
            "method": self.name,
            "planes": asked.planes,
            "scale": asked.scale,
            "side": self.side,
        }
        given = {key: weights.description.get(key) for key in needed}
        if given != needed:
            raise InputError(f"{self.name}: the weights are of {given}; {needed} is needed")
        taps, constants = (np.asarray(weights.tensors[name]) for name in PlaneFilters._fields)
        planes = filtered(asked.enlarged_unrounded(), PlaneFilters(taps, constants))
        return Restoration(_pixels(planes))

    def _description(self, data: FocalFields, filters: PlaneFilters) -> dict[str, Any]:
        sizes = {"z_step": data.z_step, "pixel_size": data.pixel_size}
        return {
            "method": self.name,
            "planes": data.planes,
            "scale": data.scale,
            "side": self.side,
            **{name: size for name, size in sizes.items() if size is not None},
            "parameters": {"filters": sum(values.size for values in filters)},
            "training": {
                "fields": list(data.names),
                "slides": list(dict.fromkeys(data.slides)),
                "ridge": self.ridge,
            },
        }


def _tensors(filters: PlaneFilters) -> dict[str, Any]:
    import torch  # only here: to restore needs none

    return {name: torch.from_numpy(values) for name, values in filters._asdict().items()}


def _pixels(planes: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(planes), 0, 255).astype(np.uint8)
