"""What deconvolution reads from a problem: data, imaging model and noise level, checked."""

from __future__ import annotations

import logging
from typing import NamedTuple

import torch
from torch import Tensor

from focusbench.errors import InputError
from focusbench.optics.convolution import Convolution
from focusbench.optics.linear_operator import check_boundary
from focusbench.optics.noise_floor import estimate_power
from focusbench.problem import LinearForward, Noise, Problem
from focusbench.solvers.observation import nonnegative

_log = logging.getLogger(__name__)


class Blurred(NamedTuple):
    """A linear problem on its device; `noise` is None where nothing can be known of it."""

    observed: Tensor  # values below 0 clipped
    forward: LinearForward
    noise: Noise | None


def read(problem: Problem, method: str, device: str, boundary: str | None = None) -> Blurred:
    """Check a problem and move it to a device.

    Parameters
    ----------
    problem
        Its noise, where it is not given, is estimated from the frequencies that the PSF does not
        pass, if the forward model has a `kernel`.
    method
        For messages.
    device
        "cpu" or "cuda".
    boundary
        "linear" or "circular" instead of that of the forward model; None: its own.

    Raises
    ------
    InputError
        No linear imaging model, none with a kernel where `boundary` asks for one, or an observation
        without light or that is not finite.
    """
    forward = problem.forward
    if not (hasattr(forward, "apply") and hasattr(forward, "adjoint")):
        raise InputError(
            f"{method}: the problem has no linear imaging model; a blur with a known PSF is needed"
        )
    kernel = getattr(forward, "kernel", None)
    if boundary is not None and boundary != getattr(forward, "boundary", None):
        check_boundary(boundary)
        if kernel is None:
            raise InputError(
                f"{method}: boundary {boundary!r} needs an imaging model with a kernel"
            )
        bound = getattr(forward, "max_voxels", None)
        forward = Convolution(
            kernel, forward.shape, boundary, dtype=forward.dtype, max_voxels=bound
        )
    if hasattr(forward, "to"):
        forward = forward.to(device)
    dtype = getattr(forward, "dtype", torch.float32)
    observed = nonnegative(problem.observed, getattr(forward, "shape", None), dtype, device)
    return Blurred(observed, forward, noise_level(problem, method))


def noise_level(problem: Problem, method: str) -> Noise | None:
    """Noise as the problem states it, or as its unpassed frequencies show it; None: not known."""
    kernel = getattr(problem.forward, "kernel", None)
    if problem.noise is not None or kernel is None:
        return problem.noise
    try:
        return Noise(power=estimate_power(problem.observed, kernel))
    except InputError as error:  # coarse voxels: all frequencies pass
        _log.warning("%s: noise level not known: %s", method, error)
        return None
