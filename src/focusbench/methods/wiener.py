"""Wiener deconvolution, regularised as the noise level asks for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from focusbench.errors import InputError
from focusbench.problem import Problem, Restoration, Run, Weights
from focusbench.solvers import blurred
from focusbench.solvers.wiener import wiener


@dataclass(frozen=True)
class Wiener:
    """One linear filter, clipped at 0; its regularisation leaves the noise as residual.

    The noise level, where it is not known, is estimated from the frequencies that the PSF does not
    pass. The truth plays no part.

    Parameters
    ----------
    boundary
        "linear" or "circular"; None: as the problem states it.
    """

    boundary: str | None = None

    def __post_init__(self) -> None:
        if self.boundary not in (None, "linear", "circular"):
            raise ValueError(
                f"boundary is {self.boundary!r}; accepted: linear, circular, null (the problem's)"
            )

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Apply the filter.

        Raises
        ------
        InputError
            The blur is not that of one known PSF, its noise is unknown and cannot be estimated, or
            the observation has no light or is not finite.
        """
        kernel = getattr(problem.forward, "kernel", None)
        if kernel is None:
            raise InputError("wiener: the problem has no PSF that is the same everywhere")
        noise = blurred.noise_level(problem, "wiener")
        if noise is None:
            raise InputError("wiener: the noise is not known; the regularisation follows from it")
        found = wiener(
            np.asarray(problem.observed, np.float32),
            kernel,
            noise_power=noise.mean_square,
            boundary=self.boundary or problem.forward.boundary,
            device=run.device,
        )
        return Restoration(found.estimate.astype(np.float32), iterations=0, evaluations=0)
