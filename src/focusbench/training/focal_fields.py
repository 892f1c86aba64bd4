"""Focal stacks and the images that are to become them, and crops of both to learn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from focusbench.data import foreground
from focusbench.errors import InputError
from focusbench.evaluation.psnr import psnr
from focusbench.optics import refocus_degradation
from focusbench.training import seeds

PAPER_PATCH = 768
"""Pixels along the patches of Ma et al. 2021, which `data.foreground`'s numbers belong to."""
TRIES = foreground.ATTEMPTS
"""Places that are tried for a crop with cells; the last is taken as it is."""
SCALES = (1, 2)


class Crops(NamedTuple):
    """What some items of a step's batch see, uint8."""

    inputs: Tensor  # (N, y, x, 3)
    planes: Tensor  # (N, K, scale y, scale x, 3), the planes that were asked for


class Pair(NamedTuple):
    """A focal stack and what is to become it, uint8."""

    stack: np.ndarray  # (planes, Y, X, 3)
    input: np.ndarray  # (Y / scale, X / scale, 3)


class FocalFields:
    """Fields to learn from; their inputs are made of the whole middle planes, once.

    Parameters
    ----------
    stacks
        Name -> uint8 (planes, Y, X, 3), planes from the lowest focus up. Their number is odd and
        the same for all, sizes may differ.
    scale
        Pixels of the stacks along a pixel of the inputs. 2: inputs are `refocus_degradation`'s of
        the middle planes; 1: they are the middle planes.
    slides
        Name -> slide; a field that is not named is a slide of its own.
    validation
        A stack to watch the training on; None: none.
    z_step, pixel_size
        Of the stacks, um; None: not known.

    Attributes
    ----------
    names, slides : tuple of str
        Of each field.
    stacks, inputs : tuple of numpy.ndarray
        Of each field: (planes, Y, X, 3), and (Y / scale, X / scale, 3).
    planes : int
        Of every stack.
    validation : Pair or None
    score : callable or None
        Maps an estimate of the validation stack to its PSNR; None where there is none.

    Raises
    ------
    InputError
        No field; stacks of unequal or even numbers of planes; sides that are odd, with a scale of
        2, or below 6 pixels; another type or shape.
    """

    def __init__(
        self,
        stacks: Mapping[str, np.ndarray],
        *,
        scale: int = 2,
        slides: Mapping[str, str] | None = None,
        validation: np.ndarray | None = None,
        z_step: float | None = None,
        pixel_size: float | None = None,
    ) -> None:
        if not stacks:
            raise InputError("training: there are no fields; at least one is needed")
        if scale not in SCALES:
            raise InputError(f"scale is {scale!r}; 1 or 2 is accepted")
        self.scale, self.z_step, self.pixel_size = scale, z_step, pixel_size
        self.names = tuple(stacks)
        self.stacks = tuple(np.asarray(stack) for stack in stacks.values())
        pairs = [_pair(name, stack, scale) for name, stack in zip(stacks, self.stacks, strict=True)]
        self.inputs = tuple(pair.input for pair in pairs)
        self.planes = len(self.stacks[0])
        told = dict(zip(self.names, self.stacks, strict=True))
        if validation is not None:
            told["the validation field"] = validation
        for name, stack in told.items():
            if len(stack) != self.planes:
                raise InputError(
                    f"training: {name} has {len(stack)} planes, {self.names[0]} {self.planes}; "
                    "equal numbers are accepted"
                )
        self.validation = (
            None if validation is None else _pair("the validation field", validation, scale)
        )
        self.slides = tuple((slides or {}).get(name, name) for name in self.names)
        self._by_slide = [
            [i for i, other in enumerate(self.slides) if other == slide]
            for slide in dict.fromkeys(self.slides)
        ]
        self._masks: dict[int, np.ndarray] = {}

    @property
    def score(self) -> Callable[[np.ndarray], float] | None:
        """See the class."""
        return None if self.validation is None else self._score

    def check_patch(self, side: int) -> None:
        """Raise InputError unless crops of `side` x `side` pixels of the stacks can be cut."""
        if side % self.scale or side < self.scale:
            raise InputError(f"patch is {side}; a multiple of {self.scale} is accepted")
        for name, stack in zip(self.names, self.stacks, strict=True):
            y, x = stack.shape[1:3]
            if min(y, x) < side:
                raise InputError(
                    f"training: {name} has {y} x {x} pixels (y, x), patches {side} x {side}; "
                    "fields of at least a patch are accepted"
                )

    def batch(
        self,
        seed: int,
        step: int,
        items: Sequence[int],
        side: int,
        *,
        planes: Sequence[Sequence[int]] | None = None,
        augment: bool = False,
        with_cells: bool = False,
    ) -> Crops:
        """Cut crops. Each depends on `seed`, `step`, its own item and the settings, on no other.

        Every slide is equally likely, as in the paper; within a slide, every field.

        Parameters
        ----------
        items
            Numbers of the crops in the step's batch.
        side
            Pixels of the stack.
        planes
            For each item the planes that are cut, as many of all; None: all in order.
        augment
            Mirror and turn crops by quarters at random.
        with_cells
            Choose crops as Ma et al. chose patches (`data.foreground`), with lengths in the same
            proportion to the crop's side; after `TRIES` places any will do.

        Raises
        ------
        InputError
            As `check_patch`.
        """
        self.check_patch(side)
        low, count = side // self.scale, self.planes if planes is None else len(planes[0])
        inputs = torch.empty(len(items), low, low, 3, dtype=torch.uint8)
        cut = torch.empty(len(items), count, side, side, 3, dtype=torch.uint8)
        for number, item in enumerate(items):
            rng = np.random.default_rng(seeds.derive(seed, "focal crop", step, item))
            field, y, x = self._place(rng, side, with_cells)
            turns, mirrored = divmod(int(rng.integers(8)) if augment else 0, 2)
            part = self.stacks[field][:, y : y + side, x : x + side]
            y, x = y // self.scale, x // self.scale
            given = self.inputs[field][None, y : y + low, x : x + low]
            np.copyto(inputs[number].numpy(), _turned(given, turns, mirrored)[0])
            for k, plane in enumerate(range(count) if planes is None else planes[number]):
                np.copyto(cut[number, k].numpy(), _turned(part[plane][None], turns, mirrored)[0])
        return Crops(inputs, cut)

    def _score(self, estimate: np.ndarray) -> float:
        """Mean over planes of the PSNR in dB (range 255); an estimate of one plane is the middle's.

        Raises
        ------
        InputError
            An estimate of another shape.
        """
        truth = self.validation.stack
        if len(estimate) == 1:
            truth = truth[len(truth) // 2][None]
        if estimate.shape != truth.shape:
            raise InputError(f"estimate: shape {estimate.shape}; {truth.shape} is accepted")
        return float(np.mean([psnr(*pair, 255.0) for pair in zip(truth, estimate, strict=True)]))

    def _place(self, rng: np.random.Generator, side: int, cells: bool) -> tuple[int, int, int]:
        """Field and first pixel (y, x), multiples of the scale."""
        for _ in range(TRIES if cells else 1):
            fields = self._by_slide[rng.integers(len(self._by_slide))]
            field = fields[rng.integers(len(fields))]
            y, x = (
                int(rng.integers((length - side) // self.scale + 1)) * self.scale
                for length in self.stacks[field].shape[1:3]
            )
            if not cells or self._shows_cells(field, y, x, side):
                break
        return field, y, x

    def _shows_cells(self, field: int, y: int, x: int, side: int) -> bool:
        if field not in self._masks:  # of the whole field: a crop's own edges change nothing
            self._masks[field] = foreground.mask(self.stacks[field][self.planes // 2])
        inner = max(1, round(side * foreground.INNER / PAPER_PATCH))
        least = foreground.LEAST * (side / PAPER_PATCH) ** 2
        y, x = (first + (side - inner) // 2 for first in (y, x))
        return _largest_piece(self._masks[field][y : y + inner, x : x + inner]) >= least


def _pair(name: str, stack: np.ndarray, scale: int) -> Pair:
    try:
        middle = refocus_degradation.middle(stack)
        return Pair(stack, refocus_degradation.degrade(middle) if scale == 2 else middle)
    except InputError as error:
        raise InputError(f"training: {name}: {error}") from None


def _turned(images: np.ndarray, turns: int, mirrored: int) -> np.ndarray:
    """(K, Y, X, 3), turned by quarters and mirrored."""
    return np.rot90(images[:, :, ::-1] if mirrored else images, turns, axes=(1, 2))


def _largest_piece(mask: np.ndarray) -> int:
    from scipy.ndimage import label

    pieces, count = label(mask)
    return int(np.bincount(pieces.ravel())[1:].max()) if count else 0
