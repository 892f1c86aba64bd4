"""Blurred and sharp volumes to learn from: in pairs, or kept apart so that no pair can be seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from focusbench.errors import InputError
from focusbench.training import crops, seeds

Arrays = Mapping[str, np.ndarray]


class Volumes:
    """What both kinds of training set tell besides their crops.

    Parameters
    ----------
    blurred, sharp
        Volumes (Z, Y, X) by the name of what they show.
    seed
        Of the crops.
    kernel
        Gives the PSF (z, y, x), unit sum, when a learner needs it.
    validation
        Observation (Z, Y, X) to watch the training on; None: none.
    score
        Maps its restoration to the PSNR in dB; learners do not call it.

    Attributes
    ----------
    blurred_unit, sharp_unit : float
        Largest values of either kind: learners divide by them.
    blurred_mean, sharp_mean : float
        Mean values of either kind, of all volumes.
    names : tuple of str
        Of what is shown, each once.

    Raises
    ------
    InputError
        No volumes of a kind, one that has not 3 axes, or nothing but darkness.
    """

    def __init__(
        self,
        blurred: Arrays,
        sharp: Arrays,
        seed: int,
        *,
        kernel: Callable[[], np.ndarray] | None = None,
        validation: np.ndarray | None = None,
        score: Callable[[np.ndarray], float] | None = None,
    ) -> None:
        self.seed = seed
        self.kernel = kernel
        self.validation = validation
        self.score = score
        self.blurred_unit = _unit("observations", blurred)
        self.sharp_unit = _unit("sharp volumes", sharp)
        self.blurred_mean, self.sharp_mean = _mean(blurred), _mean(sharp)
        self.names = tuple(dict.fromkeys((*blurred, *sharp)))
        self._blurred = {name: np.asarray(v, np.float32) for name, v in blurred.items()}
        self._sharp = {name: np.asarray(v, np.float32) for name, v in sharp.items()}
        self._shapes = [v.shape for v in (*self._blurred.values(), *self._sharp.values())]

    def _crops(
        self,
        volumes: Arrays,
        names: Sequence[str],
        purpose: str,
        step: int,
        count: int,
        size: Sequence[int],
    ) -> list[crops.Crop]:
        size = crops.crop_shape(self._shapes, size)
        shapes = [volumes[name].shape for name in names]
        return [crops.draw(shapes, size, self.seed, step, i, purpose) for i in range(count)]


class PairedVolumes(Volumes):
    """Crops of observations beside the same crops of what they show.

    Raises
    ------
    InputError
        As `Volumes`; an observation without its sharp volume, or one of another shape.
    """

    def __init__(self, blurred: Arrays, sharp: Arrays, seed: int, **more: Any) -> None:
        super().__init__(blurred, sharp, seed, **more)
        for name in self.names:
            pair = [side[name].shape if name in side else None for side in (blurred, sharp)]
            if pair[0] != pair[1]:
                raise InputError(
                    f"training: {name}: observation of shape {pair[0]} and sharp volume of shape "
                    f"{pair[1]}; pairs of one shape are accepted"
                )

    def pairs(self, step: int, count: int, size: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Crops for `step`: blurred and sharp, each (count, 1, z, y, x), `size` clamped."""
        drawn = self._crops(self._blurred, self.names, "pairs", step, count, size)
        return tuple(
            crops.batch([side[name] for name in self.names], drawn)
            for side in (self._blurred, self._sharp)
        )


class UnpairedVolumes(Volumes):
    """Crops of observations, and crops of sharp volumes, of which no two show the same.

    Lim et al. 2020 say that their cycleGANs need no pairs, but not how blurred and sharp crops of
    18 volumes were kept apart. Here every step divides what there is both blurred and sharp at
    random in two halves: blurred crops are of the one, sharp crops of the other. Over all steps
    every volume serves as either. There is no way to ask for a pair.

    Raises
    ------
    InputError
        As `Volumes`; too few volumes for two halves.
    """

    def __init__(self, blurred: Arrays, sharp: Arrays, seed: int, **more: Any) -> None:
        super().__init__(blurred, sharp, seed, **more)
        if len(self.names) < 2:
            raise InputError(
                f"training: {self.names[0]} alone, blurred and sharp, would be a pair; "
                "two volumes or more are needed"
            )
        self._common = [name for name in self.names if name in blurred and name in sharp]

    def blurred(
        self, step: int, count: int, size: Sequence[int], margins: crops.Shape = (0, 0, 0)
    ) -> Tensor:
        """Crops of observations for `step`: (count, 1, z, y, x), `size` clamped.

        `margins` (z, y, x) are voxels of what surrounds them, on both sides and beyond `size`: of
        the same volume, and zeros beyond its faces.
        """
        return self._cut(0, step, count, size, margins)

    def sharp(
        self, step: int, count: int, size: Sequence[int], margins: crops.Shape = (0, 0, 0)
    ) -> Tensor:
        """Crops of sharp volumes for `step`, none of which is seen blurred in it."""
        return self._cut(1, step, count, size, margins)

    def _cut(
        self, kind: int, step: int, count: int, size: Sequence[int], margins: crops.Shape
    ) -> Tensor:
        volumes = (self._blurred, self._sharp)[kind]
        barred = self._halves(step)[1 - kind]
        names = [name for name in volumes if name not in barred]
        purpose = ("blurred", "sharp")[kind]
        drawn = self._crops(volumes, names, purpose, step, count, size)
        return crops.batch([volumes[name] for name in names], drawn, margins)

    def _halves(self, step: int) -> tuple[set[str], set[str]]:
        """Of what there is as both, what is seen blurred and what sharp at `step`."""
        count = len(self._common)
        random = seeds.generator(self.seed, "halves", step)
        order = torch.randperm(count, generator=random).tolist()
        odd = int(torch.randint(2, (), generator=random)) if count % 2 else 0
        half = count // 2 + odd
        if count == 1:  # the other kind must have others
            half = 1 if len(self._blurred) == 1 else 0 if len(self._sharp) == 1 else half
        chosen = [self._common[i] for i in order]
        return set(chosen[:half]), set(chosen[half:])


def _unit(kind: str, volumes: Arrays) -> float:
    if not volumes:
        raise InputError(f"training: there are no {kind}; at least one is needed")
    for name, volume in volumes.items():
        if np.ndim(volume) != 3:
            raise InputError(f"training: {name}: shape {np.shape(volume)}; 3 axes are needed")
    unit = max(float(np.max(volume)) for volume in volumes.values())
    if not unit > 0:
        raise InputError(f"training: the {kind} have no value above 0; light is needed")
    return unit


def _mean(volumes: Arrays) -> float:
    total = sum(float(np.sum(volume, dtype=np.float64)) for volume in volumes.values())
    return total / sum(np.size(volume) for volume in volumes.values())
