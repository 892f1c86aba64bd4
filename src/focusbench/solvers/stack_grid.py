"""What a problem of the refocus track asks for: one image, and the grid of its focal planes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from focusbench.errors import InputError
from focusbench.optics.enlargement import enlarged, enlarged_unrounded
from focusbench.problem import Problem

SCALES = (1, 2)


class Wanted(NamedTuple):
    """An image, and the stack that is to be made of it."""

    image: np.ndarray  # uint8 (y, x, 3)
    planes: int
    scale: int  # pixels of the stack along a pixel of the image

    def enlarged(self) -> np.ndarray:
        """Image on the stack's grid, uint8 (scale y, scale x, 3): bicubic, or itself."""
        return enlarged(self.image) if self.scale == 2 else self.image

    def enlarged_unrounded(self) -> np.ndarray:
        """Image on the stack's grid, float32: bicubic, see `optics.enlargement`, or itself."""
        return unrounded(self.image, self.scale)


def unrounded(image: np.ndarray, scale: int) -> np.ndarray:
    """Enlarge uint8 (y, x, 3) to `scale` times the size, 1 or 2; float32."""
    return enlarged_unrounded(image) if scale == 2 else image.astype(np.float32)


def wanted(problem: Problem, name: str) -> Wanted:
    """Read a problem for the method `name`.

    Raises
    ------
    InputError
        The observation is not one RGB image of 8 bits a colour, or the stack is not 1 or 2 times as
        large.
    """
    observed = problem.observed
    one = observed.ndim == 4 and (len(observed), observed.shape[3]) == (1, 3)
    if problem.axes != "ZYXC" or observed.dtype != np.uint8 or not one:
        raise InputError(
            f"{name}: the observation has axes {problem.axes}, type {observed.dtype} and shape "
            f"{observed.shape}; one image with axes ZYXC, uint8 (1, y, x, 3), is accepted"
        )
    y, x = observed.shape[1:3]
    for shape in problem.estimates[:1]:  # the whole stack
        for scale in SCALES:
            if tuple(shape[1:]) == (scale * y, scale * x, 3):
                return Wanted(observed[0], shape[0], scale)
    told = problem.estimates[0] if problem.estimates else "unknown"
    raise InputError(
        f"{name}: the stack's shape is {told}, the image's {y} x {x} pixels; a stack of the same "
        "or twice the sides is accepted"
    )
