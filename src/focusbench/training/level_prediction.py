"""What all predictors of defocus levels share: from a field to its map of levels.

He et al. 2020, Fig. 2c. A predictor is a frozen dataclass of its parameters that gives the
probabilities of patches; the rest follows here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from focusbench.errors import InputError
from focusbench.parameters import check_parameters
from focusbench.problem import Run, Weights
from focusbench.training.level_map import (
    SIDE,
    LevelMap,
    check_room,
    corners,
    cut,
    level_of,
)
from focusbench.training.patches import Cutting, LevelFields, Patches
from focusbench.training.splits import check_kind

CHUNK = 1024
"""Patches that are cut at once: a field with a small stride has many."""


@dataclass(frozen=True)
class LevelPredictor(ABC):
    """Parameters of the patches that a predictor sees.

    Parameters
    ----------
    side
        Of the patches, in pixels: 84 in the paper.
    per_image
        Patches of each image in the training: 20 in the paper.
    n_levels
        Defocus levels, level 0 (in focus) among them.
    bg
        Whether patches that show nothing are a class of their own.
    fresh, poisson, brightness, offset
        As of `training.patches.Cutting`; none of them in the paper.
    split
        Which images it learns from, see `training.splits`: all levels of the fields that are meant
        to be learned from ("field"), or images of all fields alike, those that are tested on
        elsewhere too ("image", the paper's, which leaks). Whoever makes the training set reads it.
    """

    side: int = SIDE
    per_image: int = 20
    n_levels: int = 11
    bg: bool = True
    fresh: bool = False
    poisson: float = 0.0
    brightness: float = 1.0
    offset: float = 0.0
    split: str = "field"

    name: ClassVar[str]

    def __post_init__(self) -> None:
        check_parameters(self, counts=("n_levels",))
        check_kind(self.split)
        _ = self.cutting  # checks the others

    @property
    def classes(self) -> int:
        """Levels, and `bg`."""
        return self.n_levels + self.bg

    @property
    def cutting(self) -> Cutting:
        """How images become patches to learn from."""
        return Cutting(
            self.side,
            self.per_image,
            self.bg,
            self.fresh,
            self.poisson,
            self.brightness,
            self.offset,
        )

    @property
    @abstractmethod
    def architecture(self) -> dict[str, Any]:
        """What weights must agree on to fit this predictor, as JSON."""

    @abstractmethod
    def fit(self, data: LevelFields, run: Run) -> Weights:
        """Learn from the patches of `data`."""

    @abstractmethod
    def probabilities(self, patches: np.ndarray, run: Run, weights: Weights | None) -> np.ndarray:
        """Map patches (N, side, side), in counts, to (N, classes), float32; rows sum to 1.

        Classes are the levels in order, then `bg`.

        Raises
        ------
        InputError
            No weights, or those of another predictor; patches of another size.
        """

    def levels(
        self, field: np.ndarray, run: Run, weights: Weights | None, stride: int | None = None
    ) -> LevelMap:
        """Tell the levels of a field's patches.

        Parameters
        ----------
        field
            (Y, X), in counts of the camera, as those that were learned from.
        stride
            Distance of neighbouring patches, see `level_map.corners`; None: they do not overlap.

        Raises
        ------
        InputError
            As `probabilities`; a field that is smaller than a patch.
        """
        return self.levels_at(field, corners(np.shape(field), self.side, stride), run, weights)

    def levels_at(
        self, field: np.ndarray, places: np.ndarray, run: Run, weights: Weights | None
    ) -> LevelMap:
        """Tell the levels of patches at places of one's own; see `levels`.

        `places` are their first pixels (y, x), (N, 2), so that all of a patch lies in the field.
        """
        check_room(np.shape(field), self.side)
        given = np.concatenate(
            [
                self.probabilities(cut(field, places[i : i + CHUNK], self.side), run, weights)
                for i in range(0, len(places), CHUNK)
            ]
        )
        levels = level_of(given.argmax(axis=1), self.n_levels)
        shape = (int(field.shape[0]), int(field.shape[1]))
        return LevelMap(shape, self.side, places, levels, given, self.bg)

    def judge(
        self, patches: Patches, run: Run, weights: Weights | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Tell the levels of patches that are known.

        Returns
        -------
        tuple
            True and predicted levels, (N,) int64 with `BG`, and probabilities, (N, classes): what
            `evaluation.levels` compares.

        Raises
        ------
        InputError
            As `probabilities`; no patch.
        """
        if not len(patches):
            raise InputError(f"{self.name}: there are no patches to judge")
        truth, given = [], []
        for start in range(0, len(patches), CHUNK):
            counts, levels = patches.batch(range(start, min(start + CHUNK, len(patches))))
            truth.append(levels)
            given.append(self.probabilities(counts, run, weights))
        probabilities = np.concatenate(given)
        predicted = level_of(probabilities.argmax(axis=1), self.n_levels)
        return np.concatenate(truth), predicted, probabilities

    def check_data(self, data: LevelFields) -> None:
        """Raise InputError unless `data` has as many levels as the predictor."""
        if data.n_levels != self.n_levels:
            raise InputError(
                f"{self.name}: the fields have {data.n_levels} levels, the parameters ask for "
                f"{self.n_levels}"
            )

    def check_patches(self, patches: np.ndarray) -> None:
        """Raise InputError unless these are patches of this predictor's size."""
        if patches.shape[1:] != (self.side, self.side):
            raise InputError(
                f"{self.name}: patches of shape {patches.shape}; (N, {self.side}, {self.side}) "
                "is accepted"
            )

    def check_weights(self, weights: Weights | None) -> Mapping[str, Any]:
        """Tensors of weights that belong to this predictor.

        Raises
        ------
        InputError
            There are none, or they belong to another.
        """
        if weights is None:
            raise InputError(f"{self.name}: no weights; `fit` gives them")
        asked = self.architecture
        given = {key: weights.description.get(key) for key in asked}
        if given != asked:
            raise InputError(
                f"{self.name}: the weights belong to {given}, the parameters ask for {asked}"
            )
        return weights.tensors

    def description(self, data: LevelFields, run: Run, patches: int) -> dict[str, Any]:
        """What the file of weights tells of predictor and training, as JSON."""
        return {
            **self.architecture,
            "method": self.name,
            **({} if data.optics is None else {"optics": data.optics}),
            "training": {
                "fields": sorted({image.field for image in data.split.train}),
                "images": len(data.split.train),
                "patches": patches,
                "bg": self.bg,
                "fresh": self.fresh,
                "poisson": self.poisson,
                "brightness": self.brightness,
                "offset": self.offset,
                "split": self.split,
                "seed": run.seed,
            },
        }
