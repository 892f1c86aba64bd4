"""A volume as a function of position: features on grids of several widths, and a small network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


def interpolation(points: int, nodes: int) -> Tensor:
    """Matrix (points, nodes) of linear interpolation; both span the same length, ends included.

    A single node is constant; a single point lies in the middle.
    """
    if nodes == 1:
        return torch.ones(points, 1)
    last = nodes - 1
    if points == 1:
        place = torch.tensor([last / 2], dtype=torch.float64)
    else:
        place = torch.linspace(0, last, points, dtype=torch.float64)
    left = place.floor().clamp(max=last - 1).long()
    part = (place - left).float()
    matrix = torch.zeros(points, nodes)
    rows = torch.arange(points)
    matrix[rows, left] = 1 - part
    matrix[rows, left + 1] += part
    return matrix


class NeuralField(nn.Module):
    """Value at every voxel from features at its place.

    Each grid of `cells` holds `features` numbers a node (its nodes are that many voxels apart in y
    and x, and `depth_ratio` times as many in z, where a stack has few slices); they are
    interpolated linearly in three dimensions, joined, and passed through `layers` hidden layers
    (SiLU) to one number. Coarse grids let large structures form within a few steps, the finest one
    gives the detail (as Mueller et al. 2022, without their hash: grids of a focal stack are small).
    Interpolation is done by one small matrix an axis, so that its gradient is summed in a fixed
    order on CUDA too.

    Parameters
    ----------
    shape
        (Z, Y, X) of the volume that the grids are laid out for.
    cells
        Distances of nodes, in voxels.
    features
        Numbers a node.
    width, layers
        Of the network.
    depth_ratio
        Distance of nodes in z over that in y and x, in voxels.
    """

    def __init__(
        self,
        shape: Sequence[int],
        cells: Sequence[float] = (8, 4, 2, 1),
        features: int = 4,
        width: int = 32,
        layers: int = 2,
        depth_ratio: float = 1.0,
    ) -> None:
        super().__init__()
        if len(shape) != 3 or min(shape) < 1:
            raise ValueError(f"shape is {tuple(shape)}; three numbers from 1 up are accepted")
        if not cells or min(cells) <= 0 or depth_ratio <= 0:
            raise ValueError("cells and depth_ratio must be above 0")
        for name, value in (("features", features), ("width", width), ("layers", layers)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        self.shape = tuple(shape)
        self.grids = nn.ParameterList()
        for cell in cells:
            apart = (cell * depth_ratio, cell, cell)
            nodes = [1 + math.ceil((n - 1) / step) for n, step in zip(shape, apart, strict=True)]
            self.grids.append(nn.Parameter(0.1 * torch.randn(features, *nodes)))
        sizes = [features * len(cells), *[width] * layers]
        hidden: list[nn.Module] = []
        for before, after in pairwise(sizes):
            hidden += [nn.Linear(before, after), nn.SiLU()]
        self.hidden = nn.Sequential(*hidden)
        self.head = nn.Linear(width, 1)
        for grid, matrices in enumerate(self._matrices(self.shape)):
            for axis, matrix in enumerate(matrices):
                self.register_buffer(f"matrix_{grid}_{axis}", matrix, persistent=False)

    def _matrices(self, shape: Sequence[int]) -> list[list[Tensor]]:
        """For each grid one matrix an axis."""
        return [
            [interpolation(n, k) for n, k in zip(shape, grid.shape[1:], strict=True)]
            for grid in self.grids
        ]

    def forward(self, shape: Sequence[int] | None = None) -> Tensor:
        """Evaluate the field, (Z, Y, X), unbounded.

        Parameters
        ----------
        shape
            Sample the same block of space, corner voxel to corner voxel, with another number of
            points; None: that of the volume.
        """
        if shape is None or tuple(shape) == self.shape:
            shape = self.shape
            matrices = [
                [getattr(self, f"matrix_{grid}_{axis}") for axis in range(3)]
                for grid in range(len(self.grids))
            ]
        else:
            device = self.head.weight.device
            matrices = [[m.to(device) for m in three] for three in self._matrices(shape)]
        parts = []
        for grid, (along_z, along_y, along_x) in zip(self.grids, matrices, strict=True):
            plane = along_y @ (grid @ along_x.T)  # (F, nodes, Y, X)
            volume = along_z @ plane.flatten(2)  # (F, Z, Y X)
            parts.append(volume.flatten(1))
        joined = torch.cat(parts).T
        return self.head(self.hidden(joined)).reshape(tuple(shape))
