"""Random crops of volumes, turned and mirrored: a function of seed and step, and of nothing else.

Lim et al. 2020, section IV-A: "random cropping by 64 x 64 x 64 pixels and random rotation by 90
degrees and random flipping by axis". A microscope blurs more along z than across it, so volumes are
turned in the plane of y and x alone and are mirrored along every axis: 16 orientations, each drawn
equally often. That wants square pixels and a PSF that is alike along y and x; mirroring along z one
that is alike before and behind the focus.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from focusbench.errors import InputError
from focusbench.parameters import check_whole
from focusbench.training import seeds

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Crop:
    """Where a crop lies, and how it is turned.

    Parameters
    ----------
    volume
        Index of the volume.
    start, shape
        First voxel and sides (z, y, x) in the volume, before turning.
    turned
        Whether y and x change places.
    mirrored
        Axes (z, y, x) along which it is mirrored, after that.
    """

    volume: int
    start: Shape
    shape: Shape
    turned: bool = False
    mirrored: tuple[bool, bool, bool] = (False, False, False)

    def of(self, volume: Any, margins: Shape = (0, 0, 0)) -> Any:
        """Cut out of an array or a tensor (..., Z, Y, X); a contiguous copy.

        Of the volumes of a pair, the same crop takes the same place in the same orientation.

        Parameters
        ----------
        volume
            What is cut.
        margins
            Voxels (z, y, x, after turning) by which it is longer on both sides: what surrounds the
            crop, and zeros beyond the faces of the volume.
        """
        z, *across = margins
        wide = (z, *reversed(across)) if self.turned else margins
        part = _part(volume, self.start, self.shape, wide)
        if self.turned:
            part = part.swapaxes(-2, -1)
        axes = tuple(axis - 3 for axis, flip in enumerate(self.mirrored) if flip)
        if isinstance(part, Tensor):
            return part.flip(axes).contiguous()  # flip copies, by no axis too
        return np.array(np.flip(part, axes), order="C")


def crop_shape(shapes: Sequence[Sequence[int]], size: Sequence[int]) -> Shape:
    """Largest shape up to `size` (z, y, x) that every one of `shapes` has room for, turned or not.

    Raises
    ------
    InputError
        No volumes, a shape of other than 3 axes, or a side that is no whole number from 1.
    """
    if not shapes:
        raise InputError("crops: there are no volumes; at least one is needed")
    for shape in (*shapes, size):
        if len(shape) != 3:
            raise InputError(f"crops: {tuple(shape)}; three sides (z, y, x) are needed")
    for axis, side in zip("zyx", size, strict=True):
        check_whole(f"crop ({axis})", side, 1)
    depth = min(shape[0] for shape in shapes)
    across = min(min(shape[1:]) for shape in shapes)
    return min(size[0], depth), min(size[1], across), min(size[2], across)


def draw(
    shapes: Sequence[Sequence[int]],
    size: Sequence[int],
    seed: int,
    step: int,
    item: int = 0,
    purpose: str = "crops",
) -> Crop:
    """Draw the crop for `item` of the batch at `step`.

    Parameters
    ----------
    shapes
        (z, y, x) of the volumes to choose from; each is as likely, and so is each place in it.
    size
        Sides (z, y, x) of what the crop is to give; clamped by `crop_shape`.
    seed, step, item, purpose
        Whatever else was drawn, equal ones give an equal crop. Sharp and blurred volumes that are
        not to be pairs need purposes of their own.

    Raises
    ------
    InputError
        As `crop_shape`.
    """
    z, y, x = crop_shape(shapes, size)
    random = seeds.generator(seed, purpose, step, item)

    def below(bound: int) -> int:
        return int(torch.randint(bound, (), generator=random))

    volume = below(len(shapes))
    turned, *mirrored = (bool(below(2)) for _ in range(4))
    shape = (z, x, y) if turned else (z, y, x)
    start = [below(n - m + 1) for n, m in zip(shapes[volume], shape, strict=True)]
    return Crop(volume, tuple(start), shape, turned, tuple(mirrored))


def batch(volumes: Sequence[Any], crops: Sequence[Crop], margins: Shape = (0, 0, 0)) -> Tensor:
    """Cut crops out of volumes (Z, Y, X), arrays or tensors: (N, 1, z, y, x), on their device."""
    parts = [torch.as_tensor(crop.of(volumes[crop.volume], margins)) for crop in crops]
    return torch.stack(parts)[:, None]


def _part(volume: Any, start: Shape, shape: Shape, margins: Shape) -> Any:
    """The part of (..., Z, Y, X) and what surrounds it; zeros where there is no volume."""
    first = [a - m for a, m in zip(start, margins, strict=True)]
    last = [a + n + m for a, n, m in zip(start, shape, margins, strict=True)]
    sides = volume.shape[-3:]
    places = [slice(max(a, 0), b) for a, b in zip(first, last, strict=True)]
    part = volume[(..., *places)]
    short = [(max(-a, 0), max(b - side, 0)) for a, b, side in zip(first, last, sides, strict=True)]
    if not any(map(any, short)):
        return part
    if isinstance(part, Tensor):
        return functional.pad(part, [n for pair in reversed(short) for n in pair])
    return np.pad(part, [(0, 0)] * (part.ndim - 3) + short)
