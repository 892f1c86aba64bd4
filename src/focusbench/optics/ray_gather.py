"""The ray model in plain torch, some rays at a time: for any device."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from focusbench.optics.ray_paths import LOG2_E, Geometry, steps_of

GATHERED = 2**24  # numbers that the gather form holds at a time, in each of a few arrays


class _Gather:
    """The same two loops in plain torch, some rays at a time: for any device."""

    def __init__(self, volume: Tensor, geometry: Geometry) -> None:
        self.steps = steps_of(geometry)
        self.n_slices, height, width = volume.shape
        reach = self.steps.reach
        self.frame = (reach,) * 4
        row = width + 2 * reach
        inner = torch.arange(height, device=volume.device)[:, None] * row
        inner = inner + torch.arange(width, device=volume.device)
        self.inner = (inner + reach * row + reach).flatten()
        self.size = (height + 2 * reach) * row
        # Steps of one ray and depth side by side: (rays, depths, most); missing ones have weight 0.
        steps = self.steps
        depth = steps.depth + self.n_slices - 1
        rank = np.arange(len(depth)) - steps.start[steps.ray, depth]
        shape = (steps.n_rays, 2 * self.n_slices - 1, int(rank.max()) + 1)
        weight, lateral = np.zeros(shape), np.zeros(shape, np.int64)
        weight[steps.ray, depth, rank] = steps.weight
        lateral[steps.ray, depth, rank] = steps.dy * row + steps.dx
        self.weight = torch.from_numpy(weight).to(volume)
        self.lateral = torch.from_numpy(lateral).to(volume.device)
        self.volume = self.framed(volume)
        self.at_a_time = max(1, GATHERED // (self.n_slices * self.size))

    def framed(self, volume: Tensor) -> Tensor:
        """Slices with zeros around them, flat: (Z, ..., size)."""
        return torch.nn.functional.pad(volume, self.frame).flatten(-2)

    def chunks(self) -> Iterator[tuple[slice, Tensor]]:
        """Rays, some at a time, and their light (Z, rays, Y * X)."""
        for first in range(0, self.steps.n_rays, self.at_a_time):
            rays = slice(first, min(first + self.at_a_time, self.steps.n_rays))
            count = rays.stop - rays.start
            path = self.volume.new_zeros((self.n_slices, count, self.inner.numel()))
            for focus, level, weight, lateral in self.walk(rays):
                met = (self.inner + lateral[:, None]).flatten()
                seen = self.volume[level].index_select(1, met).unflatten(1, (count, -1))
                path[focus].addcmul_(seen, weight[:, None])
            yield rays, path.exp2_()

    def walk(self, rays: slice) -> Iterator[tuple[slice, slice, Tensor, Tensor]]:
        """For every step: focused slices, those met, weight and lateral move of each ray."""
        for depth in range(1 - self.n_slices, self.n_slices):
            focus = slice(max(0, -depth), min(self.n_slices, self.n_slices - depth))
            level = slice(focus.start + depth, focus.stop + depth)
            for k in range(self.weight.shape[2]):
                at = (rays, depth + self.n_slices - 1, k)
                yield focus, level, self.weight[at], self.lateral[at]


def image(volume: Tensor, geometry: Geometry) -> Tensor:
    """As `ray_loops.image`, on tensors."""
    form = _Gather(volume, geometry)
    light = sum(light.sum(dim=1) for _, light in form.chunks()) / form.steps.n_rays
    return light.reshape(volume.shape)


def gradient(volume: Tensor, upstream: Tensor, geometry: Geometry) -> Tensor:
    """As `ray_loops.gradient`, on tensors; gathers, so that no sum depends on timing."""
    form = _Gather(volume, geometry)
    result = torch.zeros_like(volume).flatten(1)
    for rays, light in form.chunks():
        light *= upstream.reshape(form.n_slices, 1, -1)
        count = light.shape[1]
        light = form.framed(light.unflatten(2, volume.shape[1:])).flatten(1)
        own = torch.arange(count, device=volume.device) * form.size
        for focus, level, weight, lateral in form.walk(rays):
            seen_by = (form.inner + (own - lateral)[:, None]).flatten()
            seen = light[focus].index_select(1, seen_by).unflatten(1, (count, -1))
            result[level] += (seen * weight[:, None]).sum(dim=1)
    result /= LOG2_E * form.steps.n_rays
    return result.reshape(volume.shape)
