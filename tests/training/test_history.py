import pytest
import torch

from focusbench.errors import InputError
from focusbench.training.history import HistoryBuffer
from focusbench.training.state import FileState


def numbered(first, count=1):
    """Volumes that bear a number, from `first` on."""
    return torch.arange(first, first + count).float().view(-1, 1, 1, 1, 1).expand(-1, 1, 2, 2, 2)


def test_the_first_are_handed_on():
    buffer = HistoryBuffer(size=50)  # Lim et al. 2020, III-B
    for i in range(50):
        assert buffer.exchange(numbered(i)).flatten()[0] == i
    assert len(buffer) == 50


def test_half_are_exchanged_for_older_ones():
    buffer = HistoryBuffer(size=50)
    buffer.exchange(numbered(0, 50))
    given, ages = [], []
    for i in range(50, 4050):
        value = int(buffer.exchange(numbered(i)).flatten()[0])
        given.append(value)
        if value != i:
            ages.append(i - value)
    exchanged = len(ages) / len(given)
    assert abs(exchanged - 0.5) < 4 * (0.25 / 4000) ** 0.5
    assert len(set(given)) == len(given)  # each volume is handed on once at most
    # kept one is drawn with probability 1/2 a step times 1/50: mean age 100 steps
    mean = sum(ages[200:]) / len(ages[200:])
    assert abs(mean - 100) < 4 * 100 / (len(ages) - 200) ** 0.5


def test_every_place_is_used():
    first = []
    for seed in range(2000):
        buffer = HistoryBuffer(size=4, seed=seed)
        buffer.exchange(numbered(0, 4))
        first.append(int(buffer.exchange(numbered(9)).flatten()[0]))
    for value in range(4):
        assert abs(first.count(value) / 2000 - 1 / 8) < 4 * (7 / 64 / 2000) ** 0.5
    assert abs(first.count(9) / 2000 - 1 / 2) < 4 * (0.25 / 2000) ** 0.5


def test_resumed_in_the_middle_is_the_same(tmp_path):
    whole = HistoryBuffer(size=5, seed=3, purpose="sharp")
    torch.manual_seed(0)
    volumes = torch.rand(40, 2, 1, 3, 4, 5)
    expected = [whole.exchange(batch) for batch in volumes]
    for stop in (0, 1, 2, 17):  # empty, partly filled, full
        cut = HistoryBuffer(size=5, seed=3, purpose="sharp")
        for batch in volumes[:stop]:
            cut.exchange(batch)
        state = FileState(tmp_path / str(stop), "test")
        state.save(cut.state(), {})
        for batch in volumes[stop:]:  # what follows must not reach what was saved
            cut.exchange(batch)
        other = HistoryBuffer(size=5, seed=99)
        other.load(state.load()[0])
        for batch, wanted in zip(volumes[stop:], expected[stop:], strict=True):
            assert torch.equal(other.exchange(batch), wanted)


def test_purposes_and_seeds_differ():
    torch.manual_seed(0)
    volumes = torch.rand(60, 1, 1, 2, 2, 2)

    def run(**settings):
        buffer = HistoryBuffer(size=3, **settings)
        return torch.cat([buffer.exchange(batch) for batch in volumes])

    assert torch.equal(run(seed=1), run(seed=1))
    assert not torch.equal(run(seed=1), run(seed=2))
    assert not torch.equal(run(seed=1), run(seed=1, purpose="blurred"))


def test_keeps_copies_without_history():
    buffer = HistoryBuffer(size=1)
    made = torch.ones(1, 1, 2, 2, 2, requires_grad=True) * 2
    assert not buffer.exchange(made).requires_grad
    with torch.no_grad():
        made.fill_(7)
    values = {float(buffer.exchange(torch.zeros(1, 1, 2, 2, 2)).flatten()[0]) for _ in range(20)}
    assert 7 not in values
    assert 2 in values


def test_of_no_size_does_nothing():
    buffer = HistoryBuffer(size=0)
    volumes = torch.rand(30, 1, 2, 2, 2)
    assert torch.equal(buffer.exchange(volumes), volumes)
    assert len(buffer) == 0


def test_wrong_use():
    with pytest.raises(InputError, match="size is -1; a whole number from 0"):
        HistoryBuffer(size=-1)
    buffer = HistoryBuffer()
    buffer.exchange(torch.rand(1, 1, 2, 2, 2))
    with pytest.raises(InputError, match=r"shape \(1, 2, 2, 3\); those before have \(1, 2, 2, 2\)"):
        buffer.exchange(torch.rand(1, 1, 2, 2, 3))
