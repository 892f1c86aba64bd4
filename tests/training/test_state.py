import logging
import math
import os
import random
import signal

import pytest
import torch

from focusbench.errors import InputError
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
    names = sorted(path.name for path in state.path.parent.iterdir())
    assert names == ["previous.safetensors", "state.safetensors"]


def test_tensors_that_share_memory(state):
    whole = torch.arange(6.0)
    state.save({"whole": whole, "part": whole[2:4]}, {})
    assert torch.equal(state.load()[0]["part"], torch.tensor([2.0, 3.0]))


def test_loaded_tensors_do_not_hang_on_the_file(state):
    state.save({"a": torch.ones(1000)}, {})
    tensors, _ = state.load()
    state.path.write_bytes(b"\0" * state.path.stat().st_size)
    assert torch.equal(tensors["a"], torch.ones(1000))


def test_another_fingerprint_is_refused_in_one_line(state, caplog):
    other = FileState(state.path.parent, "other")
    assert other.load() is None
    assert not caplog.records
    state.save(TENSORS, SCALARS)
    assert other.load() is None
    (record,) = caplog.records
    assert record.message == (
        f"resume state: {state.path} was saved with other parameters, code or data; starting from "
        "the beginning"
    )
    other.save({}, {"n": 1})
    assert other.load() == ({}, {"n": 1})
    # and back again: the state of before has not been replaced yet
    assert state.load()[1] == SCALARS


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
    assert record.message == f"resume state: {state.path} is damaged; starting from the beginning"
    state.save(TENSORS, SCALARS)
    assert state.load() is not None


@pytest.mark.parametrize("which", ["path", "previous"])
def test_a_folder_in_the_place_of_a_file_is_damage(which, state):
    for step in range(2):
        state.save(TENSORS, {"step": step})
    place = getattr(state, which)
    place.unlink()
    (place / "within").mkdir(parents=True)
    assert state.load()[1] == {"step": 0 if which == "path" else 1}
    for step in (2, 3):
        state.save(TENSORS, {"step": step})
    assert state.load()[1] == {"step": 3}
    place.unlink()
    place.mkdir()
    state.remove()
    assert not state.path.parent.exists()


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


OLDER = {"n": 1}


@pytest.fixture
def two(state):
    """A state and the one before it, and the bytes of both."""
    state.save({"a": torch.arange(5.0)}, OLDER)
    state.save(TENSORS, SCALARS)
    return state, state.path.read_bytes(), state.previous.read_bytes()


def _loaded(two, data, caplog):
    """What is loaded where `data` stands in the place of the last state; and what is said."""
    state, _, before = two
    state.path.write_bytes(data)
    state.previous.write_bytes(before)
    caplog.clear()
    _, scalars = state.load()
    return scalars, [record.message for record in caplog.records]


def _is_the_one_before(two, data, caplog):
    scalars, said = _loaded(two, data, caplog)
    path = two[0].path
    assert scalars == OLDER
    assert len(said) == 1
    assert said[0].startswith(f"resume state: {path} ")
    assert said[0].endswith("; going on from the one before")


def test_a_flipped_bit_anywhere_falls_back_to_the_state_before(two, caplog):
    _, data, _ = two
    choose = random.Random(4)
    places = [8 * i + bit for i in range(8) for bit in range(8)]  # of the length of the heading
    # not the flags, which end the file: any bit of their bytes means True
    places += [choose.randrange(64, 8 * (len(data) - 2)) for _ in range(150)]
    for place in places:
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        _is_the_one_before(two, flipped, caplog)
    assert _loaded(two, data, caplog) == (SCALARS, [])


def test_a_file_cut_off_anywhere_falls_back_to_the_state_before(two, caplog):
    _, data, _ = two
    choose = random.Random(5)
    for length in [0, 1, 7, 8, 9, len(data) - 1, *choose.sample(range(len(data)), 60)]:
        _is_the_one_before(two, data[:length], caplog)
        # as a machine without power may leave it: of full length, its end not written
        torn = data[:length].ljust(len(data), b"\0")
        if torn != data:
            _is_the_one_before(two, torn, caplog)


def test_a_damaged_state_does_not_take_the_place_of_the_one_before(two):
    state, data, before = two
    state.path.write_bytes(data[:-1])
    assert state.load()[1] == OLDER
    state.save({}, {"n": 3})
    assert state.previous.read_bytes() == before
    assert state.load() == ({}, {"n": 3})


def test_both_damaged_is_a_fresh_start_in_one_line(two, caplog):
    state, data, before = two
    state.path.write_bytes(data[:-1])
    state.previous.write_bytes(before[:-1])
    assert state.load() is None
    assert [record.message for record in caplog.records] == [
        f"resume state: {state.path} is damaged; starting from the beginning"
    ]
    assert not list(state.path.parent.iterdir())


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_killed_at_any_rename_a_whole_state_is_left(renames, two, caplog):
    state, _, before = two
    child = os.fork()
    if child == 0:
        done, replace = [], os.replace

        def counting(*paths):
            if len(done) == renames:
                os.kill(os.getpid(), signal.SIGKILL)
            replace(*paths)
            done.append(paths)

        os.replace = counting
        state.save({}, {"n": 3})
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    expected, said = {
        0: (SCALARS, []),
        1: (SCALARS, [f"resume state: {state.path} is not there; going on from the one before"]),
        2: ({"n": 3}, []),
    }[renames]
    assert state.load()[1] == expected
    assert [record.message for record in caplog.records] == said
    assert not list(state.path.parent.glob(".part*"))
    assert (state.previous.read_bytes() == before) == (renames == 0)


def test_too_large_a_state_is_not_kept_and_told_of_once(state, monkeypatch, caplog):
    state.save({"a": torch.ones(100)}, OLDER)
    monkeypatch.setenv("FOCUSBENCH_STATE_GIB", str(1000 / 2**30))
    state.save({"a": torch.ones(200)}, {"n": 2})
    assert not caplog.records
    for _ in range(3):
        state.save({"a": torch.ones(250)}, {"n": 3})  # with the scalars, just above
    (record,) = caplog.records
    assert record.message.startswith("the state of this run takes 9.3")
    assert "\n" not in record.message
    assert state.load()[1] == {"n": 2}
    assert sum(path.stat().st_size for path in state.path.parent.iterdir()) < 3000
    monkeypatch.setenv("FOCUSBENCH_STATE_GIB", "much")
    with pytest.raises(InputError, match="'much'; a number from 0 up is accepted"):
        state.save({}, {})


def test_no_state():
    state = NoState()
    state.save(TENSORS, SCALARS)
    assert state.load() is None
    state.remove()
