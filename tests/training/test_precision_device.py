import logging
import os
from pathlib import Path

import pytest
import torch

from focusbench.errors import InputError
from focusbench.training import device, precision, seeds
from focusbench.training.run import apply_threads, quick_run


def test_tf32_is_off_unless_asked_for():
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    seen = {}
    for digits in precision.PRECISIONS:
        with precision.arithmetic(digits):
            seen[digits] = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    assert seen == {"float32": (False,) * 2, "tf32": (True,) * 2, "bfloat16": (True,) * 2}
    assert (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32) == before


def test_autocast():
    layer = torch.nn.Linear(2, 2)
    types = {}
    for digits in precision.PRECISIONS:
        with precision.autocast("cpu", digits):
            types[digits] = layer(torch.ones(1, 2)).dtype
    assert types == {
        "float32": torch.float32,
        "tf32": torch.float32,
        "bfloat16": torch.bfloat16,
    }


def test_unknown_precision():
    with pytest.raises(ValueError, match="'float8' is unknown; accepted: float32, tf32, bfloat16"):
        precision.check("float8")


def test_devices(monkeypatch, caplog):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with caplog.at_level(logging.WARNING):
        assert device.resolve("cpu") == device.resolve("auto") == "cpu"
        assert not caplog.records
        assert device.resolve("cuda") == "cpu"
    (record,) = caplog.records
    assert "CUDA" in record.message
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device.resolve("auto") == device.resolve("cuda") == "cuda"
    assert device.resolve("cpu") == "cpu"
    with pytest.raises(InputError, match="'gpu' is unknown; accepted: auto, cpu, cuda"):
        device.resolve("gpu")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
def test_peak_memory_is_in_bytes():
    now = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    assert 0.9 * now < device.peak_memory("cpu") < 100 * now


def test_seeds():
    assert seeds.derive(0, "a") == seeds.derive(0, "a")
    many = {
        seeds.derive(seed, *purpose) for seed in (0, 1) for purpose in (("a",), ("b",), ("a", 1))
    }
    assert len(many) == 6
    assert all(0 <= value < 2**63 for value in many)
    state = torch.get_rng_state()
    with seeds.seeded(5, "network"):
        one = torch.rand(3)
    with seeds.seeded(5, "network"):
        assert torch.equal(torch.rand(3), one)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(torch.rand(3, generator=seeds.generator(5, "network")), one)


def test_threads():
    before = torch.get_num_threads()
    try:
        apply_threads(2)
        assert torch.get_num_threads() == 2
    finally:
        apply_threads(before)


def test_quick_run():
    run = quick_run(4, budget_seconds=2.0)
    assert (run.seed, run.device, run.threads, run.budget_seconds) == (4, "cpu", 1, 2.0)
    assert run.state.load() is None
    run.monitor(1, 1.0, None)
