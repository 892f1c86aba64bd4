"""Steps of networks that learn focal planes: losses, rates, shares of a batch, resuming."""

import copy
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch

from focusbench.methods.mfpinet import Mfpinet
from focusbench.problem import Problem
from focusbench.training import planes_learning
from focusbench.training.focal_fields import FocalFields
from focusbench.training.planes_learner import PlanesLearner, Share
from focusbench.training.planes_learning import PlanesLearning
from focusbench.training.progress import Trace
from focusbench.training.run import quick_run
from focusbench.training.state import FileState

TINY = {
    **{"epochs": 2, "patches": 6, "patch": 16, "batch_size": 2, "width": 4, "halve_every": 1},
    **{"discriminator_width": 4, "learning_rate": 1e-3, "precision": "float32"},
}


def stack(seed, side=32):
    """Planes (3, side, side, 3) of random squares."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 220, (3, side // 8, side // 8, 3))
    return np.repeat(np.repeat(coarse, 8, axis=1), 8, axis=2).astype(np.uint8)


@pytest.fixture(scope="module")
def data():
    return FocalFields({"a": stack(1), "b": stack(2)}, validation=stack(3), z_step=2.7)


def learner(data, run=None, share=None, **more):
    return Mfpinet(**{**TINY, **more}).learner(data, run or quick_run(), share)


def copies(network):
    return [p.detach().clone() for p in network.parameters()]


def equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_each_network_moves_alone(data, monkeypatch):
    """The discriminator's step leaves the generator as it is, gradients too; and the other way."""
    taught, seen = learner(data), []
    plain = PlanesLearner.move

    def watched(self, name, loss):
        other = {"generator": "discriminator", "discriminator": "generator"}[name]
        before = copies(self.networks[name]), copies(self.networks[other])
        grads = [p.grad is None or p.grad.clone() for p in self.networks[other].parameters()]
        plain(self, name, loss)
        assert not equal(before[0], copies(self.networks[name]))
        assert equal(before[1], copies(self.networks[other]))
        after = [p.grad is None or p.grad for p in self.networks[other].parameters()]
        assert all(a is b is True or torch.equal(a, b) for a, b in zip(grads, after, strict=True))
        seen.append(name)

    monkeypatch.setattr(PlanesLearner, "move", watched)
    taught.step()
    taught.step()
    assert seen == ["discriminator", "generator"] * 2
    assert all(p.requires_grad for n in taught.networks.values() for p in n.parameters())


def test_the_losses_are_those_of_the_paper(data):
    """Mean |G(x) - y| - 0.01 log D(G(x)), D as it is after -log D(y) - log(1 - D(G(x)))."""
    taught = learner(data, adversarial_weight=0.01)
    for _ in range(4):  # the discriminator tells them apart by then
        taught.step()
    generator = copy.deepcopy(taught.networks["generator"])
    before = copy.deepcopy(taught.networks["discriminator"])
    crops = data.batch(0, 4, range(2), 16, with_cells=True)
    images = crops.inputs.permute(0, 3, 1, 2) / 127.5 - 1
    wanted = torch.cat([crops.planes[:, p].permute(0, 3, 1, 2) for p in range(3)], 1) / 127.5 - 1
    loss = taught.step()
    with torch.no_grad():
        made = generator(images)
        told = -(torch.sigmoid(before(wanted)).log() + (1 - torch.sigmoid(before(made))).log())
        fooled = -torch.sigmoid(taught.networks["discriminator"](made)).log()
    distance = (made - wanted).abs().mean()
    assert taught.losses["distance"] == pytest.approx(float(distance), rel=1e-5)
    assert taught.losses["told"] == pytest.approx(float(told.mean()), rel=1e-4)
    assert taught.losses["fooled"] == pytest.approx(float(fooled.mean()), rel=1e-4)
    assert loss == taught.losses["loss"]
    assert loss == pytest.approx(float(distance + 0.01 * fooled.mean()), rel=1e-4)


def test_the_loss_falls():
    """A bright field with a dark spot, which is dark in the middle plane alone."""
    bright = np.full((3, 24, 24, 3), 220, np.uint8)
    bright[1, 8:16, 8:16] = 60
    faster = {"epochs": 8, "halve_every": 0, "learning_rate": 5e-3, "foreground": False}
    taught = learner(FocalFields({"a": bright}), adversarial_weight=0.0, **faster)
    losses = [taught.step() for _ in range(24)]
    assert np.mean(losses[-4:]) < 0.5 * losses[0]


def test_without_weight_there_is_no_discriminator(data):
    taught = learner(data, adversarial_weight=0.0)
    taught.step()
    assert list(taught.networks) == list(taught.optimizers) == ["generator"]
    assert set(taught.losses) == {"loss", "distance"}


def test_the_adversary_can_begin_late(data):
    taught = learner(data, adversarial_from=0.5)
    before = copies(taught.networks["discriminator"])
    told = []
    for _ in range(6):
        taught.step()
        told.append("told" in taught.losses)
        if len(told) == 3:
            assert equal(before, copies(taught.networks["discriminator"]))
    assert told == [False] * 3 + [True] * 3
    assert [sorted(row) for row in taught.curve] == [
        ["distance", "epoch", "loss"],
        ["distance", "epoch", "fooled", "loss", "told"],
    ]


def test_the_curve_holds_means_of_epochs(data, monkeypatch):
    taught = learner(data, adversarial_weight=0.0)
    losses = iter([3.0, 1.0, 2.0, 0.5, 1.0, 0.0])
    monkeypatch.setattr(taught, "learn", lambda: {"loss": torch.tensor(next(losses))})
    assert [taught.step() for _ in range(6)] == [3.0, 1.0, 2.0, 0.5, 1.0, 0.0]
    assert taught.curve == [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 0.5}]


def test_rates_follow_their_schedule(data, monkeypatch):
    taught, rates = learner(data, warm_up=2, anneal=0.5, learning_rate=0.008), []

    def learn():
        found = {group["lr"] for one in taught.optimizers.values() for group in one.param_groups}
        assert len(found) == 1
        rates.append(found.pop())
        return {"loss": torch.tensor(0.0)}

    monkeypatch.setattr(taught, "learn", learn)
    for _ in range(6):
        taught.step()
    # rising over 2 steps, halved after 3, falling over the last 3
    assert rates == pytest.approx([0.004, 0.008, 0.008, 0.004, 0.004 * 2 / 3, 0.004 / 3])


def test_processes_share_a_batch(data):
    """Halves of a batch of 4 are its crops, and their gradients' mean is the whole's."""

    class Half(Share):
        processes = 2

        def __init__(self, rank):
            self.rank = rank

    plain = {"batch_size": 4, "patches": 12, "augment": True, "adversarial_weight": 0.0}
    whole, *halves = (learner(data, share=one, **plain) for one in (None, Half(0), Half(1)))
    crops = [one.load_crops()[:2] for one in (whole, *halves)]
    for all_, first, second in zip(*crops, strict=True):
        assert torch.equal(all_, torch.cat([first, second]))
    for one in (whole, *halves):
        one.step()
    found = [[p.grad for p in one.networks["generator"].parameters()] for one in (whole, *halves)]
    for all_, first, second in zip(*found, strict=True):
        assert torch.allclose(all_, (first + second) / 2, atol=1e-6)


class CutError(BaseException):
    """Ends a run as a kill would: whatever was not saved is lost."""


class Cutting(Trace):
    def __init__(self, score, at):
        super().__init__(None, score, 2, "", quiet=True)
        self.at = at

    def __call__(self, step, loss, estimate):
        super().__call__(step, loss, estimate)
        if step == self.at:
            raise CutError


def test_killed_and_resumed_gives_the_same_weights(data, tmp_path, monkeypatch):
    """Cut within an epoch, at its end, and where the adversary has begun."""
    monkeypatch.setenv("FOCUSBENCH_SAVE_SECONDS", "0")
    method = Mfpinet(**TINY, augment=True, warm_up=2, anneal=0.4, adversarial_from=0.4)

    def train(cuts):
        for attempt, at in enumerate([*cuts, None]):
            monitor = Cutting(data.score, at)
            state = FileState(tmp_path / str(cuts), "same")
            try:
                run = quick_run(seed=3, state=state, monitor=monitor)
                return method.fit(data, run), monitor.rows, attempt
            except CutError:
                torch.manual_seed(attempt)
        raise AssertionError("never finished")

    whole, rows, _ = train(())
    cut, cut_rows, attempts = train((2, 4, 5))
    assert attempts == 3
    assert cut_rows == rows
    assert [row.step for row in rows] == [1, 2, 4, 6]
    assert whole.tensors.keys() == cut.tensors.keys()
    assert all(torch.equal(whole.tensors[key], cut.tensors[key]) for key in whole.tensors)
    assert whole.description == cut.description
    assert whole.details["curve"] == cut.details["curve"]
    assert whole.details["losses"] == cut.details["losses"]


def test_the_estimate_is_the_validation_fields(data):
    method = Mfpinet(**{**TINY, "epochs": 1})
    monitor = Trace(None, data.score, 100, "", quiet=True)
    weights = method.fit(data, quick_run(monitor=monitor))
    assert 0 < weights.details["loading_share"] < 1
    problem = Problem("refocus", data.validation.input[None], "ZYXC", (2.7, 1, 1))
    estimate = method.restore(problem, quick_run(), weights).estimate
    assert (estimate.shape, estimate.dtype) == ((3, 32, 32, 3), np.uint8)
    assert data.score(estimate) == monitor.rows[-1].psnr
    without = learner(FocalFields({"a": stack(1)}))
    with pytest.raises(RuntimeError, match="no validation field"):
        without.estimate()


@dataclass(frozen=True)
class Pointwise(PlanesLearning):
    """Each plane is the negative of the image, in [0, 1]: what a subclass may change."""

    name: ClassVar[str] = "pointwise"
    value_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def network(self, planes):
        return torch.nn.Upsample(scale_factor=2)

    def planes_of(self, network, images, planes):
        assert images.min() >= 0
        return 1 - network(images).repeat(1, planes, 1, 1)


def test_a_range_of_its_own_and_blocks(monkeypatch):
    """Also in blocks, with sides that fit into none, every value comes out where it belongs."""
    method = Pointwise()
    pixels = torch.tensor([0, 51, 255], dtype=torch.uint8)
    assert torch.allclose(method.from_pixels(pixels), torch.tensor([0.0, 0.2, 1.0]))
    assert torch.equal(Mfpinet().from_pixels(pixels), pixels / 127.5 - 1)
    image = np.random.default_rng(0).integers(0, 256, (90, 103, 3), dtype=np.uint8)
    expected = 255 - np.repeat(np.repeat(image, 2, axis=0), 2, axis=1)
    for whole in (1024, 64):
        monkeypatch.setattr(planes_learning, "WHOLE", whole)
        monkeypatch.setattr(planes_learning, "BLOCK", 96)
        made = method.refocused(method.network(5), image, 5, quick_run())
        assert made.shape == (5, 180, 206, 3)
        assert all(np.array_equal(plane, expected) for plane in made)
