"""Blind deconvolution: object and PSF by turns, both by Richardson-Lucy steps, accelerated.

The scheme of Matlab's `deconvblind` as its documentation and He et al. 2020 describe its use:
maximum likelihood under Poisson noise (Fish et al., JOSA A 12, 58 (1995); Holmes 1992) with the
extrapolation of Biggs and Andrews (1997), periodic at the borders. Nothing keeps it from explaining
an image by itself and a PSF of one point: more iterations are not always better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from focusbench.errors import InputError
from focusbench.optics.kernels import centre, check_kernel
from focusbench.parameters import check_whole
from focusbench.solvers.acceleration import Extrapolation
from focusbench.solvers.observation import nonnegative

Constraint = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Result:
    """Object, PSF (float64, unit sum, of the size of the first guess), and the steps done."""

    estimate: np.ndarray
    psf: np.ndarray
    iterations: int


def blind(
    observed: np.ndarray,
    psf: np.ndarray | Sequence[int],
    iterations: int = 10,
    *,
    weights: np.ndarray | None = None,
    constraint: Constraint | None = None,
    device: str = "cpu",
) -> Result:
    """Estimate an object and the PSF that blurred it.

    Parameters
    ----------
    observed
        (Y, X) or (Z, Y, X), any unit, background subtracted; values below 0 count as 0. float64 is
        computed in float64, all else in float32. It is also the object's first guess.
    psf
        First guess of the PSF; or the shape of one, for equal values, from which more is found than
        from a wrong shape: the size matters much, the values little.
    iterations
        Each does one step of the object and one of the PSF.
    weights
        0 to 1, of the observation's shape: trust in each of its values; None: 1 everywhere.
    constraint
        Maps the PSF (unit sum) to one of the same shape after each step; None: nothing.
    device
        "cpu" or "cuda".

    Returns
    -------
    Result

    Raises
    ------
    InputError
        A first guess that is no PSF, an observation or weights that are not finite or all 0, a
        constraint that leaves no PSF.
    """
    check_whole("iterations", iterations, 0)
    wide = np.asarray(observed).dtype == np.float64
    dtype = torch.float64 if wide else torch.float32
    data = nonnegative(observed, None, dtype, device)
    guess = np.asarray(psf)
    if guess.ndim == 1 and guess.dtype.kind in "iu" and guess.size and guess.min() > 0:
        guess = np.ones(tuple(guess))
    trust = None
    if weights is not None:
        trust = nonnegative(weights, tuple(data.shape), dtype, device, "weights", strict=True)
    iteration = BlindIteration(
        data, check_kernel(guess, data.shape), weights=trust, constraint=constraint
    )
    for _ in range(iterations):
        iteration.step()
    return Result(iteration.estimate().cpu().numpy(), iteration.psf(), iterations)


class BlindIteration:
    """The iteration, step by step; it can be taken apart and resumed to the bit.

    With the image I, its weights W, the object J and the PSF P of the last step, Y and B their
    extrapolations (B clipped at 0, of unit sum), * convolution and x correlation, one step is

        R = W I / (B * Y)
        J <- Y (P x R) / (P x W)
        P <- B (J x R) / (J x W), within the PSF's support, clipped at 0, of unit sum

    Both back-projections take what the step began with, not its extrapolation.

    Parameters
    ----------
    observed
        Tensor (Y, X) or (Z, Y, X), not negative, not all 0.
    psf
        First guess, float64 of unit sum; its shape is the support.
    weights
        Tensor of the observation's shape, not negative; None: 1 everywhere.
    constraint
        As `blind`.
    """

    finished = False

    def __init__(
        self,
        observed: Tensor,
        psf: np.ndarray,
        *,
        weights: Tensor | None = None,
        constraint: Constraint | None = None,
    ) -> None:
        self._observed = observed
        self._weights = weights
        self._constraint = constraint
        self._least = torch.finfo(observed.dtype).eps * observed.max().item()
        self._object = observed.clone()
        # few values: float64 costs nothing
        self._psf = torch.tensor(psf, dtype=torch.float64, device=observed.device)
        self._of_object, self._of_psf = Extrapolation(), Extrapolation()
        self._support = tuple(
            (torch.arange(n, device=observed.device) - at) % size
            for n, at, size in zip(psf.shape, centre(psf.shape), observed.shape, strict=True)
        )

    def step(self) -> float:
        """Do one step; return the mean squared residual (weighted) of the point it began with."""
        image, psf = self._object, self._psf
        point = self._of_object.predict(image)
        kernel = self._of_psf.predict(psf)
        if kernel is not psf:
            kernel /= kernel.sum()
        of_psf, of_image = self._spectrum(psf), torch.fft.rfftn(image)
        blurred = self._back(
            torch.fft.rfftn(point) * (of_psf if kernel is psf else self._spectrum(kernel))
        )
        departure = (self._observed - blurred).square_()
        if self._weights is not None:
            departure *= self._weights
        residual = departure.mean(dtype=torch.float64).item()
        del departure
        ratio = torch.div(self._observed, blurred.clamp_(min=self._least), out=blurred)
        if self._weights is not None:
            ratio *= self._weights
        ratio = torch.fft.rfftn(ratio)
        new = self._back(ratio * of_psf.conj()).clamp_(min=0).mul_(point)
        factor = self._on_support(self._back(ratio * of_image.conj()))
        del ratio
        if self._weights is None:
            factor /= image.sum(dtype=torch.float64)  # P x 1 = 1 and J x 1 = sum(J)
        else:
            trust = torch.fft.rfftn(self._weights)
            seen = self._back(trust * of_psf.conj())
            new.div_(seen.masked_fill_(seen <= 1e-6 * seen.max(), torch.inf))
            factor /= self._on_support(self._back(trust * of_image.conj())).clamp_(min=self._least)
        shape = self._normalised(kernel * factor.clamp_(min=0))
        self._of_object.update(image, point, new)
        self._of_psf.update(psf, kernel, shape)
        self._object, self._psf = new, shape
        return residual

    def _normalised(self, psf: Tensor) -> Tensor:
        """Unit sum, after the user's constraint."""
        if self._constraint is not None:
            mine = check_kernel(psf.cpu().numpy(), name="PSF of a step")
            other = check_kernel(self._constraint(mine), name="constraint: PSF")
            if other.shape != mine.shape:
                raise InputError(
                    f"constraint: PSF of shape {other.shape}; {mine.shape} as before is needed"
                )
            return torch.from_numpy(other).to(psf.device)
        return psf / psf.sum()

    def _spectrum(self, psf: Tensor) -> Tensor:
        full = torch.zeros_like(self._observed)
        full[torch.meshgrid(*self._support, indexing="ij")] = psf.to(full.dtype)
        return torch.fft.rfftn(full)

    def _back(self, spectrum: Tensor) -> Tensor:
        return torch.fft.irfftn(spectrum, s=self._observed.shape)

    def _on_support(self, values: Tensor) -> Tensor:
        return values[torch.meshgrid(*self._support, indexing="ij")].double()

    def estimate(self) -> Tensor:
        """Return the object as it stands now, not negative."""
        return self._object

    def psf(self) -> np.ndarray:
        """PSF as it stands now: float64, unit sum."""
        return self._psf.cpu().numpy().copy()

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that the next step depends on: tensors, and scalars as JSON."""
        tensors, scalars = {"object": self._object, "psf": self._psf}, {}
        for name, part in (("of_object", self._of_object), ("of_psf", self._of_psf)):
            kept, scalars[name] = part.state()
            tensors |= {f"{name}.{key}": value for key, value in kept.items()}
        return tensors, scalars

    def load(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        self._object = tensors["object"].to(self._observed.device)
        self._psf = tensors["psf"].to(self._observed.device)
        for name, part in (("of_object", self._of_object), ("of_psf", self._of_psf)):
            mine = {
                key.removeprefix(f"{name}."): value
                for key, value in tensors.items()
                if key.startswith(f"{name}.")
            }
            part.load(mine, scalars[name], self._object)
