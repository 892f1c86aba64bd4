"""A small focal stack, and what cuts a run off."""

import json

import numpy as np
import pytest
import torch

from focusbench.optics import rays
from focusbench.problem import Noise, Problem
from focusbench.training.progress import Trace
from focusbench.training.run import quick_run
from focusbench.training.state import FileState


@pytest.fixture(scope="session")
def small_truth():
    """Transmittance (5, 16, 16): a bar, a slanted sheet and a dense spot."""
    volume = np.ones((5, 16, 16), np.float32)
    volume[1, 3:13, 4:7] = 0.8
    volume[3, 5:8, 2:14] = 0.75
    volume[2, 10:12, 10:12] = 0.7
    return volume


@pytest.fixture(scope="session")
def ray_problem(small_truth):
    """Its 8-bit focal stack, with 37 rays a pixel."""
    geometry = rays.Geometry(n_slices=5, aperture_grid=7)
    observed = np.round(rays.render(small_truth, geometry) * 255).astype(np.float32) / 255
    return Problem(
        track="multifocus",
        observed=observed,
        axes="ZYX",
        voxel_size=(1.0, 0.92, 0.92),
        forward=rays.RayForward(geometry),
        noise=Noise(quantisation_step=1 / 255),
    )


class CutError(BaseException):
    """Ends a run as a kill would: whatever was not saved is lost."""


@pytest.fixture
def restore_with_cuts(tmp_path, monkeypatch):
    """Return a function that restores, cut off in each of some steps, and goes on each time.

    It gives the restoration, the trace's rows, and how many attempts it took.
    """
    monkeypatch.setenv("FOCUSBENCH_SAVE_SECONDS", "0")

    class Cutting(Trace):
        def __init__(self, at):
            super().__init__(None, lambda x: float(x.mean(dtype=np.float64)), 1, "cut", quiet=True)
            self.at = at

        def __call__(self, step, loss, estimate):
            super().__call__(step, loss, estimate)
            if step == self.at:
                raise CutError

    def restore(method, problem, cuts=()):
        name = json.dumps(list(cuts))
        for attempt, at in enumerate([*cuts, None], start=1):
            monitor = Cutting(at)
            run = quick_run(state=FileState(tmp_path / name, "same"), monitor=monitor)
            try:
                return method.restore(problem, run), monitor.rows, attempt
            except CutError:
                continue
        raise AssertionError("never finished")

    return restore


@pytest.fixture(scope="session")
def lines():
    """Bright lines in the dark, (24, 40, 40)."""
    rng = np.random.default_rng(7)
    volume = np.zeros((24, 40, 40), np.float32)
    for _ in range(7):
        ends = rng.random((2, 3)) * (23, 39, 39)
        for share in np.linspace(0, 1, 80):
            z, y, x = np.round(ends[0] * (1 - share) + ends[1] * share).astype(int)
            volume[z, y : y + 2, x : x + 2] = 1
    return volume


@pytest.fixture(scope="session")
def blurred_problem(lines):
    """They are seen through a wide-field PSF, at 15 dB."""
    # not at the top: this file serves tests of methods that need none of it
    from focusbench.optics import noise, psf
    from focusbench.optics.convolution import Convolution

    kernel = psf.born_wolf((15, 15, 15), (0.1, 0.1, 0.1), 0.5, 1.4, 1.5)
    forward = Convolution(kernel, lines.shape)
    clean = np.maximum(forward.apply(torch.from_numpy(lines)).numpy(), 0)
    known = noise.solve(clean, 15, 0.5)
    observed = noise.draw(clean, known, np.random.default_rng(4))
    return Problem("deconvolution", observed, "ZYX", (0.1, 0.1, 0.1), forward, known)
