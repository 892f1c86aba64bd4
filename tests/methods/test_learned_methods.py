"""What all methods that learn a U-Net must do alike."""

import dataclasses
import functools

import learned
import numpy as np
import pytest
import torch

from focusbench import running
from focusbench.errors import InputError
from focusbench.evaluation.metrics import psnr
from focusbench.methods import TABLE
from focusbench.networks.unet_3d import Unet3d
from focusbench.problem import Weights
from focusbench.training import tiles
from focusbench.training.progress import Trace
from focusbench.training.run import quick_run
from focusbench.training.state import FileState
from focusbench.training.weights import load_weights, save_weights

pytestmark = pytest.mark.usefixtures("one_thread")

# one fit of each for all tests that only look at its result
fitted = functools.cache(
    lambda name: learned.build(name).fit(learned.training_set(name), quick_run(seed=1))
)


class CutError(BaseException):
    """Ends a run as a kill would: whatever was not saved is lost."""


class Cutting(Trace):
    def __init__(self, at, score=None):
        super().__init__(None, score, 1, "cut", quiet=True)
        self.at = at

    def __call__(self, step, loss, estimate):
        super().__call__(step, loss, estimate)
        if step == self.at:
            raise CutError


SURROUNDED = [(name, {"border": "surroundings"}) for name in learned.IDS[-2:]]


@pytest.mark.parametrize(("name", "more"), [(name, {}) for name in learned.IDS] + SURROUNDED)
def test_killed_and_resumed_gives_the_same_weights(name, more, tmp_path, monkeypatch):
    """With a history that is full before and after the cuts, and crops of a new step after each."""
    monkeypatch.setenv("FOCUSBENCH_SAVE_SECONDS", "0")
    method = learned.build(name, steps=6, batch_size=2, decay=0.5, **more)

    def train(cuts):
        for attempt, at in enumerate([*cuts, None]):
            monitor = Cutting(at)
            state = FileState(tmp_path / str(cuts), "same")
            run = quick_run(seed=3, state=state, monitor=monitor)
            try:
                return method.fit(learned.training_set(name), run), monitor.rows, attempt
            except CutError:
                torch.manual_seed(attempt)  # the process that goes on has no memory of this one
        raise AssertionError("never finished")

    whole, rows, _ = train(())
    cut, cut_rows, attempts = train((2, 5))
    assert attempts == 2
    assert cut_rows == rows
    assert whole.tensors.keys() == cut.tensors.keys()
    assert all(torch.equal(whole.tensors[key], cut.tensors[key]) for key in whole.tensors)
    assert whole.description == cut.description


@pytest.mark.parametrize("name", learned.IDS)
def test_restores_from_its_file(name, tmp_path):
    weights = fitted(name)
    save_weights(tmp_path / "model.safetensors", weights)
    read = load_weights(tmp_path / "model.safetensors")
    result = learned.build(name).restore(learned.problem(), quick_run(), read)
    assert result.estimate.dtype == np.float32
    assert result.estimate.shape == learned.SHAPE
    assert result.estimate.min() >= 0
    again = learned.build(name).restore(learned.problem(), quick_run(seed=9), weights)
    assert np.array_equal(result.estimate, again.estimate)


@pytest.mark.parametrize("name", learned.IDS)
def test_weights_follow_from_the_seed(name):
    method, data = learned.build(name), learned.training_set(name)
    again, other = (method.fit(data, quick_run(seed=seed)).tensors for seed in (1, 2))
    one = fitted(name).tensors
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert not all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("name", learned.IDS)
def test_the_record(name):
    weights = fitted(name)
    assert 0 < weights.details["loading_share"] < 1
    assert all(np.isfinite(value) for value in weights.details["losses"].values())
    told = weights.description
    assert (told["method"], told["network"], told["width"]) == (name, "unet_3d", 4)
    assert told["training"] == {
        **{"volumes": ["one", "three"], "seed": 1, "steps": 3, "repeatable": True},
    }
    assert told["sharp_unit"] == 1
    assert told["blurred_unit"] == max(learned.observed(n).max() for n in ("one", "three"))
    generator = sum(v.numel() for k, v in weights.tensors.items() if k.startswith("generator/"))
    assert told["parameters"]["generator"] == generator


@pytest.mark.parametrize("name", learned.IDS)
def test_fit_reads_what_the_table_says(name):
    """A parameter that is not listed must not change the weights, or they would go stale."""
    fields = {field.name for field in dataclasses.fields(type(learned.build(name)))}
    assert set(TABLE[name].fit_parameters) == fields - {"tile", "overlap"}


def test_other_tiles_ask_for_no_new_training():
    """Neither weights nor what is watched depend on the tiles of the restorations."""
    name = "supervised_mse"
    seen = []
    for tile, overlap in ((16, 8), (32, 16)):
        data = learned.training_set(name, validation=learned.observed("three"), score=np.mean)
        monitor = Trace(None, data.score, 2, "", quiet=True)
        method = learned.build(name, tile=tile, overlap=overlap)
        weights = method.fit(data, quick_run(seed=1, monitor=monitor))
        seen.append((weights.tensors["generator/head.bias"].item(), monitor.rows))
    assert seen[0] == seen[1]


def test_the_validation_volume_is_watched():
    reference = learned.truth("watched")
    score = functools.partial(psnr, reference, data_range=1.0)
    data = learned.training_set(
        "supervised_mse", validation=learned.observed("watched"), score=score
    )
    trace = Trace(None, data.score, 2, "", quiet=True)
    method = learned.build("supervised_mse")
    weights = method.fit(data, quick_run(seed=1, monitor=trace))
    assert [row.step for row in trace.rows] == [1, 2, 3]
    last = method.restore(learned.problem("watched"), quick_run(), weights).estimate
    assert trace.rows[-1].psnr == score(last)
    # it only looks on
    assert all(
        torch.equal(weights.tensors[key], value)
        for key, value in fitted("supervised_mse").tensors.items()
    )


def test_restores_in_tiles_and_in_the_trainings_units():
    torch.manual_seed(0)
    network = Unet3d(4)
    tensors = {f"generator/{name}": value for name, value in network.state_dict().items()}
    method = learned.build("supervised_mse", tile=32, overlap=16)
    told = {"network": "unet_3d", "width": 4, "blurred_unit": 0.5, "sharp_unit": 3.0}
    result = method.restore(learned.problem(), quick_run(), Weights(tensors, told))
    with torch.no_grad():  # one tile holds it all
        whole = network(torch.from_numpy(learned.observed("other"))[None, None] / 0.5)[0, 0]
    np.testing.assert_allclose(result.estimate, 3 * whole.numpy(), rtol=1e-5)
    smaller = dataclasses.replace(method, tile=16, overlap=8)
    tiled = smaller.restore(learned.problem(), quick_run(), Weights(tensors, told)).estimate
    scaled = torch.from_numpy(learned.observed("other")) / 0.5
    expected = 3 * tiles.predict(network, scaled, (16, 16, 16), 8, margin=4)
    np.testing.assert_allclose(tiled, expected.numpy(), rtol=1e-5)
    assert not np.allclose(tiled, result.estimate)  # each tile is normalised by itself


def test_learning_rate_falls():
    method = learned.build("supervised_mse", steps=8, decay=0.5)
    learner = method.learner(learned.training_set("supervised_mse"), quick_run())
    rates = []
    for _ in range(8):
        learner.step()
        rates.append(learner.optimizers["generator"].param_groups[0]["lr"])
    assert np.allclose(rates, 1e-3 * np.array([1, 1, 1, 1, 1, 0.75, 0.5, 0.25]))
    assert learned.build("supervised_mse").rate(2) == 1


def test_out_of_time():
    method = learned.build("supervised_mse")
    weights = method.fit(learned.training_set("supervised_mse"), quick_run(budget_seconds=1e-9))
    assert not weights.description["training"]["repeatable"]
    assert weights.details["loading_share"] is None


def test_mixed_precision():
    """The weights stay float32; a step in bfloat16 is close to one in float32."""
    data = learned.training_set("supervised_mse")
    losses = {}
    for precision in ("float32", "bfloat16"):
        learner = learned.build("supervised_mse", precision=precision).learner(data, quick_run())
        losses[precision] = learner.step()
        assert {p.dtype for p in learner.networks["generator"].parameters()} == {torch.float32}
    assert losses["bfloat16"] != losses["float32"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.02)


@pytest.mark.parametrize("name", learned.IDS)
def test_weights_of_others(name):
    method, weights = learned.build(name), fitted(name)
    with pytest.raises(InputError, match=f"{name}: no weights"):
        method.restore(learned.problem(), quick_run())
    with pytest.raises(InputError, match=r"'width': 4.*'width': 6") as error:
        dataclasses.replace(method, width=6).restore(learned.problem(), quick_run(), weights)
    assert "\n" not in str(error.value)
    fewer = dict(list(weights.tensors.items())[1:])
    with pytest.raises(InputError, match="tensors are not those of"):
        method.restore(learned.problem(), quick_run(), Weights(fewer, weights.description))


def test_no_volume():
    flat = dataclasses.replace(learned.problem(), observed=np.ones((4, 4)), axes="YX")
    with pytest.raises(InputError, match=r"axes YX and shape \(4, 4\); a volume"):
        learned.build("supervised_mse").restore(flat, quick_run(), fitted("supervised_mse"))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"steps": -1}, "steps is -1; a whole number from 0"),
        ({"batch_size": 0}, "batch_size is 0; a whole number from 1"),
        ({"beta1": 1.0}, "beta1 is 1.0; a number from 0 to below 1"),
        ({"decay": 1.5}, "decay is 1.5; a share from 0 to 1"),
        ({"overlap": 16}, "overlap is 16; at most 8"),
        ({"tile": 8}, "tile is 8; a whole number from 16"),
        ({"precision": "half"}, "precision 'half' is unknown"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(InputError, match=f"method supervised_mse: {message}"):
        learned.build("supervised_mse", **parameters)


def test_costs_go_into_the_record_and_not_into_the_file(tmp_path):
    name = "supervised_mse"
    parameters = dataclasses.asdict(learned.build(name))
    files = []
    for path in (tmp_path / "one", tmp_path / "two"):
        run = quick_run(seed=1, monitor=Trace(None, None, 1, "", quiet=True))
        weights, record = running.fit(name, parameters, learned.training_set(name), run)
        assert record["details"] == weights.details
        assert record["steps"] == 3
        save_weights(path, weights)
        files.append(path.read_bytes())
    assert files[0] == files[1]
    assert load_weights(tmp_path / "one").details == {}


@pytest.mark.parametrize("name", ["supervised_mse", "cyclegan"])
def test_starts_at_the_mean_if_asked_to(name):
    data = learned.training_set(name)
    means = {"generator": data.sharp_mean / data.sharp_unit}
    if name == "cyclegan":
        means["blur"] = data.blurred_mean / data.blurred_unit
    volume = torch.rand(1, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    for asked in (True, False):
        learner = learned.build(name, start_at_mean=asked).learner(data, quick_run())
        for network, mean in means.items():
            with torch.no_grad():
                made = float(learner.networks[network](volume).mean())
            assert made == pytest.approx(mean if asked else 0.5, rel=0.4)
    assert means["generator"] < 0.1
