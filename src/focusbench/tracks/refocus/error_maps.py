"""How far pictures are from the truth: maps of grey values, and numbers of colours.

As in the paper (IV.C.1), error maps are made of grey images, and SSIM, PSNR and MAE of RGB.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from focusbench.data.foreground import GREY
from focusbench.evaluation.colour_metrics import plane_scores

QUANTILE = 0.995  # of the errors lies below the colour bar's end
STEP = 5.0  # grey values that the end is a multiple of


class Quality(NamedTuple):
    """Of what is shown, from RGB, 0 to 255; SSIM is NaN where the picture is too small for it."""

    ssim: float
    psnr: float  # dB
    mae: float  # grey values

    def told(self) -> str:
        """Three short lines."""
        first = [f"SSIM {self.ssim:.3f}"] if math.isfinite(self.ssim) else []
        second = f"PSNR {self.psnr:.2f} dB" if math.isfinite(self.psnr) else "PSNR ∞"
        return "\n".join([*first, second, f"MAE {self.mae:.2f}"])


def grey(image: np.ndarray) -> np.ndarray:
    """Grey values (..., Y, X), float64, 0 to 255, of RGB (..., Y, X, 3): ITU-R BT.601's luma."""
    return np.asarray(image, np.float64) @ (np.array(GREY) / sum(GREY))


def error_map(truth: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    """Absolute difference of the grey values (Y, X) of two RGB images (Y, X, 3)."""
    return np.abs(grey(estimate) - grey(truth))


def quality(truth: np.ndarray, estimate: np.ndarray) -> Quality:
    """Measure an RGB image (Y, X, 3), uint8, against the truth."""
    found = plane_scores(truth, estimate)
    alike = math.nan if found["ssim"] is None else found["ssim"]
    return Quality(alike, found["psnr"], found["mae"])


def end(maps: Iterable[np.ndarray]) -> float:
    """End of the colour bar of maps that share one: nearly all errors lie below it."""
    values = np.concatenate([one.ravel() for one in maps])
    return max(STEP, STEP * math.ceil(float(np.quantile(values, QUANTILE)) / STEP))
