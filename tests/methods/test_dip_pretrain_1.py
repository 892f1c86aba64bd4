import dataclasses

import numpy as np
import pytest
import torch

from focusbench.data.ellipsoids import EllipsoidPairs
from focusbench.errors import InputError
from focusbench.methods.dip import Dip
from focusbench.methods.dip_pretrain_1 import DipPretrain1, ellipsoid_volume
from focusbench.problem import Problem
from focusbench.training import deep_prior, loop, skip_prior
from focusbench.training.progress import Trace
from focusbench.training.run import quick_run

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = DipPretrain1(
    pretrain_steps=6, steps=10, width=4, scales=2, learning_rate=1e-2, window=3, patience=4
)


def test_constants_of_the_paper(ray_problem, monkeypatch):
    """Azevedo et al. 2024, sections 3 and 4.1: on what is built."""
    seen = []

    def look(stepper, steps, run, *, phase="main", monitored=True, after=None):
        seen.append((getattr(stepper, "stepper", stepper), steps, phase, monitored))
        return loop.Outcome(0, False)

    monkeypatch.setattr(skip_prior, "iterate", look)
    monkeypatch.setattr(deep_prior, "iterate", look)
    DipPretrain1().restore(ray_problem, quick_run(5))
    (fit, fit_steps, phase, monitored), (main, steps, _, main_monitored) = seen
    assert (fit_steps, phase, monitored) == (750, "ellipsoids", False)  # "750 optimization steps"
    assert (steps, main_monitored) == (30_000, True)
    # "a ground-truth 3D volume of ellipsoids from a 3D volume of random noise using L2 loss"
    volume = torch.from_numpy(ellipsoid_volume((5, 16, 16), 5))
    assert torch.equal(fit.target[0, 0], volume)
    output = fit.network(fit.noise)[0, 0]
    assert fit.loss().item() == pytest.approx((output - volume).square().mean().item())
    # "initializing the 3D UNet input and its parameters from the above pretraining step"
    assert fit.network is main.network
    assert fit.noise is main.noise
    assert 0.08 < fit.noise.max() < 0.1
    for stepper in (fit, main):
        (group,) = stepper.optimizer.param_groups
        assert (group["lr"], group["betas"], group["eps"]) == (1e-3, (0.9, 0.999), 1e-8)
        assert sum(p.numel() for p in group["params"]) == 3_639_617


def test_shares_the_defaults_of_dip():
    one, two = (
        {field.name: field.default for field in dataclasses.fields(method)}
        for method in (Dip, DipPretrain1)
    )
    assert two.keys() - one.keys() == {"pretrain_steps", "pretrain_learning_rate"}
    assert {name: one[name] for name in one.keys() & two.keys()}.items() <= two.items()


def test_the_ellipsoids():
    volume = ellipsoid_volume((11, 32, 32), 0)
    assert (volume.dtype, volume.shape) == (np.float32, (11, 32, 32))
    assert volume.max() == 1
    assert 0 < volume.min() < 0.95
    assert np.array_equal(volume, ellipsoid_volume((11, 32, 32), 0))
    assert not np.array_equal(volume, ellipsoid_volume((11, 32, 32), 1))
    # another one than those of Pretr II with the same seed
    assert not np.array_equal(volume, EllipsoidPairs(32, 11, 1, seed=0)[0][1])
    # of a longer stack, the middle: forms and sizes stay
    assert np.array_equal(ellipsoid_volume((11, 20, 32), 0), volume[:, 6:26])
    assert np.array_equal(ellipsoid_volume((11, 32, 21), 0), volume[:, :, 5:26])


def test_the_fit_comes_near_its_ellipsoids(ray_problem):
    method = dataclasses.replace(SMALL, steps=0, pretrain_learning_rate=1e-2)
    target = ellipsoid_volume((5, 16, 16), 0)
    errors = [
        np.abs(
            dataclasses.replace(method, pretrain_steps=steps)
            .restore(ray_problem, quick_run())
            .estimate
            - target
        ).mean()
        for steps in (0, 80)
    ]
    assert errors[1] < 0.05 < errors[0] / 4


def test_restores(ray_problem, small_truth):
    trace = Trace(None, lambda x: -float(np.mean((x - small_truth) ** 2)), 1, "", quiet=True)
    method = dataclasses.replace(SMALL, pretrain_steps=30, steps=80, pretrain_learning_rate=1e-2)
    result = method.restore(ray_problem, quick_run(monitor=trace))
    assert result.estimate.dtype == np.float32
    assert (result.iterations, result.evaluations, result.repeatable) == (80, 80, True)
    assert len(trace.rows) == 80  # the fit before enters no trace
    assert trace.rows[-1].loss < trace.rows[0].loss / 2
    assert trace.rows[-1].psnr > trace.rows[0].psnr
    assert trace.rows[-1].psnr == -float(np.mean((result.estimate - small_truth) ** 2))
    seen = result.details["early_stopping"]
    assert result.others["es_wmv"].shape == result.estimate.shape
    kept = -float(np.mean((result.others["es_wmv"] - small_truth) ** 2))
    assert kept == trace.rows[seen["step"] - 1].psnr


def test_killed_and_taken_up(ray_problem, restore_with_cuts):
    whole, rows, _ = restore_with_cuts(SMALL, ray_problem)
    cut, again, attempts = restore_with_cuts(SMALL, ray_problem, (1, 4, 8))
    assert attempts == 4
    assert cut.estimate.tobytes() == whole.estimate.tobytes()
    assert cut.others["es_wmv"].tobytes() == whole.others["es_wmv"].tobytes()
    assert (cut.details, again) == (whole.details, rows)


def test_same_seed_same_bytes(ray_problem):
    one, two, other = (SMALL.restore(ray_problem, quick_run(s)).estimate for s in (0, 0, 1))
    assert one.tobytes() == two.tobytes() != other.tobytes()


def test_bad_input():
    blind = Problem("multifocus", np.ones((3, 4, 4), np.float32), "ZYX", (1.0, 1.0, 1.0))
    with pytest.raises(InputError, match="^dip_pretrain_1: the problem has no imaging model"):
        SMALL.restore(blind, quick_run())
    for name, value in (("pretrain_steps", -1), ("pretrain_learning_rate", 0), ("window", 1)):
        with pytest.raises(ValueError, match=f"^{name}"):
            DipPretrain1(**{name: value})
