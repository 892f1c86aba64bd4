import dataclasses

import numpy as np
import pytest
import torch

from focusbench.errors import InputError
from focusbench.methods import dip_pretrain_2
from focusbench.methods.dip import Dip
from focusbench.methods.dip_pretrain_2 import Denoising, DipPretrain2
from focusbench.networks.skip_3d import Skip3d
from focusbench.problem import Problem, Weights
from focusbench.training import deep_prior, loop
from focusbench.training.progress import Trace
from focusbench.training.run import quick_run
from focusbench.training.weights import load_weights, save_weights

SHAPE = (4, 8, 9)
pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = DipPretrain2(epochs=2, batch_size=3, samples=7, steps=4, width=4, scales=2)


class Pairs:
    """Boxes, and the same with noise; counts how often each is asked for."""

    def __init__(self, count=7):
        self.count = count
        self.asked = []

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        self.asked.append(index)
        rng = np.random.default_rng(index)
        clean = np.ones(SHAPE, np.float32)
        z, y, x = rng.integers(0, 3, 3)
        clean[z : z + 2, y : y + 4, x : x + 4] = 0.5
        return clean - 0.3 * rng.random(SHAPE, dtype=np.float32), clean


class Same:
    def apply(self, x):
        return x


def problem():
    observed = np.random.default_rng(0).random(SHAPE, dtype=np.float32)
    return Problem("multifocus", observed, "ZYX", (1.0, 1.0, 1.0), Same())


def test_constants_of_the_paper(monkeypatch):
    """Azevedo et al. 2024, section 4: on what is built."""
    seen = []

    def look(stepper, steps, run, *, phase="main", monitored=True, after=None):
        seen.append((getattr(stepper, "stepper", stepper), steps))
        return loop.Outcome(0, False)

    monkeypatch.setattr(dip_pretrain_2, "iterate", look)
    monkeypatch.setattr(deep_prior, "iterate", look)
    weights = DipPretrain2().fit(Pairs(1000), quick_run())
    DipPretrain2().restore(problem(), quick_run(), weights)
    (fit, fit_steps), (main, steps) = seen
    assert fit_steps == 5 * 50  # "a small dataset of 1000 samples", "batch size of 20 for 5 epochs"
    assert len(fit.indices(0)) == 20
    assert steps == 30_000
    for stepper in (fit, main):
        (group,) = stepper.optimizer.param_groups
        assert type(stepper.optimizer) is torch.optim.Adam
        assert (group["lr"], group["betas"], group["eps"]) == (1e-3, (0.9, 0.999), 1e-8)
        assert sum(p.numel() for p in group["params"]) == 3_639_617
    assert main.noise.max() < 0.1


def test_shares_the_defaults_of_dip():
    one, two = (
        {field.name: field.default for field in dataclasses.fields(method)}
        for method in (Dip, DipPretrain2)
    )
    shared = one.keys() & two.keys()
    assert {name: one[name] for name in shared} == {name: two[name] for name in shared}
    assert len(shared) == 10


def test_order_of_the_pairs():
    stepper = Denoising(Skip3d(2, 1), Pairs(), 7, 3, 5, 1e-3, "cpu")
    batches = [stepper.indices(step) for step in range(9)]
    assert [len(batch) for batch in batches] == [3, 3, 1] * 3
    epochs = [[i for batch in batches[first : first + 3] for i in batch] for first in (0, 3, 6)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    # whichever step is asked for first
    again = Denoising(Skip3d(2, 1), Pairs(), 7, 3, 5, 1e-3, "cpu")
    assert again.indices(7) == batches[7]
    assert again.indices(4) == batches[4]
    other = Denoising(Skip3d(2, 1), Pairs(), 7, 3, 6, 1e-3, "cpu")
    assert [other.indices(step) for step in range(9)] != batches


def test_loss_is_that_of_the_batch():
    data = Pairs()
    network = Skip3d(4, 2)
    stepper = Denoising(network, data, 7, 3, 0, 1e-3, "cpu")
    pairs = [data[i] for i in stepper.indices(0)]
    noisy, clean = (torch.from_numpy(np.stack(side)[:, None]) for side in zip(*pairs, strict=True))
    with torch.no_grad():
        expected = (network(noisy) - clean).square().mean().item()
    assert stepper.step() == pytest.approx(expected)
    assert stepper.estimate().shape == SHAPE


def test_learns_to_denoise():
    trace = Trace(None, None, 1, "", quiet=True)
    method = dataclasses.replace(SMALL, epochs=40, pretrain_learning_rate=1e-2)
    data = Pairs(9)
    weights = method.fit(data, quick_run(monitor=trace))
    assert len(trace.rows) == 40 * 3
    assert np.mean([row.loss for row in trace.rows[-9:]]) < trace.rows[0].loss / 4
    assert set(data.asked) == set(range(7))  # of more pairs, the first `samples`
    assert weights.description["training"]["steps"] == 120
    assert weights.description["training"]["repeatable"]


def test_starts_from_its_weights(tmp_path):
    weights = SMALL.fit(Pairs(), quick_run())
    save_weights(tmp_path / "model.safetensors", weights)
    weights = load_weights(tmp_path / "model.safetensors")
    still = dataclasses.replace(SMALL, steps=0)
    start = still.restore(problem(), quick_run(2), weights)
    network = Skip3d(4, 2)
    network.load_state_dict(weights.tensors)
    noise = deep_prior.noise_input(SHAPE, 0.1, quick_run(2))
    with torch.no_grad():
        assert np.array_equal(start.estimate, network(noise)[0, 0].numpy())
    result = SMALL.restore(problem(), quick_run(2), weights)
    assert (result.iterations, result.evaluations, result.repeatable) == (4, 4, True)
    assert result.estimate.dtype == np.float32
    assert not np.array_equal(result.estimate, start.estimate)


def test_same_seed_same_weights():
    one, two, other = (SMALL.fit(Pairs(), quick_run(seed)).tensors for seed in (0, 0, 1))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_out_of_time():
    weights = SMALL.fit(Pairs(), quick_run(budget_seconds=1e-9))
    assert not weights.description["training"]["repeatable"]
    result = SMALL.restore(problem(), quick_run(budget_seconds=1e-9), weights)
    assert not result.repeatable


def test_weights_of_others():
    with pytest.raises(InputError, match="no weights"):
        SMALL.restore(problem(), quick_run())
    weights = SMALL.fit(Pairs(), quick_run())
    wider = dataclasses.replace(SMALL, width=6)
    with pytest.raises(InputError, match=r"'width': 4.*'width': 6") as error:
        wider.restore(problem(), quick_run(), weights)
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="belong to the network"):
        SMALL.restore(problem(), quick_run(), Weights(weights.tensors))
    fewer = dict(list(weights.tensors.items())[1:])
    with pytest.raises(InputError, match="tensors are not those of"):
        SMALL.restore(problem(), quick_run(), Weights(fewer, weights.description))


def test_too_few_pairs():
    with pytest.raises(InputError, match="has 6 pairs, samples asks for 7"):
        SMALL.fit(Pairs(6), quick_run())


def test_no_imaging_model():
    blind = dataclasses.replace(problem(), forward=None)
    with pytest.raises(InputError, match="dip_pretrain_2: the problem has no imaging model"):
        SMALL.restore(blind, quick_run())


@pytest.mark.parametrize("name", ["epochs", "batch_size", "samples", "steps"])
def test_bad_parameters(name):
    with pytest.raises(ValueError, match=f"{name} is -1; a whole number from"):
        DipPretrain2(**{name: -1})
