import os
import signal
import threading

import pytest
import torch

from focusbench.errors import InputError
from focusbench.training import loop
from focusbench.training.loop import Outcome, iterate, restored
from focusbench.training.run import quick_run
from focusbench.training.state import FileState


class Halving:
    """x is halved at each step; `also` is called with the number of steps done."""

    def __init__(self, also=lambda done: None, enough=None):
        self.x = torch.ones(2, 2, 2)
        self.done = 0
        self.also = also
        self.enough = enough

    @property
    def finished(self):
        return self.done == self.enough

    def step(self):
        self.x = self.x / 2
        self.done += 1
        self.also(self.done)
        return self.x.sum().item()

    def estimate(self):
        return self.x

    def state(self):
        return {"x": self.x}, {"done": self.done}

    def load(self, tensors, scalars):
        self.x, self.done = tensors["x"], scalars["done"]


class Watch:
    """Monitor that notes the calls."""

    def __init__(self):
        self.calls = []

    def __call__(self, step, loss, estimate):
        self.calls.append((step, loss, estimate().sum().item()))

    def tell(self, step, loss):
        self.calls.append(("told", step))

    def begin(self, phase, steps, monitored):
        self.calls.append(("begin", phase, steps))

    def finish(self):
        self.calls.append(("finish",))

    def state(self):
        return {"calls": self.calls}

    def restore(self, state):
        self.calls = [tuple(call) for call in state["calls"]]


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(loop.time, "monotonic", lambda: Clock.now)
    monkeypatch.delenv("FOCUSBENCH_SAVE_SECONDS", raising=False)
    return Clock


def test_counts_and_reports():
    watch = Watch()
    outcome = iterate(Halving(), 3, quick_run(monitor=watch))
    assert (outcome.steps, outcome.out_of_time, outcome.passed_over) == (3, False, False)
    steps = [(1, 4.0, 4.0), (2, 2.0, 2.0), (3, 1.0, 1.0)]
    assert watch.calls == [("begin", "main", 3), *steps, ("finish",)]


def test_unmonitored_steps_are_only_told():
    watch = Watch()
    iterate(Halving(), 2, quick_run(monitor=watch), phase="fit", monitored=False)
    assert watch.calls == [("begin", "fit", 2), ("told", 1), ("told", 2)]


def test_no_steps_and_enough_steps(tmp_path):
    assert iterate(Halving(), 0, quick_run()).steps == 0
    stepper = Halving(enough=2)
    assert iterate(stepper, 9, quick_run(state=FileState(tmp_path, "f"))).steps == 2
    again = Halving(enough=2)
    assert iterate(again, 9, quick_run(state=FileState(tmp_path, "f"))).steps == 2
    assert torch.equal(stepper.x, again.x)


def test_phases_are_passed_over(tmp_path):
    run = quick_run(state=FileState(tmp_path, "f"), monitor=Watch())
    first = Halving()
    assert iterate(first, 2, run, phase="a").steps == 2
    # as a rerun finds it before the second phase has begun: the first one's result is there
    again = Halving()
    outcome = iterate(again, 2, quick_run(state=run.state, monitor=Watch()), phase="a")
    assert (outcome.steps, outcome.passed_over) == (2, False)
    assert torch.equal(again.x, first.x)
    iterate(Halving(), 3, run, phase="b", after=outcome)
    # and after: nothing is done, and the monitor knows all
    untouched, watch = Halving(), Watch()
    outcome = iterate(untouched, 2, quick_run(state=run.state, monitor=watch), phase="a")
    assert (outcome.steps, outcome.passed_over, untouched.done) == (2, True, 0)
    assert watch.calls == run.monitor.calls
    later = Halving()
    assert iterate(later, 3, quick_run(state=run.state, monitor=watch), phase="b").steps == 3
    assert later.done == 3


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_loss_that_is_no_number(bad, tmp_path):
    class Broken(Halving):
        def step(self):
            return bad if self.done == 2 else super().step()

    run = quick_run(state=FileState(tmp_path, "f"))
    with pytest.raises(FloatingPointError, match=rf"^the loss is {bad} at step 3 of phase 'main'$"):
        iterate(Broken(), 5, run)
    assert run.state.load() is None


def test_budget_counts_all_phases(clock):
    def tick(done):
        clock.now += 1

    run = quick_run(budget_seconds=4.5)
    first = iterate(Halving(tick), 3, run, phase="a")
    assert first == Outcome(3, False, 3.0)
    second = iterate(Halving(tick), 3, run, phase="b", after=first)
    assert second == Outcome(2, True, 5.0)  # the step that exceeds it is the last
    assert iterate(Halving(tick), 3, run, phase="c", after=second) == Outcome(0, True, 5.0)


def test_budget_reached_with_the_last_step_cuts_nothing(clock):
    def tick(done):
        clock.now += 1

    assert iterate(Halving(tick), 3, quick_run(budget_seconds=3)) == Outcome(3, False, 3.0)


def test_budget_counts_all_attempts(clock, tmp_path):
    def tick(done):
        clock.now += 31  # saved after each step
        if done == 2 and not interrupted:
            interrupted.append(done)
            raise KeyboardInterrupt

    interrupted = []
    run = quick_run(budget_seconds=100, state=FileState(tmp_path, "f"))
    with pytest.raises(KeyboardInterrupt):
        iterate(Halving(tick), 9, run)
    assert iterate(Halving(tick), 9, run) == Outcome(4, True, 124.0)
    assert iterate(Halving(tick), 9, run) == Outcome(4, True, 124.0)  # over is over


@pytest.mark.parametrize(("setting", "saves"), [(None, [3, 6, 7]), ("0", [1, 2, 3, 4, 5, 6, 7])])
def test_saves_now_and_then(setting, saves, clock, monkeypatch):
    class Counting:
        steps = ()

        def load(self):
            return None

        def save(self, tensors, scalars):
            self.steps = (*self.steps, scalars["step"])

    def tick(done):
        clock.now += 10.0

    if setting:
        monkeypatch.setenv("FOCUSBENCH_SAVE_SECONDS", setting)
    state = Counting()
    iterate(Halving(tick), 7, quick_run(state=state))
    assert list(state.steps) == saves


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_asked_to_stop_it_saves_and_leaves(number, tmp_path, caplog):
    def terminate(done):
        if done == 3:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    watch = Watch()
    run = quick_run(state=FileState(tmp_path, "f"), monitor=watch)
    with pytest.raises(SystemExit) as stop:
        iterate(Halving(terminate), 5, run)
    assert stop.value.code == 143
    assert "left after step 3 of phase 'main'; asked again, it goes on there" in caplog.text
    assert signal.getsignal(number) is before
    assert run.state.load()[1]["step"] == 3
    stepper, again = Halving(), Watch()
    assert iterate(stepper, 5, quick_run(state=run.state, monitor=again)).steps == 5
    assert stepper.x.flatten()[0].item() == 2**-5
    assert [call[0] for call in again.calls if isinstance(call[0], int)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("setting", ["soon", "-1", "inf", "nan"])
def test_an_interval_that_is_none(setting, monkeypatch):
    monkeypatch.setenv("FOCUSBENCH_SAVE_SECONDS", setting)
    with pytest.raises(InputError, match=f"^FOCUSBENCH_SAVE_SECONDS is '{setting}'; a number from"):
        iterate(Halving(), 2, quick_run())


def test_other_threads_listen_to_no_signal():
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(iterate(Halving(), 2, quick_run())))
    thread.start()
    thread.join()
    assert outcomes[0].steps == 2


def test_a_restoration_is_what_the_stepper_ends_with():
    stepper = Halving()
    found = restored(stepper, iterate(stepper, 3, quick_run()))
    assert (found.iterations, found.evaluations, found.repeatable) == (3, 3, True)
    assert (found.estimate == 1 / 8).all()
    stepper.x = stepper.x.double()
    late = restored(stepper, Outcome(3, out_of_time=True), 7)
    assert (late.iterations, late.evaluations, late.repeatable) == (3, 7, False)
    assert late.estimate.dtype == "float32"
