"""A restorer of one's own that is told the level of each patch."""

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft2, rfft2

from focusbench.problem import Problem, Restoration, Run, Weights
from focusbench.solvers.patch_grid import PatchGrid


@dataclass(frozen=True)
class WienerByLevel:
    """Filter the field for each level, and take each pixel from that of the nearest patch.

    `predictor` names who tells the levels; the workflow trains and asks it. `noise` is the power of
    the noise over that of the light.
    """

    predictor: str = "delpnet"
    noise: float = 0.01

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Estimate the counts in focus, (Y, X)."""
        field = np.asarray(problem.observed, float)
        levels = problem.extras["levels"]  # (R, C), of patches at half steps; -1: background
        kernels = problem.forward.psfs  # (L, y, x); level 0 is one pixel
        grid = PatchGrid(field.shape, int(problem.extras["patch"]), "triangular")
        nearest = [
            np.abs(np.arange(length)[:, None] - centres).argmin(axis=1)
            for length, centres in zip(field.shape, grid.centres, strict=True)
        ]
        of_pixels = levels[np.ix_(*nearest)]
        estimate = field.copy()  # background, and what is in focus, stays as it is
        for level in np.unique(of_pixels[of_pixels > 0]):
            here = of_pixels == level
            estimate[here] = self._filtered(field, kernels[level])[here]
        return Restoration(np.clip(estimate, 0, 65535).astype(np.float32))

    def _filtered(self, field: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        side = kernel.shape[0]
        mirrored = np.pad(field, side, mode="symmetric")
        centred = np.zeros(mirrored.shape)
        centred[:side, :side] = kernel
        transfer = rfft2(np.roll(centred, (-(side // 2), -(side // 2)), (0, 1)))
        gain = transfer.conj() / (np.abs(transfer) ** 2 + self.noise)
        mean = field.mean()  # kept: what lies around it is filtered
        sharp = mean + irfft2(rfft2(mirrored - mean) * gain, mirrored.shape)
        return sharp[side:-side, side:-side]
