import logging
import math

import pytest
import torch

from focusbench.training.state import FileState, NoState

TENSORS = {
    "a": torch.arange(24, dtype=torch.float32).reshape(2, 3, 4).transpose(0, 2),
    "step": torch.tensor(7.0),
    "none": torch.zeros(0, 3),
    "half": torch.tensor([0.1, 0.2], dtype=torch.bfloat16),
    "bytes": torch.Generator().get_state(),
    "double": torch.tensor([math.pi], dtype=torch.float64),
    "flag": torch.tensor([True, False]),
}
SCALARS = {"x": 0.1 + 0.2, "tiny": 5e-324, "n": 2**60, "none": None, "list": [1, [2.5, "µ"]]}


@pytest.fixture
def state(tmp_path):
    return FileState(tmp_path / "state", "mine")


def test_returns_exactly_what_was_saved(state):
    assert state.load() is None
    state.save({"a": torch.ones(2)}, {})
    state.save(TENSORS, SCALARS)
    tensors, scalars = FileState(state.path.parent, "mine").load()
    assert scalars == SCALARS
    assert tensors.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert tensors[name].dtype == value.dtype
        assert torch.equal(tensors[name], value)
    assert [path.name for path in state.path.parent.iterdir()] == ["state.safetensors"]


def test_tensors_that_share_memory(state):
    whole = torch.arange(6.0)
    state.save({"whole": whole, "part": whole[2:4]}, {})
    assert torch.equal(state.load()[0]["part"], torch.tensor([2.0, 3.0]))


def test_loaded_tensors_do_not_hang_on_the_file(state):
    state.save({"a": torch.ones(1000)}, {})
    tensors, _ = state.load()
    state.path.write_bytes(b"\0" * state.path.stat().st_size)
    assert torch.equal(tensors["a"], torch.ones(1000))


def test_another_fingerprint_is_a_fresh_start(state, caplog):
    state.save(TENSORS, SCALARS)
    assert FileState(state.path.parent, "other").load() is None
    assert not caplog.records


@pytest.mark.parametrize("damage", ["empty", "cut", "bit", "heading", "foreign"])
def test_a_damaged_file_is_a_fresh_start(damage, state, caplog):
    state.save(TENSORS, SCALARS)
    data = bytearray(state.path.read_bytes())
    if damage == "bit":  # within the values: safetensors does not see it
        data[-3] ^= 4
    elif damage == "heading":
        data[20] ^= 4
    data = {"empty": b"", "cut": data[:-5], "foreign": b"hello" * 100}.get(damage, data)
    state.path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        assert state.load() is None
    (record,) = caplog.records
    assert str(state.path) in record.message
    assert "\n" not in record.message
    state.save(TENSORS, SCALARS)
    assert state.load() is not None


def test_a_file_of_others_is_a_fresh_start(state, caplog):
    from safetensors.torch import save_file

    state.path.parent.mkdir()
    save_file({"a": torch.ones(1)}, state.path)
    assert state.load() is None
    assert len(caplog.records) == 1


def test_remove(state):
    state.remove()  # nothing there
    state.save(TENSORS, SCALARS)
    left = state.path.with_name(f".part123-{state.path.name}")
    left.write_bytes(b"what a killed write left")
    assert state.load() is not None
    assert not left.exists()
    left.touch()
    state.remove()
    assert not state.path.parent.exists()
    state.save(TENSORS, SCALARS)
    other = state.path.with_name("other.txt")
    other.touch()
    state.remove()
    assert list(state.path.parent.iterdir()) == [other]


def test_no_state():
    state = NoState()
    state.save(TENSORS, SCALARS)
    assert state.load() is None
    state.remove()
