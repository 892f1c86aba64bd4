"""Patches of blurred fields, and the level of each, to learn from and to test on.

He et al. 2020, section 2.1. Fields are kept as they are (uint16); patches are cut when they are
asked for. Where they lie, their order and their noise follow from seed, names and epoch, and from
nothing that came before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from focusbench.errors import InputError
from focusbench.parameters import check_parameters, check_switches
from focusbench.training import seeds
from focusbench.training.level_map import BG, SIDE, check_room, class_of, is_background
from focusbench.training.splits import Image, Split

LARGEST = 65535

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Cutting:
    """How images become patches.

    Parameters
    ----------
    side
        Of the square patches, in pixels.
    per_image
        Patches of each image.
    bg
        Whether patches that show nothing (`is_background`) are told apart; else all have the level
        of their image.
    fresh
        Whether every epoch cuts at other places; in the paper all epochs see the same 62,865
        patches.
    poisson
        Share of the patches (0 to 1) that get shot noise, 1 count a photon, drawn anew in every
        epoch; in the paper none do, although what is restored there has it. Labels are those of the
        patch without.
    brightness, offset
        Range of changes that are drawn anew for each patch in every epoch: what exceeds the patch's
        darkest pixel is multiplied by 1 / `brightness` to `brightness` (1 or more; the logarithm is
        uniform), then -`offset` to `offset` counts are added to all pixels. As Yang et al. 2018 do,
        so that other lamps, stains and cameras are met; 1 and 0, neither, in the paper. Labels are
        those of the changed patch.
    """

    side: int = SIDE
    per_image: int = 20
    bg: bool = True
    fresh: bool = False
    poisson: float = 0.0
    brightness: float = 1.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        check_parameters(
            self,
            counts=("side", "per_image"),
            positive=("brightness",),
            positive_or_0=("poisson", "offset"),
        )
        check_switches(self, "bg", "fresh")
        if self.poisson > 1:
            raise InputError(f"poisson is {self.poisson!r}; a share from 0 to 1 is accepted")
        if self.brightness < 1:
            raise InputError(f"brightness is {self.brightness!r}; 1 or a number above is accepted")

    @property
    def unchanged(self) -> Cutting:
        """The same with brightness and offset as recorded: what is watched and judged."""
        return replace(self, brightness=1.0, offset=0.0)


class LevelFields:
    """Fields at every level, and which of these images serve to learn, to watch and to test.

    Parameters
    ----------
    fields
        Name -> (levels, Y, X) in counts, level 0 first; sizes may differ between fields. An array
        of uint16 (a memory map too) is kept as it is; others are rounded.
    split
        Images of the parts; what stands in none is not used.
    seed
        Of places, order and noise.
    optics
        Lens, pixel and step (um) of the levels, as the track's section has them, for the record of
        what learns from them; None: not known.

    Attributes
    ----------
    n_levels : int
        The same for all fields.

    Raises
    ------
    InputError
        No field; one without its three axes or with another number of levels, values below 0 or
        above 65535; images that are not there; nothing to learn from.
    """

    def __init__(
        self,
        fields: Mapping[str, np.ndarray],
        split: Split,
        seed: int,
        optics: Mapping[str, Any] | None = None,
    ) -> None:
        if not fields:
            raise InputError("training: there are no fields; at least one is needed")
        self.fields = {name: _counts(name, stack) for name, stack in fields.items()}
        first, stack = next(iter(self.fields.items()))
        self.n_levels = len(stack)
        for name, other in self.fields.items():
            if len(other) != self.n_levels:
                raise InputError(
                    f"training: {name} has {len(other)} levels, {first} {self.n_levels}; "
                    "the same number of all fields is accepted"
                )
        for image in (image for part in split for image in part):
            if image.field not in self.fields or not 0 <= image.level < self.n_levels:
                raise InputError(f"training: there is no field {image.field!r} at {image.level}")
        if not split.train:
            raise InputError("training: no image to learn from; at least one is needed")
        self.split, self.seed = split, seed
        self.optics = None if optics is None else dict(optics)

    def patches(self, part: str, cutting: Cutting) -> Patches:
        """Patches of a part: `train`, `validation` or `test`; the latter two may be empty."""
        if part not in PARTS:
            raise InputError(f"part {part!r} is unknown; accepted: {', '.join(PARTS)}")
        return Patches(self.fields, getattr(self.split, part), cutting, self.seed)


class Patches:
    """Patches of images, numbered: those of the first image come first.

    Raises
    ------
    InputError
        An image that is smaller than a patch.
    """

    def __init__(
        self,
        fields: Mapping[str, np.ndarray],
        images: Sequence[Image],
        cutting: Cutting,
        seed: int,
    ) -> None:
        self.fields, self.images, self.cutting, self.seed = fields, tuple(images), cutting, seed
        self.n_levels = len(next(iter(fields.values())))
        for name in sorted({image.field for image in self.images}):
            check_room(fields[name].shape[1:], cutting.side, f"field {name}")
        # all places of an epoch are drawn at once, where they are first wanted
        self._places = lru_cache(maxsize=1)(self._draw)

    def __len__(self) -> int:
        return len(self.images) * self.cutting.per_image

    def places(self, epoch: int = 0) -> np.ndarray:
        """First pixels (y, x) of all patches, (N, 2) int64; anywhere in the image alike."""
        return self._places(epoch if self.cutting.fresh else 0)

    def order(self, epoch: int) -> np.ndarray:
        """Numbers of all patches as an epoch of the training takes them, shuffled."""
        random = seeds.generator(self.seed, "order", epoch)
        return torch.randperm(len(self), generator=random).numpy()

    def counts(self, numbers: Sequence[int] | np.ndarray, epoch: int = 0) -> np.ndarray:
        """Patches in counts, without noise: (N, side, side), uint16."""
        side, per_image = self.cutting.side, self.cutting.per_image
        made = np.empty((len(numbers), side, side), np.uint16)
        places = self.places(epoch)
        for row, number in enumerate(np.asarray(numbers, np.int64).tolist()):
            field, level = self.images[number // per_image]
            y, x = places[number]
            made[row] = self.fields[field][level, y : y + side, x : x + side]
        return made

    def batch(
        self, numbers: Sequence[int] | np.ndarray, epoch: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Patches in counts, (N, side, side) float32, and their levels, (N,) int64, or `BG`."""
        clean = self._changed(self.counts(numbers, epoch), numbers, epoch)
        per_image = self.cutting.per_image
        levels = np.array([self.images[int(n) // per_image].level for n in numbers], np.int64)
        if self.cutting.bg:
            levels[is_background(clean)] = BG
        made = clean.astype(np.float32)
        if self.cutting.poisson:
            for row, number in enumerate(np.asarray(numbers, np.int64).tolist()):
                random = np.random.default_rng(seeds.derive(self.seed, "noise", epoch, number))
                if random.random() < self.cutting.poisson:
                    made[row] = np.minimum(random.poisson(clean[row]), LARGEST)
        return made, levels

    def tensors(
        self, numbers: Sequence[int] | np.ndarray, epoch: int, scale: float
    ) -> tuple[Tensor, Tensor]:
        """Patches over `scale`, (N, 1, side, side) float32, and class numbers (`bg` is last)."""
        counts, levels = self.batch(numbers, epoch)
        patches = torch.from_numpy(counts)[:, None] / scale
        return patches, torch.from_numpy(class_of(levels, self.n_levels))

    def levels(self, epoch: int = 0, chunk: int = 1024) -> np.ndarray:
        """Levels of all patches as recorded, or `BG`; (N,) int64."""
        numbers = np.arange(len(self))
        levels = np.array([image.level for image in self.images], np.int64)
        levels = np.repeat(levels, self.cutting.per_image)
        if self.cutting.bg:
            for start in range(0, len(self), chunk):  # never all patches at once
                part = numbers[start : start + chunk]
                levels[part[is_background(self.counts(part, epoch))]] = BG
        return levels

    def _changed(
        self, clean: np.ndarray, numbers: Sequence[int] | np.ndarray, epoch: int
    ) -> np.ndarray:
        """Patches of another brightness and offset, still whole counts; the same without either."""
        most, offset = self.cutting.brightness, self.cutting.offset
        if most == 1 and not offset:
            return clean
        made = clean.astype(np.float32)
        for patch, number in zip(made, np.asarray(numbers, np.int64).tolist(), strict=True):
            random = np.random.default_rng(seeds.derive(self.seed, "brightness", epoch, number))
            factor, shift = most ** random.uniform(-1, 1), random.uniform(-offset, offset)
            lowest = patch.min()
            patch -= lowest
            patch *= factor
            patch += lowest + shift
        return np.clip(np.rint(made), 0, LARGEST).astype(np.uint16)

    def _draw(self, epoch: int) -> np.ndarray:
        side, per_image = self.cutting.side, self.cutting.per_image
        drawn = np.empty((len(self), 2), np.int64)
        for number, (field, level) in enumerate(self.images):
            seed = seeds.derive(self.seed, "places", field, level, side, epoch)
            free = np.array(self.fields[field].shape[1:]) - side + 1
            rows = np.random.default_rng(seed).integers(free, size=(per_image, 2))
            drawn[number * per_image : (number + 1) * per_image] = rows
        return drawn


def _counts(name: str, stack: np.ndarray) -> np.ndarray:
    if np.ndim(stack) != 3 or not len(stack):
        raise InputError(
            f"training: {name} has shape {np.shape(stack)}; axes (level, y, x) are accepted"
        )
    if stack.dtype == np.uint16:
        return stack
    low, high = float(np.min(stack)), float(np.max(stack))
    if not (low >= 0 and high <= LARGEST + 0.5):
        raise InputError(
            f"training: {name} has values from {low:g} to {high:g}; counts from 0 to {LARGEST} "
            "are accepted"
        )
    return np.clip(np.rint(stack), 0, LARGEST).astype(np.uint16)
