import pytest
import torch

from focusbench.training import timing
from focusbench.training.loop import iterate
from focusbench.training.run import quick_run
from focusbench.training.timing import Stopwatch, seconds_per_step


class Counting:
    finished = False

    def __init__(self, clock):
        self.clock = clock
        self.done = 0

    def step(self):
        self.done += 1
        self.clock[0] += 10 if self.done < 3 else self.done  # the first steps are slow
        return 1.0

    def estimate(self):
        return torch.zeros(1)

    def state(self):
        return {}, {}


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    return now


def test_median_after_the_warm_up(clock):
    first, main = Counting(clock), Counting(clock)

    def call(monitor):
        run = quick_run(monitor=monitor)
        iterate(first, 500, run, phase="fit", monitored=False)
        iterate(main, 1000, run)

    assert seconds_per_step(call, 2, 3, "cpu") == {"median": 4.0, "count": 3, "total": None}
    assert first.done == 1  # a stopwatch does not wait for what it does not measure
    assert main.done == 5


def test_a_method_that_ends_before(clock):
    def call(monitor):
        iterate(Counting(clock), 4, quick_run(monitor=monitor))

    assert seconds_per_step(call, 2, 3, "cpu") == {"median": 3.5, "count": 2, "total": 27.0}


def test_a_method_without_steps(clock):
    def call(monitor):
        clock[0] += 2

    assert seconds_per_step(call, 2, 3, "cpu") == {"median": None, "count": 0, "total": 2.0}


def test_methods_do_not_swallow_the_end():
    watch = Stopwatch(0, 1, "cpu")
    watch.begin("main", 5)
    with pytest.raises(BaseException) as end:
        watch(1, 1.0, None)
    assert not isinstance(end.value, Exception)


@pytest.mark.parametrize(("warm_up", "steps"), [(-1, 1), (0, 0)])
def test_bad_counts(warm_up, steps):
    with pytest.raises(ValueError, match="must be at least"):
        Stopwatch(warm_up, steps, "cpu")
