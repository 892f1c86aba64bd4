import contextlib
import copy
import logging
from types import SimpleNamespace

import pytest
import torch

from focusbench.networks.skip_3d import Skip3d
from focusbench.optics.rays import Geometry, RayForward
from focusbench.training import cuda_graph
from focusbench.training.cuda_graph import WARM_UP, GraphedStep
from focusbench.training.deep_prior import Reconstruction

on_cuda = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


class Counter:
    """Work that adds 1 to a tensor."""

    def __init__(self):
        self.value = torch.zeros(1)
        self.calls = 0

    def __call__(self):
        self.calls += 1
        self.value += 1
        return (self.value,)


@pytest.fixture
def pretended(monkeypatch):
    """CUDA's part: a graph records which work was done within it, and does it at every replay."""
    recording = []

    class Graph:
        def replay(self):
            self.work()

    @contextlib.contextmanager
    def graph(graph):
        recording.append(graph)
        try:
            yield
        finally:
            recording.pop()

    stream = SimpleNamespace(wait_stream=lambda other: None)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    monkeypatch.setattr(torch.cuda, "Stream", lambda: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext())
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda self, stream: None)
    return recording


def test_on_the_cpu_steps_are_launched_one_by_one(caplog):
    caplog.set_level(logging.INFO)
    work = Counter()
    step = GraphedStep(work, "cpu")
    for count in range(1, 8):
        assert step()[0].item() == count
    assert work.calls == 7
    assert not step.recorded
    assert [r.levelname for r in caplog.records] == ["INFO"]
    assert "cuda graph" in caplog.records[0].message


def test_steps_are_recorded_after_a_warm_up_and_replayed(pretended):
    value, done, recorded = torch.zeros(1), [], []

    def work():
        if not pretended:
            done.append(1)
            value.add_(1)
            return (value,)
        pretended[-1].work = lambda: value.add_(1)
        recorded.append(1)
        return (value,)

    step = GraphedStep(work, "cuda")
    results = [step()[0] for _ in range(WARM_UP + 4)]
    assert (len(done), len(recorded)) == (WARM_UP, 1)
    assert step.recorded
    assert value.item() == WARM_UP + 4  # recording is no step
    replayed = results[WARM_UP:]
    assert [r.item() for r in replayed] == [WARM_UP + k for k in (1, 2, 3, 4)]  # copies
    step.reset()
    assert not step.recorded
    step()
    assert len(done) == WARM_UP + 1


def test_what_cannot_be_recorded_goes_on_one_by_one(pretended, caplog):
    value = torch.zeros(1)

    def work():
        if pretended:
            raise RuntimeError("operation not permitted when stream is capturing\nmore")
        return (value.add_(1),)

    step = GraphedStep(work, "cuda")
    for count in range(1, WARM_UP + 4):
        assert step()[0].item() == count
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "capturing; steps are launched one by one" in record.message


def stepper(graph, device="cpu", digits="float32", size=12):
    torch.manual_seed(0)
    network = Skip3d(width=4, scales=2, skip=2).to(device)
    geometry = Geometry(n_slices=3, aperture_grid=3)
    random = torch.Generator().manual_seed(1)
    noise = torch.rand(1, 1, 3, size, size, generator=random) / 10
    observed = torch.rand(3, size, size, generator=random)
    return Reconstruction(
        network,
        noise.to(device),
        RayForward(geometry),
        observed.to(device),
        1e-3,
        device,
        digits,
        graph,
    )


def test_a_graph_changes_nothing_on_the_cpu():
    plain, graphed = stepper(False), stepper(True)
    assert [plain.step() for _ in range(6)] == [graphed.step() for _ in range(6)]
    assert torch.equal(plain.estimate(), graphed.estimate())


def test_a_state_saved_with_a_graph_is_taken_up_without():
    """Adam's options belong to the run, not to the state."""
    first = stepper(False)
    for _ in range(3):
        first.step()
    tensors, scalars = copy.deepcopy(first.state())
    cuda_graph.fit_adam(first.optimizer, True)
    assert all(g["capturable"] and g["fused"] for g in first.optimizer.param_groups)
    recorded = copy.deepcopy(first.state())
    cuda_graph.fit_adam(first.optimizer, False)
    following = [first.step() for _ in range(2)]
    for saved in ((tensors, scalars), recorded):
        other = stepper(True)
        other.load(*saved)
        assert not any(g["capturable"] or g["fused"] for g in other.optimizer.param_groups)
        assert [other.step() for _ in range(2)] == following


@pytest.mark.parametrize("digits", ["float32", "tf32", "bfloat16"])
@pytest.mark.parametrize("mark", [pytest.param("cuda", marks=on_cuda)])
def test_replayed_steps_are_those_of_plain_ones(mark, digits):
    plain, graphed = stepper(False, mark, digits, 40), stepper(True, mark, digits, 40)
    losses = [[s.step() for _ in range(WARM_UP + 5)] for s in (plain, graphed)]
    assert graphed.graph.recorded
    torch.testing.assert_close(*(torch.tensor(x) for x in losses), rtol=2e-3, atol=0)
    tensors, scalars = copy.deepcopy(graphed.state())
    resumed = stepper(True, mark, digits, 40)
    resumed.load(tensors, scalars)
    pairs = [(graphed.step(), resumed.step()) for _ in range(WARM_UP + 3)]
    assert resumed.graph.recorded
    torch.testing.assert_close(*torch.tensor(pairs).T, rtol=2e-3, atol=0)
