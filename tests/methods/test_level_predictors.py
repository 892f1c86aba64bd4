"""What all predictors of defocus levels must do alike, and the paper's constants."""

import dataclasses
import functools
import importlib

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch.nn import functional

from focusbench.errors import InputError
from focusbench.evaluation.levels import cumulative_match
from focusbench.methods.delpnet import Delpnet
from focusbench.methods.inception_v3 import InceptionV3
from focusbench.methods.logistic_features import LogisticFeatures, logistic
from focusbench.methods.mobilenet_v2 import MobilenetV2
from focusbench.methods.resnet18 import Resnet18
from focusbench.methods.vgg16 import Vgg16
from focusbench.problem import Weights
from focusbench.training.level_classifier import keras_epsilon
from focusbench.training.level_map import BG, corners, level_of
from focusbench.training.patches import LevelFields
from focusbench.training.progress import Trace
from focusbench.training.run import quick_run
from focusbench.training.splits import Image, Split
from focusbench.training.state import FileState
from focusbench.training.weights import load_weights, save_weights

pytestmark = pytest.mark.usefixtures("one_thread")

NETWORKS = {
    "delpnet": (Delpnet, {"width": 1 / 32}),
    "vgg16": (Vgg16, {"width": 1 / 64}),
    "inception_v3": (InceptionV3, {"width": 1 / 32, "side": 75}),  # it accepts none smaller
    "resnet18": (Resnet18, {"width": 1 / 32}),
    "mobilenet_v2": (MobilenetV2, {"width": 1 / 32}),
}
TINY = {
    **{"side": 32, "per_image": 3, "n_levels": 3, "epochs": 2, "batch_size": 4},
    **{"learning_rate": 1e-3, "scale": 1000.0, "precision": "float32"},
}
FEATURES = {"side": 32, "per_image": 20, "n_levels": 3}
ALL = (*NETWORKS, "logistic_features")


def build(name, **more):
    if name == "logistic_features":
        return LogisticFeatures(**{**FEATURES, **more})
    chosen, width = NETWORKS[name]
    return chosen(**{**TINY, **width, **more})


@functools.cache
def textures():
    """Three fields (3, 80, 96) of blurred noise over 150 counts, dark at the left."""
    made = {}
    for name in ("a", "b", "c"):
        noise = np.random.default_rng(ord(name)).normal(0, 400, (80, 96))
        noise[:, :40] = 0  # a patch fits into it
        stack = [150 + np.abs(gaussian_filter(noise, 0.7 + 1.5 * level)) for level in range(3)]
        made[name] = np.rint(np.stack(stack)).astype(np.uint16)
    return made


def data(seed=0, validation=True):
    def images(names):
        return tuple(Image(name, level) for name in names for level in range(3))

    return LevelFields(
        textures(), Split(images("a"), images("b") if validation else (), images("c")), seed
    )


@functools.cache
def fitted(name):
    return build(name).fit(data(), quick_run(seed=1))


class CutError(BaseException):
    """Ends a run as a kill would: whatever was not saved is lost."""


class Cutting(Trace):
    def __init__(self, at):
        super().__init__(None, lambda made: 100 * float(made.max(axis=1).mean()), 1, "", quiet=True)
        self.at = at

    def __call__(self, step, loss, estimate):
        super().__call__(step, loss, estimate)
        if step == self.at:
            raise CutError


@pytest.mark.parametrize("name", NETWORKS)
def test_killed_and_resumed_gives_the_same_weights(name, tmp_path, monkeypatch):
    """Cut within an epoch and at the start of one, with dropout, noise, and new patches in each."""
    monkeypatch.setenv("FOCUSBENCH_SAVE_SECONDS", "0")
    method = build(name, fresh=True, poisson=0.5, brightness=2.0, offset=20.0)

    def train(cuts):
        for attempt, at in enumerate([*cuts, None]):
            monitor = Cutting(at)
            state = FileState(tmp_path / str(cuts), "same")
            run = quick_run(seed=3, state=state, monitor=monitor)
            try:
                return method.fit(data(), run), monitor.rows, attempt
            except CutError:
                torch.manual_seed(attempt)  # the process that goes on has no memory of this one
        raise AssertionError("never finished")

    whole, rows, _ = train(())
    # 9 patches, 4 a step: 2 steps an epoch, the ninth patch is left out
    cut, cut_rows, attempts = train((2, 4))
    assert attempts == 2
    assert cut_rows == rows
    assert [row.step for row in rows] == [1, 2, 3, 4]
    assert all(torch.equal(whole.tensors[key], cut.tensors[key]) for key in whole.tensors)
    assert whole.tensors.keys() == cut.tensors.keys()
    assert whole.description == cut.description
    assert whole.details["curve"] == cut.details["curve"]


@pytest.mark.parametrize("name", ALL)
def test_a_field_becomes_a_map(name, tmp_path):
    save_weights(tmp_path / "model.safetensors", fitted(name))
    weights = load_weights(tmp_path / "model.safetensors")
    method, field = build(name), textures()["c"][1]
    made = method.levels(field, quick_run(), weights)
    side = method.side
    places = corners((80, 96), side)
    assert np.array_equal(made.corners, places)
    assert (made.shape, made.side) == ((80, 96), side)
    assert made.probabilities.shape == (len(places), 4)
    assert made.probabilities.dtype == np.float32
    assert np.allclose(made.probabilities.sum(axis=1), 1, atol=1e-5)
    assert np.array_equal(made.levels, level_of(made.probabilities.argmax(axis=1), 3))
    again = method.levels(field, quick_run(seed=9), fitted(name))
    assert np.array_equal(made.probabilities, again.probabilities)
    small = method.levels(field[:side, :side], quick_run(), weights)
    assert small.corners.tolist() == [[0, 0]]
    assert np.allclose(small.probabilities, made.probabilities[:1], atol=1e-5)
    closer = method.levels(field, quick_run(), weights, stride=16)
    assert np.array_equal(closer.corners, corners((80, 96), side, 16))


@pytest.mark.parametrize("name", ALL)
def test_weights_follow_from_seed_and_data(name):
    again = build(name).fit(data(), quick_run(seed=1)).tensors
    one = fitted(name).tensors
    assert all(torch.equal(one[key], again[key]) for key in one)
    others = build(name).fit(data(seed=1), quick_run(seed=1)).tensors
    assert not all(torch.equal(one[key], others[key]) for key in one)
    other = build(name).fit(data(), quick_run(seed=2)).tensors
    same = all(torch.equal(one[key], other[key]) for key in one)
    assert same == (name == "logistic_features")  # it is deterministic


@pytest.mark.parametrize("name", ALL)
def test_the_record(name):
    told = fitted(name).description
    assert told["method"] == name
    assert (told["classes"], told["levels"], told["side"]) == (4, 3, build(name).side)
    training = told["training"]
    assert (training["fields"], training["images"], training["seed"]) == (["a"], 3, 1)
    assert training["patches"] == 3 * build(name).per_image
    trained = sum(
        value.numel()
        for key, value in fitted(name).tensors.items()
        if key not in ("mean", "deviation") and not key.endswith("num_batches_tracked")
    )
    assert told["parameters"]["total"] == trained
    assert "optics" not in told  # the lens of these fields is not known


def test_the_lens_is_recorded():
    lens = {"pixel_size": 0.65, "numerical_aperture": 0.5}
    given = LevelFields(textures(), data().split, 0, lens)
    told = build("logistic_features").fit(given, quick_run(seed=1)).description
    assert told["optics"] == lens


@pytest.mark.parametrize("name", ALL)
def test_weights_of_others(name):
    method, field = build(name), textures()["c"][0]
    with pytest.raises(InputError, match=f"{name}: no weights"):
        method.levels(field, quick_run(), None)
    with pytest.raises(InputError, match=r"'classes': 4.*'classes': 3") as error:
        dataclasses.replace(method, bg=False).levels(field, quick_run(), fitted(name))
    assert "\n" not in str(error.value)
    fewer = dict(list(fitted(name).tensors.items())[1:])
    with pytest.raises(InputError, match=r"tensors are not those of|have no tensor"):
        method.levels(field, quick_run(), Weights(fewer, fitted(name).description))


def test_bad_input():
    method, weights = build("delpnet"), fitted("delpnet")
    with pytest.raises(InputError, match=r"shape \(20, 90\); two axes .* at least 32 pixels"):
        method.levels(np.zeros((20, 90)), quick_run(), weights)
    with pytest.raises(InputError, match=r"delpnet: patches of shape \(1, 8, 8\)"):
        method.probabilities(np.zeros((1, 8, 8)), quick_run(), weights)
    with pytest.raises(InputError, match="the fields have 3 levels, the parameters ask for 11"):
        build("delpnet", n_levels=11).fit(data(), quick_run())


@pytest.mark.parametrize(
    ("name", "trainable", "total"),
    [
        ("delpnet", 2_333_388, 2_336_204),
        ("vgg16", 39_936_716, 39_936_716),
        ("inception_v3", 21_792_364, 21_826_796),
        ("resnet18", 12_589_644, 12_599_372),
        ("mobilenet_v2", 2_238_668, 2_272_780),
    ],
)
def test_constants_of_the_paper(name, trainable, total):
    """He et al. 2020, on what is built."""
    field = np.random.default_rng(0).integers(0, 4095, (11, 84, 90)).astype(np.uint16)
    split = Split(tuple(Image("x", level) for level in range(11)), (), ())
    method = NETWORKS[name][0]()
    learner = method.learner(LevelFields({"x": field}, split, 0), quick_run())
    # Table 2: 39.9, 21.8, 12.6, 2.3 and 2.3 million; see facts on the builds
    moved = sum(p.numel() for p in learner.network.parameters())
    running = [n for n in learner.network.state_dict() if n.endswith(("_mean", "_var"))]
    assert moved == trainable
    assert moved + sum(learner.network.state_dict()[n].numel() for n in running) == total
    # 2.2: "Adam optimizer learning rate of 6e - 5 and decay of 5e - 6"
    (group,) = learner.optimizer.param_groups
    assert type(learner.optimizer) is torch.optim.Adam
    assert sum(p.numel() for p in group["params"]) == trainable
    assert (group["lr"], group["betas"], group["eps"]) == (6e-5, (0.9, 0.999), 1e-7)
    assert (group["weight_decay"], group["amsgrad"]) == (0, False)
    assert method.rate(200_000, 492_000) == pytest.approx(6e-5 / 2)
    # 2.2: "batch size of 128"; 2.1: 20 crops of 84 x 84 an image, 12 labels, "divided by 65535"
    patches, classes = learner.batch(0)
    assert patches.shape == (128, 1, 84, 84)
    assert float(patches.max()) == pytest.approx(4094 / 65535, rel=1e-3)
    assert len(learner.train) == 11 * 20
    assert classes.max() <= 10
    with torch.no_grad():
        assert learner.network.eval()(patches[:2]).shape == (2, 12)
    # 3.1: "1000 epochs of training"; 62,865 patches are 492 steps an epoch
    assert method.epochs == 1000
    assert method.steps_per_epoch(62_865) == 492
    assert method.rate(491_999, 492_000) == pytest.approx(1.734e-5, rel=1e-3)
    if name == "delpnet":  # 2.2: "from 0.99 to 0.60"
        norms = [m for m in learner.network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        assert {m.momentum for m in norms} == {0.4}


def test_learning_rate_by_hand():
    learner = build("delpnet", learning_rate=0.1, decay=0.5).learner(data(), quick_run())
    rates = []
    for _ in range(4):
        learner.step()
        rates.append(learner.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.1, 0.1 / 1.5, 0.1 / 2, 0.1 / 2.5])


def test_the_rate_falls_to_0_at_the_end_if_asked_for():
    method = build("delpnet", learning_rate=0.1, decay=0.0, anneal=0.5, epochs=4)
    assert method.planned_steps(data()) == 8
    rates = [method.rate(done, 8) for done in range(8)]
    assert rates == pytest.approx([0.1, 0.1, 0.1, 0.1, 0.1, 0.075, 0.05, 0.025])
    learner = method.learner(data(), quick_run())
    learner.done = 6
    learner.step()
    assert learner.optimizer.param_groups[0]["lr"] == pytest.approx(0.05)


def test_adam_is_that_of_keras():
    """Against the formula of tf.keras: epsilon stands beside the uncorrected second moment."""
    gradients = [3e-7, -1e-7, 2e-6, 5e-8]  # so small that epsilon counts
    value = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))
    adam = torch.optim.Adam([value], lr=0.1)
    expected = first = second = 0.0
    for done, gradient in enumerate(gradients):
        adam.param_groups[0]["eps"] = keras_epsilon(done)
        value.grad = torch.tensor(gradient, dtype=torch.float64)
        adam.step()
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        t = done + 1
        rate = 0.1 * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t)
        expected -= rate * first / (second**0.5 + 1e-7)
        assert value.item() == pytest.approx(expected, rel=1e-9)


def test_loss_is_the_cross_entropy():
    learner = build("vgg16").learner(data(), quick_run())  # without dropout
    patches, classes = learner.batch(0)
    with torch.no_grad():
        expected = functional.cross_entropy(learner.network(patches), classes).item()
    assert learner.step() == pytest.approx(expected, rel=1e-6)


def test_an_epoch_sees_every_patch_once():
    learner = build("delpnet", batch_size=5).learner(data(), quick_run())
    assert learner.steps_per_epoch == 2
    batches = [learner.batch(step)[0] for step in range(2)]
    assert [len(batch) for batch in batches] == [5, 4]
    seen = torch.cat(batches)[:, 0]
    known = torch.from_numpy(learner.train.counts(range(9)).astype(np.float32)) / 1000
    assert all(any(torch.allclose(one, other) for other in seen) for one in known)


def test_steps_are_known_beforehand():
    method = build("delpnet", epochs=3)
    trace = Trace(None, None, 1, "", quiet=True)
    method.fit(data(), quick_run(monitor=trace))
    assert method.planned_steps(data()) == trace.rows[-1].step == 6


def test_what_is_watched_is_as_recorded():
    """Other brightness and offset are for the patches that are learned from."""
    changed = build("delpnet", brightness=3.0, offset=50.0).learner(data(), quick_run())
    plain = build("delpnet").learner(data(), quick_run())
    assert torch.equal(
        torch.from_numpy(changed.validation.batch(range(9))[0]),
        torch.from_numpy(plain.validation.batch(range(9))[0]),
    )
    assert not torch.equal(changed.batch(0)[0], plain.batch(0)[0])


@pytest.mark.parametrize(
    ("patches", "batch", "steps"), [(8, 4, 2), (9, 4, 2), (10, 4, 3), (1, 4, 1), (3, 1, 3)]
)
def test_a_last_batch_of_one_is_left_out(patches, batch, steps):
    assert build("delpnet", batch_size=batch).steps_per_epoch(patches) == steps


def test_the_validation_patches_are_watched():
    method = build("delpnet")
    trace = Trace(None, lambda made: 100 * made.max(axis=1).mean(), 4, "", quiet=True)
    weights = method.fit(data(), quick_run(seed=1, monitor=trace))
    curve = weights.details["curve"]
    assert [row["epoch"] for row in curve] == [1, 2]
    patches, levels = data().patches("validation", method.cutting).batch(range(9))
    made = method.probabilities(patches, quick_run(), weights)
    right = float((level_of(made.argmax(axis=1), 3) == levels).mean())
    assert curve[-1]["validation_accuracy"] == pytest.approx(right)
    known = np.where(levels == BG, 3, levels)
    loss = -np.log(made[np.arange(9), known]).mean()
    assert curve[-1]["validation_loss"] == pytest.approx(loss, rel=1e-4)
    assert trace.rows[-1].psnr == pytest.approx(100 * made.max(axis=1).mean(), rel=1e-5)
    # it only looks on
    assert all(
        torch.equal(weights.tensors[key], value) for key, value in fitted("delpnet").tensors.items()
    )
    unwatched = method.fit(data(validation=False), quick_run(seed=1))
    assert set(unwatched.details["curve"][0]) == {"epoch", "loss"}
    assert torch.equal(unwatched.tensors["network/head.bias"], weights.tensors["network/head.bias"])


def test_mixed_precision():
    """The weights stay float32; a step in bfloat16 is close to one in float32."""
    losses = {}
    for precision in ("float32", "bfloat16"):
        learner = build("delpnet", precision=precision).learner(data(), quick_run())
        losses[precision] = learner.step()
        assert {p.dtype for p in learner.network.parameters()} == {torch.float32}
    assert losses["bfloat16"] != losses["float32"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.02)


def test_out_of_time():
    weights = build("delpnet").fit(data(), quick_run(budget_seconds=1e-9))
    assert not weights.description["training"]["repeatable"]
    assert weights.details["loading_share"] is None


def test_the_baseline_tells_two_blurs_of_a_texture_apart():
    """On a field that it has not seen, from patches of another one."""
    fields = {}
    for seed, name in enumerate(("a", "b")):
        noise = np.random.default_rng(seed).normal(0, 400, (96, 96))
        fields[name] = np.stack([1000 + gaussian_filter(noise, sigma) for sigma in (1.0, 1.6)])
    parts = [tuple(Image(name, level) for level in (0, 1)) for name in ("a", "b")]
    data = LevelFields(fields, Split(parts[0], (), parts[1]), 0)
    method = build("logistic_features", n_levels=2)
    weights = method.fit(data, quick_run())
    patches = data.patches("test", method.cutting)
    levels, predicted, probabilities = method.judge(patches, quick_run(), weights)
    assert levels.tolist() == predicted.tolist() == 20 * [0] + 20 * [1]
    assert np.array_equal(cumulative_match(levels, probabilities, 2), np.ones(3))
    with pytest.raises(InputError, match="no patches to judge"):
        method.judge(data.patches("validation", method.cutting), quick_run(), weights)


def test_a_network_learns():
    how = {"epochs": 12, "batch_size": 12, "per_image": 20, "learning_rate": 1e-2}
    method = build("delpnet", **how, width=1 / 8, dropout=0.0)
    curve = method.fit(data(validation=False), quick_run()).details["curve"]
    assert curve[0]["loss"] > 1
    assert curve[-1]["loss"] < 0.5


def test_logistic_by_hand():
    """Two classes that overlap: slope and offset of the only feature are known."""
    features = np.repeat([[-1.0], [1.0]], 4, axis=0)
    classes = np.array([0, 0, 0, 1, 0, 1, 1, 1])  # odds of class 1: 1/3 and 3
    slopes, offsets, told = logistic(features, classes, 2, 1e-12, 500)
    assert slopes[0, 1] - slopes[0, 0] == pytest.approx(np.log(3), abs=1e-4)
    assert offsets[1] - offsets[0] == pytest.approx(0, abs=1e-4)
    assert told["converged"]
    entropy = -(3 * np.log(3 / 4) + np.log(1 / 4)) / 4
    assert told["loss"] == pytest.approx(entropy, abs=1e-6)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"epochs": -1}, "epochs is -1; a whole number from 0"),
        ({"batch_size": 0}, "batch_size is 0; a whole number from 1"),
        ({"learning_rate": 0}, "learning_rate is 0; a number above 0"),
        ({"decay": -1}, "decay is -1; 0 or a number above"),
        ({"anneal": 1.5}, "anneal is 1.5; a share from 0 to 1"),
        ({"scale": 0}, "scale is 0; a number above 0"),
        ({"width": 0}, "width is 0"),
        ({"n_levels": 0}, "n_levels is 0"),
        ({"poisson": 2}, "poisson is 2; a share from 0 to 1"),
        ({"brightness": 0.9}, "brightness is 0.9; 1 or a number above"),
        ({"offset": -1}, "offset is -1; 0 or a number above"),
        ({"split": "well"}, "split by 'well'; accepted: image, field"),
        ({"precision": "half"}, "precision 'half' is unknown"),
        ({"dropout": 1.0}, "dropout is 1.0; a number from 0 to below 1"),
        ({"keras_momentum": 1}, "keras_momentum is 1; a number from 0 to below 1"),
        ({"blocks": [8]}, r"blocks is \[8\]; lists of whole numbers"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        build("delpnet", **parameters)


def test_other_blocks_meet_the_size_too():
    method = Delpnet(blocks=[[32], [64], [128, 128], [256, 256], [512]])
    assert sum(p.numel() for p in method.network().parameters()) == 2_314_572


def test_other_bad_parameters():
    with pytest.raises(InputError, match="size is 31; a whole number from 32"):
        build("vgg16", side=31)
    with pytest.raises(InputError, match="penalty is 0; a number above 0"):
        build("logistic_features", penalty=0)


@pytest.mark.parametrize("name", ALL)
def test_names(name):
    module = importlib.import_module(f"focusbench.methods.{name}")
    (own,) = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and "name" in vars(value) and vars(value).get("name") == name
    ]
    assert own.__module__ == module.__name__


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", NETWORKS)
def test_on_cuda(name):
    """Steps as on the CPU; in mixed precision about so. The next batch is cut in the meantime."""
    losses = {}
    for device, precision in (("cpu", "float32"), ("cuda", "float32"), ("cuda", "bfloat16")):
        dropout = {"dropout": 0.0} if name == "delpnet" else {}
        method = build(name, precision=precision, learning_rate=1e-5, **dropout)
        learner = method.learner(data(), quick_run(device=device))
        losses[device, precision] = [learner.step() for _ in range(4)]
    cpu, cuda, mixed = losses.values()
    assert cuda == pytest.approx(cpu, rel=1e-2)
    assert mixed == pytest.approx(cpu, rel=0.1)
    made = method.levels(textures()["c"][0], quick_run(device="cuda"), fitted(name))
    known = build(name).levels(textures()["c"][0], quick_run(), fitted(name))
    assert np.allclose(made.probabilities, known.probabilities, atol=0.05)
