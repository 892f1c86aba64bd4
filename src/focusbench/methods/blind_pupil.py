"""Blind deconvolution: the PSF from the image alone, through a pupil of six numbers."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from focusbench.errors import InputError
from focusbench.optics.convolution import Convolution
from focusbench.optics.linear_operator import BOUNDARIES
from focusbench.optics.noise_floor import estimate_power
from focusbench.optics.psf import fwhm
from focusbench.optics.pupil_psf import PupilNumbers, from_record, of_lens, pupil_psf, record
from focusbench.parameters import check_choice, check_parameters
from focusbench.problem import Noise, Problem, Restoration, Run, Weights
from focusbench.solvers.blind_pupil import PupilSearch, Schedule
from focusbench.solvers.brightest_window import brightest_window, inner
from focusbench.solvers.observation import nonnegative
from focusbench.solvers.richardson_lucy import RichardsonLucyIteration
from focusbench.training.loop import iterate, restored

LONGEST_KERNEL = 31  # where no PSF is told whose shape could be taken
SEARCH_TIME = 0.7  # of a time budget
FIRST_CURVATURE = 0.7  # between the paraxial model and objectives of the largest apertures

_log = logging.getLogger(__name__)


class Setting(NamedTuple):
    """What is taken from a problem beside the observation: nothing of the PSF but its shape."""

    shape: tuple[int, ...]  # of the kernel
    boundary: str
    max_voxels: int | None


@dataclass(frozen=True)
class BlindPupil:
    """Richardson-Lucy with total variation, with a PSF that is estimated from the image first.

    The PSF is that of a pupil with six numbers (`optics.pupil_psf`): lateral cut-off, axial range,
    departure from the paraxial defocus, two spherical aberrations, apodisation. They are those with
    which a restoration from 85 % of the voxels foretells the others best (`solvers.blind_pupil`).
    The search starts from the objective's label, which may be wrong: the default aperture is. Of
    the PSF that a problem tells, the shape alone is used, and how it was convolved at the borders.
    The restoration that follows is that of `richardson_lucy_tv`, and so is its rule for the weight;
    the noise level, where it is not told, is estimated from the frequencies that the PSF does not
    pass. A monitor sees the restoration; the search only shows its progress.

    `details` tells the pupil's numbers (`optics.pupil_psf.from_record` computes the PSF from it),
    widths of the PSF, and the misfit.

    The criterion, the search's schedule and its start were chosen on microtubules_validation1 of
    the quick preset (_train1 and _train2 were looked at too), blurred by the nominal PSF, by
    Richards and Wolf's and by `offmodel`, mostly at 20 dB: 88 runs, and some 30 scans of the
    criterion along one or two numbers. Short restorations (15 or 20 iterations from a constant)
    favour a PSF up to 20 % too narrow; from 40 on the criterion is least within 5 % of the truth.
    The direction in which the PSF grows alike along all axes is what the image shows least. The
    five test volumes were then restored once, with two cycles; mean PSNR in dB, 11 s of one core
    each, label of NA 1.2 in place of 1.4, noise told to all but without noise:

        blurred by                    this   richardson_lucy_tv, told the   PSF's error in L2:
                                             nominal PSF / the true one     this / nominal
        nominal, 20 dB                33.1   33.3 / 33.3                    0.08 / 0
        offmodel, 20 dB               32.3   26.3 / 33.2                    0.13 / 0.49
        Richards and Wolf, 20 dB      32.4   26.5 / 33.4                    0.20 / 0.47
        nominal, 5 dB                 27.4   27.3 / 27.3                    0.37 / 0
        nominal, no noise             34.9   36.0 / 36.0                    0.06 / 0

    At 5 dB the image no longer shows the PSF's width, and that costs nothing there. Where the noise
    is not told the validation volume loses 0.01 dB.

    Parameters
    ----------
    max_iterations
        Of the restoration, where the noise does not end it.
    numerical_aperture, refractive_index, wavelength
        As the objective's label and the filter say; the wavelength in um, in vacuum.
    widening
        How many times wider than the label's the PSF is that the search starts from, laterally and
        axially. It goes as far as a factor 2.4 in the cut-off and 3.3 in the axial range from
        there. From the wide side it is faster: a restored object blurs sooner than it sharpens.
    first_iterations, probe_iterations, move_iterations, cycles, moves
        How long the search is (`solvers.blind_pupil.Schedule`).
    held_out
        Share of the voxels that are left out in the search.
    search_voxels
        The search looks at a window with at most so many voxels, the one with most light.
    boundary
        "linear" or "circular"; None: as the problem states it.
    weight_factor, weight_exponent, least_gain
        As in `richardson_lucy_tv`.
    """

    max_iterations: int = 200
    numerical_aperture: float = 1.2
    refractive_index: float = 1.5
    wavelength: float = 0.5
    widening: float = 1.2
    first_iterations: int = 40
    probe_iterations: int = 20
    move_iterations: int = 20
    cycles: int = 3
    moves: int = 4
    held_out: float = 0.15
    search_voxels: int = 1_100_000
    boundary: str | None = None
    weight_factor: float = 0.005
    weight_exponent: float = 0.75
    least_gain: float = 1e-4

    def __post_init__(self) -> None:
        check_parameters(
            self,
            counts=(
                *("max_iterations", "first_iterations", "probe_iterations", "move_iterations"),
                *("moves", "search_voxels"),
            ),
            counts_or_0=("cycles",),
            positive=(
                *("numerical_aperture", "refractive_index", "wavelength", "widening"),
                "held_out",
            ),
            positive_or_0=("weight_factor", "weight_exponent", "least_gain"),
        )
        check_choice(self, "boundary", BOUNDARIES, null="the problem's")
        if not self.held_out < 1:
            raise ValueError(f"held_out is {self.held_out!r}; a number between 0 and 1 is accepted")
        try:
            self.start()
        except InputError as error:
            raise ValueError(str(error)) from None

    def start(self) -> PupilNumbers:
        """Pupil that the search starts from: the label's, its PSF wider along all axes."""
        label = of_lens(self.wavelength, self.numerical_aperture, self.refractive_index)
        return replace(
            label,
            cutoff=label.cutoff / self.widening,
            axial_range=label.axial_range / self.widening,
            curvature=FIRST_CURVATURE,
        )

    def weight(self, mean_square: float, noise: Noise | None) -> float:
        """Weight of the variation for an observation of this mean square; 0: noise not known."""
        if noise is None:
            return 0.0
        ratio = min(noise.standard_deviation / math.sqrt(mean_square), 1.0)
        return self.weight_factor * ratio**self.weight_exponent

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Estimate the PSF, then the object.

        A time budget that ends the search leaves the rest of it to the restoration.

        Raises
        ------
        InputError
            The observation is no volume with light, or is not finite.
        """
        setting = read_setting(problem, self.boundary)
        dtype = getattr(problem.forward, "dtype", torch.float32)
        observed = nonnegative(problem.observed, None, dtype, run.device)
        if observed.ndim != 3:
            raise InputError(
                f"blind_pupil: an image of shape {tuple(observed.shape)}; a volume (z, y, x) is "
                "needed, for the PSF is estimated in three dimensions"
            )
        search = self._search(problem, setting, observed)
        hurried = run
        if run.budget_seconds is not None:
            hurried = replace(run, budget_seconds=SEARCH_TIME * run.budget_seconds)
        searched = iterate(search, self.schedule.steps, hurried, phase="pupil", monitored=False)
        stepper = _Restoring(self, problem, setting, observed)
        if not searched.passed_over:
            stepper.take(search.pupil, search.misfit, search.iterations)
        outcome = iterate(stepper, self.max_iterations, run, after=searched)
        result = restored(stepper, outcome, stepper.searched["iterations"] + outcome.steps)
        repeatable = result.repeatable and not searched.out_of_time
        return replace(result, repeatable=repeatable, details=stepper.details())

    @property
    def schedule(self) -> Schedule:
        """How long the search is."""
        return Schedule(
            first=self.first_iterations,
            probe=self.probe_iterations,
            move=self.move_iterations,
            cycles=self.cycles,
            moves=self.moves,
        )

    def _search(self, problem: Problem, setting: Setting, observed: Tensor) -> PupilSearch:
        start = self.start()
        kernel = pupil_psf(setting.shape, problem.voxel_size, start)
        noise = noise_level(problem, kernel)
        margin = [n // 2 for n in setting.shape]
        light = observed.cpu().numpy()
        window = brightest_window(light, self.search_voxels, margin)
        part = observed[window]
        boundary = setting.boundary
        known = torch.zeros(part.shape, dtype=torch.bool)
        if part.shape == observed.shape:
            known[:] = True
        else:
            known[inner(window, observed.shape, margin, every=boundary == "circular")] = True
            boundary = "linear"
        return PupilSearch(
            part,
            known,
            setting.shape,
            problem.voxel_size,
            boundary,
            start,
            tv_weight=self.weight(observed.double().square().mean().item(), noise),
            share=self.held_out,
            schedule=self.schedule,
        )


class _Restoring:
    """Richardson-Lucy with the pupil that was found, which its state keeps."""

    def __init__(
        self, method: BlindPupil, problem: Problem, setting: Setting, observed: Tensor
    ) -> None:
        self._method, self._problem, self._setting = method, problem, setting
        self._observed = observed
        self.searched: dict[str, Any] = {}
        self._kernel = np.zeros(0)

    def take(self, pupil: PupilNumbers, misfit: float, iterations: int) -> None:
        """Begin with what the search found."""
        self.searched = {
            **record(pupil, self._setting.shape, self._problem.voxel_size),
            "held_out_mean_square": misfit if math.isfinite(misfit) else None,
            "iterations": iterations,
        }
        self._begin()

    def _begin(self) -> None:
        method = self._method
        self._kernel = from_record(self.searched)
        noise = noise_level(self._problem, self._kernel)
        forward = Convolution(
            self._kernel,
            self._observed.shape,
            self._setting.boundary,
            device=self._observed.device,
            dtype=self._observed.dtype,
            max_voxels=self._setting.max_voxels,
        )
        self._iteration = RichardsonLucyIteration(
            self._observed,
            forward,
            acceleration="biggs_andrews",
            tv_weight=method.weight(self._observed.double().square().mean().item(), noise),
            least_gain=0.0 if noise is None else method.least_gain * noise.mean_square,
        )

    @property
    def finished(self) -> bool:
        return self._iteration.finished

    def step(self) -> float:
        return self._iteration.step()

    def estimate(self) -> Tensor:
        return self._iteration.estimate()

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors, scalars = self._iteration.state()
        return tensors, {"searched": self.searched, "iteration": scalars}

    def load(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        self.searched = dict(scalars["searched"])
        self._begin()
        self._iteration.load(tensors, scalars["iteration"])

    def details(self) -> dict[str, Any]:
        """What was found of the PSF, as JSON."""
        z, y, x = ((n - 1) // 2 for n in self._kernel.shape)
        steps = self._problem.voxel_size
        return {
            "psf": self.searched,
            "psf_fwhm_lateral_um": _width(self._kernel[z, y], steps[2]),
            "psf_fwhm_axial_um": _width(self._kernel[:, y, x], steps[0]),
        }


def read_setting(problem: Problem, boundary: str | None) -> Setting:
    """Take the kernel's shape and the boundary; of a problem without a PSF, what is common."""
    forward = problem.forward
    kernel = getattr(forward, "kernel", None)
    shape = tuple(min(LONGEST_KERNEL, n) for n in problem.observed.shape)
    if kernel is not None:
        shape = tuple(kernel.shape)
    boundary = boundary or getattr(forward, "boundary", "linear")
    return Setting(shape, boundary, getattr(forward, "max_voxels", None))


def noise_level(problem: Problem, kernel: np.ndarray) -> Noise | None:
    """Noise as the problem states it, or as frequencies show it that a PSF does not pass."""
    if problem.noise is not None:
        return problem.noise
    try:
        return Noise(power=estimate_power(problem.observed, kernel))
    except InputError as error:
        _log.warning("blind_pupil: noise level not known: %s", error)
        return None


def _width(profile: np.ndarray, step: float) -> float | None:
    try:
        return fwhm(profile, step)
    except InputError:  # wider than the kernel
        return None
