"""Richardson-Lucy deconvolution: maximum likelihood under Poisson noise, by multiplications.

With an imaging model H, an observation d and an estimate x (Richardson 1972; Lucy 1974),

    x <- x / (H^T 1) * H^T( d / (H x) )

where H^T 1, the share of each voxel's light that reaches the observation, is below 1 near the
borders of a linear convolution. Options: vector extrapolation (`solvers.acceleration`), total
variation (Dey et al., Microscopy Research and Technique 69, 260 (2006)), and an end that the noise
level sets: where a step explains less of the observation than `least_gain` of its noise, what is
fitted from there on is the noise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from focusbench.errors import InputError
from focusbench.optics.convolution import Convolution
from focusbench.parameters import check_positive_or_0, check_whole
from focusbench.problem import LinearForward, Noise
from focusbench.solvers.acceleration import Extrapolation
from focusbench.solvers.observation import nonnegative
from focusbench.solvers.tv import smoothed_total_variation

ACCELERATIONS = ("biggs_andrews",)
LEAST_DIVISOR = 0.1  # the variation takes at most 90 % off the divisor: it stays above 0
TV_SMOOTHING = 1e-3  # of the brightest observed value
LEAST_GAIN = 8e-4  # chosen on validation volumes: see `methods.richardson_lucy`


@dataclass(frozen=True)
class Result:
    """What `richardson_lucy` gives back.

    `estimate` has the type that was computed in; `iterations` and `evaluations` (of H) are equal;
    `residual` is the mean squared residual of the last point that H was applied to: of the estimate
    itself where `stopped` says that the noise level ended the run. NaN without iterations.
    """

    estimate: np.ndarray
    iterations: int
    evaluations: int
    residual: float
    stopped: bool


def richardson_lucy(
    observed: np.ndarray,
    psf: np.ndarray | LinearForward,
    iterations: int = 50,
    *,
    boundary: str = "linear",
    start: np.ndarray | float | None = None,
    normalise: bool = True,
    acceleration: str | None = None,
    tv_weight: float = 0.0,
    noise: Noise | None = None,
    least_gain: float = LEAST_GAIN,
    device: str = "cpu",
) -> Result:
    """Deconvolve an image or a volume.

    Parameters
    ----------
    observed
        (Y, X) or (Z, Y, X), any unit, background subtracted. Values below 0 count as 0. float64 is
        computed in float64, all else in float32.
    psf
        Kernel (`optics.kernels.check_kernel`), or any linear imaging model with `apply` and
        `adjoint`, such as `optics.depth_variant.DepthVariant`; `boundary` is then its own.
    iterations
        At most so many.
    boundary
        "linear" or "circular", as in `optics.convolution.Convolution`.
    start
        Array of the observation's shape, or the value of a constant one, not negative; None: the
        observation's mean. A voxel that starts at 0 stays 0.
    normalise
        Divide by H^T 1; False leaves it out, as simple implementations do, at the price of dark
        borders.
    acceleration
        None, or "biggs_andrews".
    tv_weight
        lambda of the division by H^T 1 - lambda div(grad x / |grad x|), gradients in voxels;
        without unit. The divisor is kept above a tenth of H^T 1.
    noise
        Ends the run at the first point where the mean squared residual fell by less than
        `least_gain` * `noise.mean_square` a step, in the mean of the last two; None: `iterations`
        alone end it. Steps without acceleration are shorter and end earlier.
    least_gain
        See `noise`.
    device
        "cpu" or "cuda".

    Returns
    -------
    Result

    Raises
    ------
    InputError
        A PSF that is none, an observation or a start that is not finite, negative or of another
        shape, no light at all, or a number out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from focusbench.solvers.richardson_lucy import richardson_lucy
    >>> image = np.zeros((16, 16))
    >>> image[8, 8] = 9.0
    >>> kernel = np.ones((3, 3))
    >>> blurred = np.zeros((16, 16))
    >>> blurred[7:10, 7:10] = 1.0
    >>> sharp = richardson_lucy(blurred, kernel, 100, acceleration="biggs_andrews").estimate
    >>> bool(abs(sharp[8, 8] - 9) < 0.1)
    True
    """
    check_whole("iterations", iterations, 0)
    if noise is not None:
        check_positive_or_0("least_gain", least_gain)
    wide = np.asarray(observed).dtype == np.float64
    dtype = torch.float64 if wide else torch.float32
    if hasattr(psf, "apply") and hasattr(psf, "adjoint"):
        forward = psf
        dtype = getattr(psf, "dtype", dtype)
        data = nonnegative(observed, getattr(psf, "shape", None), dtype, device)
    else:
        data = nonnegative(observed, None, dtype, device)
        forward = Convolution(psf, data.shape, boundary, device=device, dtype=dtype)
    if start is not None:
        start = nonnegative(
            np.broadcast_to(start, data.shape) if np.ndim(start) == 0 else start,
            tuple(data.shape),
            dtype,
            device,
            name="start",
            strict=True,
        )
    iteration = RichardsonLucyIteration(
        data,
        forward,
        start=start,
        normalise=normalise,
        acceleration=acceleration,
        tv_weight=tv_weight,
        least_gain=0.0 if noise is None else least_gain * noise.mean_square,
    )
    done, residual = 0, math.nan
    while done < iterations and not iteration.finished:
        residual = iteration.step()
        done += 1
    estimate = iteration.estimate().cpu().numpy()
    return Result(estimate, done, done, residual, iteration.finished)


class RichardsonLucyIteration:
    """The iteration, step by step; it can be taken apart and resumed to the bit.

    Beside the observation it keeps the estimate and, where they are needed, H^T 1 (linear) and the
    two arrays of the extrapolation; a step takes what H takes and two arrays more, with total
    variation six.

    Parameters
    ----------
    observed
        Tensor, not negative, not all 0.
    forward
        Linear imaging model for tensors of its kind.
    start
        Tensor, not negative; None: the observation's mean.
    normalise, acceleration, tv_weight
        As `richardson_lucy`.
    least_gain
        Ends the run when the mean squared residual fell by less in a step, in the mean of the last
        two; 0: it never ends.
    """

    def __init__(
        self,
        observed: Tensor,
        forward: LinearForward,
        *,
        start: Tensor | None = None,
        normalise: bool = True,
        acceleration: str | None = None,
        tv_weight: float = 0.0,
        least_gain: float = 0.0,
    ) -> None:
        if acceleration is not None and acceleration not in ACCELERATIONS:
            raise InputError(
                f"acceleration: {acceleration!r}; accepted: None (no acceleration), biggs_andrews"
            )
        check_positive_or_0("tv_weight", tv_weight)
        check_positive_or_0("least_gain", least_gain)
        self.finished = False
        self._observed = observed
        self._forward = forward
        brightest = observed.max().item()
        # what rounding leaves of nothing: a division by less would blow it up
        self._least = torch.finfo(observed.dtype).eps * brightest
        mean = observed.mean(dtype=torch.float64).item()
        self._x = torch.full_like(observed, mean) if start is None else start.clone()
        self._seen = forward.adjoint(torch.ones_like(observed)) if normalise else None
        if self._seen is not None and (self._seen - 1).abs().max() < 1e-5:
            self._seen = None  # the same everywhere: a circular convolution
        if self._seen is not None:
            unseen = self._seen <= 1e-6 * self._seen.max()
            self._seen.masked_fill_(unseen, math.inf)  # of these voxels nothing is known: 0
        self._extrapolation = Extrapolation() if acceleration else None
        self._tv_weight = tv_weight
        self._tv_smoothing = TV_SMOOTHING * brightest
        self._least_gain = least_gain
        self._residuals: list[float] = []  # of the last two steps

    def step(self) -> float:
        """Do one step; return the mean squared residual of the point that it began with.

        That point is the estimate of the step before, or its extrapolation. If the noise level ends
        the run there, it becomes the estimate and the iteration is finished.
        """
        x = self._x
        point = x if self._extrapolation is None else self._extrapolation.predict(x)
        model = self._forward.apply(point)
        residual = (self._observed - model).square_().mean(dtype=torch.float64).item()
        if len(self._residuals) == 2 and self._least_gain > 0:
            self.finished = (self._residuals[0] - residual) / 2 < self._least_gain
        self._residuals = [*self._residuals[-1:], residual]
        if self.finished:
            self._x = point
            return residual
        torch.div(self._observed, model.clamp_(min=self._least), out=model)
        new = self._forward.adjoint(model).clamp_(min=0)
        del model
        new.mul_(point)
        if self._tv_weight:
            new.div_(self._divisor(point))
        elif self._seen is not None:
            new.div_(self._seen)
        if self._extrapolation is not None:
            self._extrapolation.update(x, point, new)
        self._x = new
        return residual

    def _divisor(self, point: Tensor) -> Tensor:
        """H^T 1 - lambda div(grad x / |grad x|), guarded."""
        volume = point if point.ndim == 3 else point[None]
        _, gradient = smoothed_total_variation(volume, self._tv_smoothing)
        divisor = gradient.view(point.shape).mul_(self._tv_weight)
        if self._seen is None:
            return divisor.add_(1).clamp_(min=LEAST_DIVISOR)
        return torch.maximum(divisor.add_(self._seen), self._seen * LEAST_DIVISOR)

    def estimate(self) -> Tensor:
        """Return the object as it stands now, not negative."""
        return self._x

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that the next step depends on: tensors, and scalars as JSON."""
        scalars: dict[str, Any] = {"finished": self.finished, "residuals": self._residuals}
        if self._extrapolation is None or self.finished:
            return {"x": self._x}, scalars
        tensors, scalars["extrapolation"] = self._extrapolation.state()
        return {"x": self._x, **tensors}, scalars

    def load(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        self._x = tensors["x"].to(self._observed.device)
        self.finished, self._residuals = scalars["finished"], list(scalars["residuals"])
        if self._extrapolation is not None and "extrapolation" in scalars:
            self._extrapolation.load(tensors, scalars["extrapolation"], self._x)
