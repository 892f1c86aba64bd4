"""Multinomial logistic regression on three features of sharpness: what a network must beat.

Not in the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from focusbench.errors import InputError
from focusbench.parameters import check_parameters
from focusbench.problem import Run, Weights
from focusbench.training.level_map import class_of
from focusbench.training.level_prediction import LevelPredictor
from focusbench.training.patches import LevelFields, Patches
from focusbench.training.sharpness import FEATURES, sharpness

CHUNK = 1024
TENSORS = ("mean", "deviation", "slopes", "offsets")


@dataclass(frozen=True)
class LogisticFeatures(LevelPredictor):
    """A linear model of the features, each standardised on the patches that are learned from.

    Deterministic, and solved to its only minimum: the mean cross-entropy plus
    `penalty` / 2 times the sum of squared slopes.

    Parameters
    ----------
    side, ..., split
        As of `training.level_prediction.LevelPredictor`; `fresh` changes nothing here.
    penalty
        Above 0, or parted classes would have slopes without bounds.
    iterations
        Of L-BFGS, at most.
    """

    penalty: float = 1e-5
    iterations: int = 2000

    name: ClassVar[str] = "logistic_features"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_parameters(self, counts=("iterations",), positive=("penalty",))

    @property
    def architecture(self) -> dict[str, Any]:
        """What weights must agree on to fit this predictor."""
        return {
            "features": list(FEATURES),
            "classes": self.classes,
            "levels": self.n_levels,
            "side": self.side,
        }

    def fit(self, data: LevelFields, run: Run) -> Weights:
        """Learn from all training patches at once.

        Returns
        -------
        Weights
            `mean`, `deviation` (3), `slopes` (3, classes), `offsets` (classes), float64.
        """
        self.check_data(data)
        patches = data.patches("train", self.cutting)
        features, classes = self._known(patches)
        mean, deviation = features.mean(axis=0), features.std(axis=0)
        deviation = np.where(deviation > 0, deviation, 1.0)
        slopes, offsets, told = logistic(
            (features - mean) / deviation, classes, self.classes, self.penalty, self.iterations
        )
        tensors = {
            name: torch.from_numpy(np.ascontiguousarray(value))
            for name, value in zip(TENSORS, (mean, deviation, slopes, offsets), strict=True)
        }
        description = self.description(data, run, len(patches))
        trained = slopes.size + offsets.size
        description["parameters"] = {"trainable": trained, "total": trained}
        return Weights(tensors, description, told)

    def probabilities(self, patches: np.ndarray, run: Run, weights: Weights | None) -> np.ndarray:
        """Apply the model; see `LevelPredictor.probabilities`."""
        self.check_patches(patches)
        tensors = self.check_weights(weights)
        try:
            mean, deviation, slopes, offsets = (tensors[name].numpy() for name in TENSORS)
        except KeyError as error:
            raise InputError(f"{self.name}: the weights have no tensor {error}") from None
        scores = (sharpness(patches) - mean) / deviation @ slopes + offsets
        return softmax(scores, axis=1).astype(np.float32)

    def _known(self, patches: Patches) -> tuple[np.ndarray, np.ndarray]:
        features, classes = [], []
        for start in range(0, len(patches), CHUNK):  # never all patches at once
            counts, levels = patches.batch(np.arange(start, min(start + CHUNK, len(patches))))
            features.append(sharpness(counts))
            classes.append(class_of(levels, self.n_levels))
        return np.concatenate(features), np.concatenate(classes)


def logistic(
    features: np.ndarray, classes: np.ndarray, n_classes: int, penalty: float, iterations: int
) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Fit multinomial logistic regression.

    Parameters
    ----------
    features, classes
        (N, F), about standardised, and (N,) whole numbers from 0.

    Returns
    -------
    tuple
        Slopes (F, n_classes), offsets (n_classes,), and what the solver tells: `loss`,
        `iterations`, `converged`.
    """
    n_features = features.shape[1]
    rows = np.arange(len(classes))

    def objective(packed: np.ndarray) -> tuple[float, np.ndarray]:
        table = packed.reshape(n_features + 1, n_classes)
        logs = log_softmax(features @ table[:-1] + table[-1], axis=1)
        excess = np.exp(logs)
        excess[rows, classes] -= 1
        excess /= len(classes)
        gradient = np.vstack([features.T @ excess + penalty * table[:-1], excess.sum(axis=0)])
        loss = -logs[rows, classes].mean() + penalty / 2 * np.square(table[:-1]).sum()
        return float(loss), gradient.ravel()

    found = minimize(
        objective,
        np.zeros((n_features + 1) * n_classes),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": iterations, "maxfun": 2 * iterations, "gtol": 1e-6, "ftol": 1e-12},
    )
    table = found.x.reshape(n_features + 1, n_classes)
    told = {
        "loss": float(found.fun),
        "iterations": int(found.nit),
        "converged": bool(found.success),
    }
    return table[:-1], table[-1], told
