import pytest
import torch

from focusbench.training import timing
from focusbench.training.loop import iterate
from focusbench.training.run import quick_run
from focusbench.training.timing import Stopwatch, measure


class Counting:
    finished = False

    def __init__(self, clock, slow=10):
        self.clock = clock
        self.slow = slow
        self.done = 0

    def step(self):
        self.done += 1
        self.clock[0] += self.slow if self.done < 3 else self.done  # the first steps are slow
        return 1.0

    def estimate(self):
        return torch.zeros(1)

    def state(self):
        return {}, {}


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(timing.time, "process_time", lambda: 2 * now[0])
    return now


def test_phases_are_cut_short_and_counted_in_full(clock):
    first, main = Counting(clock), Counting(clock)

    def call(monitor):
        run = quick_run(monitor=monitor)
        iterate(first, 500, run, phase="fit", monitored=False)
        iterate(main, 1000, run)

    found = measure(call, 2, 3, "cpu", iterations=1000)
    assert found == {
        "seconds_per_step": 4.0,  # median of 3, 4 and 5
        "cpu_seconds_per_step": 8.0,
        "measured_steps": 3,
        "seconds": 4.0 * 1000 + 4.0 * 500,
        "cpu_seconds": 8.0 * 1000 + 8.0 * 500,
    }
    assert (first.done, main.done) == (5, 5)


def test_a_method_that_ended_before_counts_the_steps_that_it_did(clock):
    def call(monitor):
        iterate(Counting(clock), 4, quick_run(monitor=monitor))

    found = measure(call, 2, 3, "cpu", iterations=4)
    assert (found["seconds_per_step"], found["measured_steps"]) == (3.5, 2)
    assert found["seconds"] == 14.0


def test_a_method_without_steps_is_timed_as_a_whole(clock):
    def call(monitor):
        clock[0] += 2

    found = measure(call, 2, 3, "cpu", iterations=0)
    assert (found["seconds_per_step"], found["seconds"], found["cpu_seconds"]) == (None, 2.0, 4.0)


def test_a_loop_of_ones_own_is_ended(clock):
    def call(monitor):
        for step in range(1, 1000):
            clock[0] += 3
            try:
                monitor(step, 1.0, None)
            except Exception:
                continue

    found = measure(call, 2, 3, "cpu", iterations=999)
    assert (found["measured_steps"], found["seconds_per_step"]) == (3, 3.0)
    assert found["seconds"] == 3.0 * 999
    assert clock[0] == 15


@pytest.mark.parametrize(("warm_up", "steps"), [(-1, 1), (0, 0)])
def test_bad_counts(warm_up, steps):
    with pytest.raises(ValueError, match="must be at least"):
        Stopwatch(warm_up, steps, "cpu")
