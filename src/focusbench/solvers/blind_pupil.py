"""Estimate of a PSF from one image: the pupil whose deconvolution foretells voxels left out.

A share of the voxels, drawn at random, is left out. With a PSF assumed, Richardson-Lucy with total
variation restores the object from the others; blurred again, it predicts those left out. Noise of
different voxels is independent, so that fitting it does not help: the misfit there measures how
well PSF and object together explain the light. An object as blurred as the image and a PSF of one
point, which explain every voxel that was fitted, foretell nothing. This is cross-validation by
voxels; the joint likelihood, in contrast, favours a PSF without blur (Levin et al., IEEE TPAMI 33,
2354 (2011)).

The misfit is minimised over the six numbers of `optics.pupil_psf` by the method of Levenberg and
Marquardt. Residuals are weighted by a variance that is linear in the light (a Gaussian part and
shot noise), fitted to the residuals themselves with coefficients not below 0: noise is modelled
apart from the PSF. A weak normal prior around the start keeps numbers that the image does not show
where they were. The residual's derivative counts how the object follows the PSF: it is the
difference of restorations from a constant, few iterations each; the residual itself belongs to a
restoration that goes on from pupil to pupil, far enough to be free of the bias to narrow PSFs that
iterations cut short bring. Broyden's rule corrects the derivative after every move.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor

from focusbench.optics.convolution import Convolution
from focusbench.optics.pupil_psf import PupilNumbers, pupil_psf
from focusbench.solvers.tv import smoothed_total_variation

LEAST_DIVISOR = 0.1  # as in `solvers.richardson_lucy`
TV_SMOOTHING = 1e-3  # of the brightest observed value
SEED = 0  # of the voxels left out: the same ones in every run

# Numbers of the pupil in the order of `PupilNumbers`; cut-off and axial range by their logarithms.
PRIOR = np.array([0.5, 0.7, 0.3, 1.0, 0.5, 0.5])  # standard deviations around the start
PROBES = np.array([0.03, 0.05, 0.1, 0.15, 0.15, 0.15])  # differences that give the derivative
LONGEST = np.array([0.25, 0.35, 0.4, 0.7, 0.5, 0.7])  # of one move
AROUND = np.array([0.9, 1.2])  # of the two logarithms, to both sides of the start
RANGE = np.array([[0.0, 0.95], [-3.0, 3.0], [-2.0, 2.0], [-1.5, 3.0]])  # of the other four

LEAST_DAMPING, FIRST_DAMPING = 1e-4, 1e-3
LEAST_VARIANCE = 1e-3  # of the mean squared residual
ENOUGH = 10.0  # a cycle that lowers the weighted sum of squares by less is the last


@dataclass(frozen=True)
class Schedule:
    """How long to search.

    Parameters
    ----------
    first
        Richardson-Lucy iterations at the start.
    probe
        Iterations of each of the seven restorations that give the derivative.
    move
        Iterations after each move, going on from the last object.
    cycles
        Derivatives computed, at most.
    moves
        Moves tried with each.
    """

    first: int = 40
    probe: int = 20
    move: int = 20
    cycles: int = 3
    moves: int = 4

    @property
    def steps(self) -> int:
        """Restorations in all, at most."""
        return 1 + self.cycles * (1 + len(PRIOR) + self.moves)


def coordinates(pupil: PupilNumbers) -> np.ndarray:
    """Numbers of a pupil as the search moves them, float64 (6,)."""
    values = np.array(list(vars(pupil).values()), dtype=np.float64)
    values[:2] = np.log(values[:2])
    return values


def numbers(point: Sequence[float]) -> PupilNumbers:
    """Inverse of `coordinates`."""
    return PupilNumbers(*map(math.exp, point[:2]), *map(float, point[2:]))


def held_out(shape: Sequence[int], share: float) -> Tensor:
    """Voxels left out, as a mask (bool, on the CPU); equal shapes and shares give equal masks."""
    return torch.rand(tuple(shape), generator=torch.Generator().manual_seed(SEED)) < share


class PupilSearch:
    """The search, one restoration a step; it can be taken apart and resumed.

    Beside observation and masks it keeps two volumes, and seven values for each voxel left out.

    Parameters
    ----------
    observed
        Tensor (Z, Y, X), not negative, not all 0.
    known
        Mask of its shape, bool: voxels that the search may look at. The others are part of the
        object and may hold light.
    kernel_shape, voxel_size
        (z, y, x) of the PSF; um.
    boundary
        "linear" or "circular".
    start
        Pupil to start from.
    tv_weight
        As `solvers.richardson_lucy`.
    share
        Of the voxels left out.
    schedule
        How long.

    Attributes
    ----------
    finished : bool
    iterations : int
        Richardson-Lucy iterations so far.
    """

    def __init__(
        self,
        observed: Tensor,
        known: Tensor,
        kernel_shape: Sequence[int],
        voxel_size: Sequence[float],
        boundary: str,
        start: PupilNumbers,
        *,
        tv_weight: float,
        share: float,
        schedule: Schedule,
    ) -> None:
        device = observed.device
        self.finished = False
        self.iterations = 0
        self._grid = tuple(kernel_shape), tuple(voxel_size)
        self._boundary = boundary
        self._schedule = schedule
        self._tv_weight = tv_weight
        known = known.to(device)
        left = held_out(observed.shape, share).to(device) & known
        self._left = left.nonzero(as_tuple=True)
        self._fitted = (known & ~left).to(observed.dtype)
        self._data = observed * self._fitted
        self._target = observed[self._left].double().cpu().numpy()
        light = self._data.sum(dtype=torch.float64).item() / self._fitted.sum().item()
        self._constant = light
        self._brightest = self._data.max().item()

        self._prior = self._point = coordinates(start)
        around = self._prior[:2, None] + AROUND[:, None] * np.array([-1.0, 1.0])
        self._bounds = np.vstack([around, RANGE]).T
        self._point = np.clip(self._point, *self._bounds)
        self._damping = FIRST_DAMPING
        self._turn = 0  # within the cycle: 0 and up to 6 probes, then moves
        self._cycle = -1  # the first restoration comes before the first
        self._gain = 0.0
        self._object: Tensor | None = None
        self._residual = self._model = self._base = np.zeros(0)
        self._slopes = np.zeros((len(self._target), len(PRIOR)))

    @property
    def pupil(self) -> PupilNumbers:
        """The best pupil so far."""
        return numbers(self._point)

    @property
    def misfit(self) -> float:
        """Mean squared residual of the voxels left out, with the best pupil so far."""
        return float(np.square(self._residual).mean()) if len(self._residual) else math.nan

    def kernel(self, pupil: PupilNumbers | None = None) -> np.ndarray:
        """PSF of a pupil; None: of the best so far."""
        return pupil_psf(*self._grid, self.pupil if pupil is None else pupil)

    def step(self) -> float:
        """Do one restoration; return the mean squared residual of its voxels left out."""
        plan, probes = self._schedule, len(PRIOR)
        if self._cycle < 0:
            found = self._restored(self._point, plan.first)
            self._object, self._residual, self._model = found
            self._cycle = 0
            return self._ended(found[1])
        if self._turn <= probes:
            residual = self._probe(self._turn - 1)
            self._turn += 1
            return self._ended(residual)
        residual = self._move()
        self._turn += 1
        if self._turn == 1 + probes + plan.moves:
            self._turn, self._cycle = 0, self._cycle + 1
            self.finished = self._gain < ENOUGH
            self._gain = 0.0
        return self._ended(residual)

    def _ended(self, residual: np.ndarray) -> float:
        self.finished = self.finished or self._cycle >= self._schedule.cycles
        return float(np.square(residual).mean())

    def _probe(self, which: int) -> np.ndarray:
        """Restore from a constant, with one number changed; -1: with none."""
        point = self._point.copy()
        if which >= 0:
            step = PROBES[which]
            if point[which] + step > self._bounds[1, which]:
                step = -step
            point[which] += step
        _, residual, _ = self._restored(point, self._schedule.probe)
        if which < 0:
            self._base = residual
        else:
            self._slopes[:, which] = (residual - self._base) / step
        return residual

    def _move(self) -> np.ndarray:
        """Go where the linear model is least; keep it if the sum of squares falls."""
        weight = 1 / self._variance()
        slopes, precision = self._slopes, PRIOR**-2
        departure = self._point - self._prior
        hessian = slopes.T @ (slopes * weight[:, None]) + np.diag(precision)
        gradient = slopes.T @ (self._residual * weight) + precision * departure
        damped = hessian + self._damping * np.diag(np.diag(hessian))
        change = box_step(damped, gradient, self._bounds - self._point)
        change /= max(1.0, np.abs(change / LONGEST).max())
        point = self._point + change
        found = self._restored(point, self._schedule.move, self._object)
        before = weight @ self._residual**2 + precision @ departure**2
        after = weight @ found[1] ** 2 + precision @ (point - self._prior) ** 2
        scaled = change / PROBES
        size = float(scaled @ scaled)
        if size > 0:
            surprise = found[1] - self._residual - slopes @ change
            self._slopes = slopes + np.outer(surprise, scaled / PROBES / size)
        if after < before:
            self._gain += float(before - after)
            self._damping = max(self._damping / 10, LEAST_DAMPING)
            self._point = point
            self._object, self._residual, self._model = found
        else:
            self._damping = max(self._damping * 10, 1e-2)
        return found[1]

    def _variance(self) -> np.ndarray:
        """Expected square of each residual: a constant and a part that grows with the light."""
        squares = self._residual**2
        light = np.stack([np.ones_like(self._model), self._model], axis=1)
        weight = 1 / (self._model + self._model.mean())
        shares, _ = nnls(light * weight[:, None], squares * weight)
        return light @ shares + LEAST_VARIANCE * squares.mean()

    def _restored(
        self, point: np.ndarray, iterations: int, start: Tensor | None = None
    ) -> tuple[Tensor, np.ndarray, np.ndarray]:
        """Restore from the voxels fitted; object, and of the voxels left out residual and model.

        The iteration is that of `solvers.richardson_lucy` on some of the voxels, but with
        Nesterov's momentum (k - 1) / (k + 2), which is the same for all PSFs: the result is then a
        smooth function of the pupil.
        """
        kernel = self.kernel(numbers(point))
        blur = Convolution(
            kernel,
            self._data.shape,
            self._boundary,
            device=self._data.device,
            dtype=self._data.dtype,
        )
        seen = blur.adjoint(self._fitted)
        unseen = seen <= 1e-6 * seen.max()
        floor = LEAST_DIVISOR * seen
        seen.masked_fill_(unseen, math.inf)
        least = torch.finfo(self._data.dtype).eps * self._brightest
        x = torch.full_like(self._data, self._constant) if start is None else start
        previous = x
        for k in range(iterations):
            momentum = (k - 1) / (k + 2)
            ahead = x if k < 2 else (x + momentum * (x - previous)).clamp_(min=0)
            ratio = self._data / blur.apply(ahead).clamp_(min=least)
            new = blur.adjoint(ratio).clamp_(min=0).mul_(ahead)
            divisor = seen
            if self._tv_weight:
                _, gradient = smoothed_total_variation(ahead, TV_SMOOTHING * self._brightest)
                divisor = torch.maximum(gradient.mul_(self._tv_weight).add_(seen), floor)
            previous, x = x, new.div_(divisor)
        self.iterations += iterations
        model = blur.apply(x)[self._left].double().cpu().numpy()
        return x, model - self._target, model

    def estimate(self) -> Tensor:
        """Return the object restored with the best pupil so far, from the voxels fitted."""
        return torch.full_like(self._data, self._constant) if self._object is None else self._object

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that the next step depends on: tensors, and scalars as JSON."""
        arrays = {
            "residual": self._residual,
            "model": self._model,
            "base": self._base,
            "slopes": self._slopes,
            "point": self._point,
        }
        tensors = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
        if self._object is not None:
            tensors["object"] = self._object
        return tensors, {
            "damping": self._damping,
            "turn": self._turn,
            "cycle": self._cycle,
            "gain": self._gain,
            "iterations": self.iterations,
            "finished": self.finished,
        }

    def load(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        for name in ("residual", "model", "base", "slopes", "point"):
            setattr(self, f"_{name}", tensors[name].cpu().numpy().copy())
        if "object" in tensors:
            self._object = tensors["object"].to(self._data.device)
        self._damping, self._gain = scalars["damping"], scalars["gain"]
        self._turn, self._cycle = scalars["turn"], scalars["cycle"]
        self.iterations, self.finished = scalars["iterations"], scalars["finished"]


def box_step(hessian: np.ndarray, gradient: np.ndarray, room: np.ndarray) -> np.ndarray:
    """Minimise gradient d + d hessian d / 2 near enough, within room[0] <= d <= room[1].

    Entries that would leave are put on their bound, and the others solved for again.
    """
    change = np.zeros_like(gradient)
    free = np.ones(len(gradient), bool)
    while free.any():
        pull = gradient[free] + hessian[np.ix_(free, ~free)] @ change[~free]
        change[free] = -np.linalg.solve(hessian[np.ix_(free, free)], pull)
        outside = free & ((change < room[0]) | (change > room[1]))
        if not outside.any():
            break
        change = np.clip(change, *room)
        free &= ~outside
    return change
