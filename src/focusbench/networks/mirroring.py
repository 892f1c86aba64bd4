"""Volumes continued beyond their faces by their mirror image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def extended(volume: Tensor, shape: Sequence[int]) -> Tensor:
    """Lengthen the last axes of `volume` at their ends to `shape`, where they are shorter.

    The last voxel is repeated first (c b a | a b c | c b a), so that a single slice will do; an
    axis that is much too short is mirrored again and again.
    """
    first = volume.ndim - len(shape)
    for axis, wanted in enumerate(shape, start=first):
        length = volume.shape[axis]
        if length < wanted:
            place = torch.arange(wanted, device=volume.device) % (2 * length)
            volume = volume.index_select(axis, torch.minimum(place, 2 * length - 1 - place))
    return volume
