"""Timing of paper-size networks: what is run, how often, and what is told of it."""

import dataclasses

import pytest
import torch

from focusbench.errors import InputError
from focusbench.tracks.refocus import network_times, paper_networks
from focusbench.tracks.refocus.paper_networks import DEEP_Z, DEEP_Z_PLANE, MFPINET, NETWORKS

HOW = {"device": "cpu", "threads": 1, "budget_seconds": None}
SMALL = {"deep_z": {"width": 4}, "mfpinet": {"width": 2}, "srgan": {"width": 2, "blocks": 1}}
SMALL["refocus_naf"] = {"width": 2, "blocks": [1], "middle": 1}


@pytest.fixture
def small(monkeypatch):
    """The same networks with few channels."""
    for name, one in NETWORKS.items():
        fewer = dataclasses.replace(one, parameters={**one.parameters, **SMALL[one.network]})
        monkeypatch.setitem(NETWORKS, name, fewer)


def test_every_run_of_every_network_is_told(small):
    found = network_times.measure({"side": 16, "runs": 2, "warm_up": 1}, HOW)
    assert (found["side"], found["runs"], found["warm_up"]) == (16, 2, 1)
    assert (found["device"], found["threads"]) == ("cpu", 1)
    assert found["load_before"] >= 0
    assert found["versions"]["torch"] == torch.__version__
    assert list(found["networks"]) == list(NETWORKS)
    for one in found["networks"].values():
        assert len(one["milliseconds"]) == 2
        assert min(one["milliseconds"]) > 0
        assert one["precision"] == "float32"
    shapes = {name: (one["shape"], one["passes"]) for name, one in found["networks"].items()}
    assert shapes[MFPINET] == ([1, 3, 16, 16], 1)
    assert shapes[DEEP_Z_PLANE] == ([1, 4, 32, 32], 1)
    assert shapes[DEEP_Z] == ([1, 4, 32, 32], 11)
    assert shapes["mfpinet_hr_input"] == ([1, 3, 32, 32], 1)


@pytest.mark.parametrize(("name", "passes"), [(DEEP_Z, 11), (DEEP_Z_PLANE, 1), (MFPINET, 1)])
def test_a_run_makes_the_planes_of_its_row(small, name, passes):
    seen = []
    one = NETWORKS[name]
    with torch.inference_mode():
        run = network_times._run(one, 16, "cpu")
        network = run.func if hasattr(run, "func") else _closed(run, "network")
        network.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        made = run()
    assert len(seen) == passes
    assert not network.training
    assert all(tuple(given.shape) == one.shape(16) for given in seen)
    if name == MFPINET:
        assert tuple(made.shape) == (1, 33, 32, 32)
        assert -1 <= seen[0].min() < -0.5
    else:
        planes = [float(given[0, 3, 0, 0]) for given in seen]
        assert planes == sorted(set(planes))
        assert seen[0][:, :3].min() >= 0
        if passes == 11:
            assert (planes[0], planes[-1]) == pytest.approx((-1, 1), abs=1e-3)


def _closed(function, name):
    """What a function has closed over."""
    values = (cell.cell_contents for cell in function.__closure__)
    return dict(zip(function.__code__.co_freevars, values, strict=True))[name]


def test_a_budget_leaves_one_run(small):
    settings = {"side": 16, "runs": 50, "warm_up": 3}
    found = network_times.measure(settings, {**HOW, "budget_seconds": 1e-6})
    assert {len(one["milliseconds"]) for one in found["networks"].values()} == {1}


def test_threads_are_set_and_given_back(small, monkeypatch):
    before, seen = torch.get_num_threads(), []
    monkeypatch.setattr(
        network_times, "_timed", lambda *args: seen.append(torch.get_num_threads()) or [1.0]
    )
    settings = {"side": 16, "runs": 1, "warm_up": 0}
    network_times.measure(settings, {**HOW, "threads": before + 1})
    assert set(seen) == {before + 1}
    assert torch.get_num_threads() == before


def test_cuda_is_also_timed_in_other_precisions(small, monkeypatch):
    asked = []
    monkeypatch.setattr(network_times, "resolve", lambda device: "cuda")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    monkeypatch.setattr(network_times, "_timed", lambda one, *rest: asked.append(rest) or [1.0])
    settings = {"side": 16, "runs": 1, "warm_up": 0}
    found = network_times.measure(settings, {**HOW, "device": "auto", "budget_seconds": 42})
    assert found["device"] == "a GPU"
    assert {"mfpinet", "mfpinet_tf32", "mfpinet_bfloat16"} <= set(found["networks"])
    assert found["networks"]["deep_z_tf32"]["network"] == "deep_z"
    assert found["networks"]["deep_z_tf32"]["precision"] == "tf32"
    assert [rest[2] for rest in asked[:: len(NETWORKS)]] == ["float32", "tf32", "bfloat16"]
    assert asked[0][-1] == 42 / len(asked) == 42 / len(found["networks"])


@pytest.mark.parametrize(
    ("settings", "how", "words"),
    [
        ({"side": 8, "runs": 1, "warm_up": 0}, {}, "network_times.side is 8; a whole number"),
        ({"side": 16, "runs": 0, "warm_up": 0}, {}, "network_times.runs is 0"),
        ({"side": 16, "runs": 1, "warm_up": -1}, {}, "network_times.warm_up is -1"),
        ({"side": 16, "warm_up": 1}, {}, "network_times.runs is None"),
        ({"side": 16, "runs": 1, "warm_up": 0}, {"budget_seconds": 0}, "budget_seconds is 0"),
        ({"side": 16, "runs": 1, "warm_up": 0}, {"device": "tpu"}, "device: 'tpu' is unknown"),
    ],
)
def test_bad_settings_are_one_line(settings, how, words):
    with pytest.raises(InputError, match=words) as caught:
        network_times.measure(settings, {**HOW, **how})
    assert "\n" not in str(caught.value)


def test_networks_are_those_of_the_paper():
    with torch.device("meta"):
        counts = {
            name: sum(p.numel() for p in one.built().parameters())
            for name, one in paper_networks.NETWORKS.items()
        }
    assert counts == {
        **{DEEP_Z: 19_406_272, DEEP_Z_PLANE: 19_406_272, MFPINET: 2_504_737},
        **{"mfpinet_hr_input": 2_393_953, "refocus_naf": 7_898_209},
        **{"srgan": 1_401_749, "srgan_5": 586_506},
    }
