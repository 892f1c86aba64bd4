"""Volumes that a generator made earlier, shown again to its discriminator."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from focusbench.errors import InputError
from focusbench.parameters import check_whole
from focusbench.training import seeds


class HistoryBuffer:
    """Exchanges half of the made volumes for older ones, so that a discriminator forgets slowly.

    Shrivastava et al. 2017, section 2.3, in the form that CycleGAN gave it; Lim et al. 2020,
    section III-B, keep 50 volumes. The first `size` volumes are kept and handed on. Of each one
    after, with probability 1/2, a random kept volume is handed on instead and the new one takes its
    place; else the new one is handed on and not kept.

    Parameters
    ----------
    size
        Volumes kept at most; 0: every volume is handed on as it is.
    seed, purpose
        Of the random numbers; two buffers of a run need purposes of their own.
    """

    def __init__(self, size: int = 50, seed: int = 0, purpose: str = "history") -> None:
        check_whole("size", size, 0)
        self.size = size
        self._random = seeds.generator(seed, purpose)
        self._kept: list[Tensor] = []

    def __len__(self) -> int:
        return len(self._kept)

    def exchange(self, volumes: Tensor) -> Tensor:
        """Give (N, ...) for (N, ...), all of one shape; detached, on the device of `volumes`."""
        return torch.stack([self._exchange(volume) for volume in volumes.detach()])

    def _exchange(self, volume: Tensor) -> Tensor:
        if self._kept and self._kept[0].shape != volume.shape:
            raise InputError(
                f"history: a volume of shape {tuple(volume.shape)}; those before have "
                f"{tuple(self._kept[0].shape)}, and all must be alike"
            )
        if len(self._kept) < self.size:
            self._kept.append(volume.clone())
            return volume
        if self.size == 0 or torch.rand((), generator=self._random) < 0.5:
            return volume
        place = int(torch.randint(self.size, (), generator=self._random))
        older, self._kept[place] = self._kept[place], volume.clone()
        return older.to(volume)

    def state(self) -> dict[str, Tensor]:
        """What was kept, in its order, and the state of the random numbers."""
        tensors = {"generator": self._random.get_state()}
        if self._kept:
            tensors["volumes"] = torch.stack(self._kept)
        return tensors

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up what `state` gave."""
        self._random.set_state(tensors["generator"])
        self._kept = [volume.clone() for volume in tensors.get("volumes", ())]
