import dataclasses

import numpy as np
import pytest
import torch

from focusbench.errors import InputError
from focusbench.methods.dip import Dip
from focusbench.networks.skip_3d import Skip3d
from focusbench.problem import Problem
from focusbench.training import deep_prior, loop
from focusbench.training.progress import Trace
from focusbench.training.run import quick_run

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = Dip(steps=5, constant_steps=3, width=4, scales=2, window=3, patience=2)


class Average:
    """A toy of an imaging model: each slice is the mean of itself and of all slices."""

    def apply(self, x):
        return (x + x.mean(dim=-3, keepdim=True)) / 2


def problem(shape=(5, 8, 9), forward=Average()):  # noqa: B008
    truth = np.ones(shape, np.float32)
    truth[1:4, 2:6, 3:6] = 0.75
    observed = truth if forward is None else forward.apply(torch.from_numpy(truth)).numpy()
    return Problem("multifocus", observed, "ZYX", (1.0, 0.92, 0.92), forward), truth


@pytest.fixture
def phases(monkeypatch):
    """What the loop was given, phase by phase; nothing is computed."""
    seen = []

    def look(stepper, steps, run, *, phase="main", monitored=True, after=None):
        seen.append((phase, getattr(stepper, "stepper", stepper), steps, monitored))
        return loop.Outcome(0, False)

    monkeypatch.setattr("focusbench.training.skip_prior.iterate", look)
    monkeypatch.setattr(deep_prior, "iterate", look)
    return seen


def test_constants_of_the_paper(phases):
    """Azevedo et al. 2024, section 4, and their public code; on what is built."""
    given, _ = problem((3, 4, 4))
    Dip().restore(given, quick_run())
    (name, fit, steps, monitored), (last_name, main, last_steps, last_monitored) = phases
    assert (name, steps, monitored) == ("constant", 500, False)  # "for 500 steps"
    assert (last_name, last_steps, last_monitored) == ("reconstruction", 30_000, True)
    assert (fit.target == 0.75).all()  # "a constant voxel grid of value c = 0.75"
    for stepper in (fit, main):
        assert type(stepper.optimizer) is torch.optim.Adam  # "with standard parameters"
        (group,) = stepper.optimizer.param_groups
        assert (group["lr"], group["betas"], group["eps"]) == (1e-3, (0.9, 0.999), 1e-8)
        assert (group["weight_decay"], group["amsgrad"]) == (0, False)
        assert sum(p.numel() for p in group["params"]) == 3_639_617
        assert stepper.noise.shape == (1, 1, 3, 4, 4)
        assert stepper.noise.min() >= 0
        assert 0.08 < stepper.noise.max() < 0.1
    assert fit.network is main.network
    assert fit.noise is main.noise


def test_losses():
    given, _ = problem()
    network = Skip3d(4, 2)
    noise = torch.rand(1, 1, 5, 8, 9)
    observed = torch.from_numpy(given.observed)
    fit = deep_prior.VolumeFit(network, noise, 0.75, 1e-3, "cpu")
    main = deep_prior.Reconstruction(network, noise, given.forward, observed, 1e-3, "cpu")
    volume = network(noise)[0, 0]
    assert fit.loss().item() == pytest.approx((volume - 0.75).square().mean().item())
    difference = given.forward.apply(volume) - observed
    assert main.loss().item() == pytest.approx(difference.abs().mean().item())
    assert torch.equal(main.estimate(), volume)


def test_restores():
    given, truth = problem()
    trace = Trace(None, lambda x: float(np.mean((x - truth) ** 2)), 20, "", quiet=True)
    method = dataclasses.replace(SMALL, steps=150, constant_steps=50, learning_rate=1e-2)
    result = method.restore(given, quick_run(monitor=trace))
    assert result.estimate.shape == truth.shape
    assert result.estimate.dtype == np.float32
    assert (result.iterations, result.evaluations, result.repeatable) == (150, 150, True)
    assert trace.rows[-1].loss < trace.rows[0].loss / 4
    # the estimate is what the last row scored
    assert trace.rows[-1].psnr == float(np.mean((result.estimate - truth) ** 2))
    assert trace.rows[-1].psnr < 0.002


def test_early_stopping_looks_on_and_changes_nothing():
    given, _ = problem()
    method = dataclasses.replace(SMALL, steps=12)
    alone = dataclasses.replace(method, window=0).restore(given, quick_run())
    watched = method.restore(given, quick_run())
    assert watched.estimate.tobytes() == alone.estimate.tobytes()
    assert watched.iterations == 12
    assert (alone.others, alone.details) == ({}, {})
    seen = watched.details["early_stopping"]
    assert seen["steps"] == list(range(3, 13))
    assert seen["ends"] is False
    # what would have been kept is the iterate of that step
    shorter = dataclasses.replace(method, steps=seen["step"]).restore(given, quick_run())
    assert watched.others.keys() == {"es_wmv"}
    assert watched.others["es_wmv"].tobytes() == shorter.estimate.tobytes()


def test_constant_fit_comes_near_its_constant():
    given, _ = problem()
    method = dataclasses.replace(SMALL, steps=0, constant_steps=60, constant_learning_rate=1e-2)
    before = dataclasses.replace(method, constant_steps=0).restore(given, quick_run())
    after = method.restore(given, quick_run())
    assert after.iterations == before.iterations == 0
    assert np.abs(after.estimate - 0.75).mean() < 0.05 < np.abs(before.estimate - 0.75).mean()


def test_same_seed_same_bytes():
    given, _ = problem()
    state = torch.get_rng_state()
    one, two, other = (SMALL.restore(given, quick_run(seed)).estimate for seed in (0, 0, 1))
    assert one.tobytes() == two.tobytes()
    assert one.tobytes() != other.tobytes()
    assert torch.equal(torch.get_rng_state(), state)


def test_out_of_time_is_not_repeatable():
    given, _ = problem()
    result = SMALL.restore(given, quick_run(budget_seconds=1e-9))
    assert (result.iterations, result.repeatable) == (0, False)
    assert np.isfinite(result.estimate).all()


def test_bfloat16():
    given, _ = problem()
    method = dataclasses.replace(SMALL, precision="bfloat16")
    assert method.restore(given, quick_run()).estimate.dtype == np.float32


def test_with_the_ray_model():
    from focusbench.optics.rays import Geometry, RayForward

    given, truth = problem((5, 12, 12), RayForward(Geometry(n_slices=5, aperture_grid=7)))
    trace = Trace(None, lambda x: float(np.mean((x - truth) ** 2)), 20, "", quiet=True)
    method = dataclasses.replace(SMALL, steps=60, constant_steps=30, learning_rate=1e-2)
    method.restore(given, quick_run(monitor=trace))
    assert trace.rows[-1].loss < trace.rows[0].loss / 3
    assert trace.rows[-1].psnr < trace.rows[0].psnr


def test_bad_problems():
    given, _ = problem(forward=None)
    with pytest.raises(InputError, match="dip: the problem has no imaging model"):
        SMALL.restore(given, quick_run())
    given, _ = problem()
    with pytest.raises(InputError, match="axes YX"):
        SMALL.restore(dataclasses.replace(given, axes="YX"), quick_run())


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("steps", -1, "a whole number from 0 up"),
        ("steps", 3e4, "a whole number from 0 up"),
        ("width", 0, "a whole number from 1 up"),
        ("scales", True, "a whole number from 1 up"),
        ("learning_rate", 0, "a number above 0"),
        ("learning_rate", float("nan"), "a number above 0"),
        ("constant_learning_rate", "1e-3", "a number above 0"),
        ("constant", 1.0, "a number between 0 and 1"),
        ("precision", "half", "float32, tf32, bfloat16"),
        ("window", 1, r"0 \(not watched\) or a whole number from 2 up"),
        ("window", 20.0, r"0 \(not watched\) or a whole number from 2 up"),
        ("patience", 0, "a whole number from 1 up"),
    ],
)
def test_bad_parameters(name, value, accepted):
    with pytest.raises(ValueError, match=f"^{name}.*{accepted}") as error:
        Dip(**{name: value})
    assert "\n" not in str(error.value)
