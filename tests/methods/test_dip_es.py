"""Both stopped forms of the deep image prior."""

import dataclasses

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.methods.dip import Dip
from focusbench.methods.dip_es_emv import DipEsEmv
from focusbench.methods.dip_es_wmv import DipEsWmv
from focusbench.problem import Problem
from focusbench.training import deep_prior, loop, skip_prior
from focusbench.training.early_stopping import EarlyStopping, MovingVariance, WindowedVariance
from focusbench.training.run import quick_run

pytestmark = pytest.mark.usefixtures("one_thread")

NETWORK = {"constant_steps": 4, "width": 4, "scales": 2, "learning_rate": 1e-2}
WMV = DipEsWmv(steps=60, window=4, patience=6, **NETWORK)
EMV = DipEsEmv(steps=60, warm_up=5, patience=6, **NETWORK)


@pytest.mark.parametrize("method", [DipEsWmv(), DipEsEmv()])
def test_constants(method, ray_problem, monkeypatch):
    """Those of `dip`; W = 100, P = 1000, alpha = 0.1 of Wang et al.: on what is built."""
    seen = []

    def look(stepper, steps, run, *, phase="main", monitored=True, after=None):
        seen.append((stepper, steps))
        return loop.Outcome(0, False)

    monkeypatch.setattr(skip_prior, "iterate", look)
    monkeypatch.setattr(deep_prior, "iterate", look)
    method.restore(ray_problem, quick_run())
    (fit, fit_steps), (main, steps) = seen
    assert (fit_steps, steps) == (500, 30_000)
    assert (fit.target == 0.75).all()
    assert sum(p.numel() for p in main.stepper.network.parameters()) == 3_639_617
    assert main.stepper.optimizer.param_groups[0]["lr"] == 1e-3
    assert main.ends
    assert main.stopping.patience == 1000
    if isinstance(method, DipEsWmv):
        assert main.stopping.variance.window == 100
        assert main.stopping.warm_up == 0
    else:
        assert main.stopping.variance.alpha == 0.1
        assert main.stopping.warm_up == 100


def test_shares_the_defaults_of_dip():
    plain = {field.name: field.default for field in dataclasses.fields(Dip)}
    for method in (DipEsWmv, DipEsEmv):
        own = {field.name: field.default for field in dataclasses.fields(method)}
        assert plain.keys() - own.keys() <= {"window"}
        assert {name: own[name] for name in plain.keys() & own.keys()}.items() <= plain.items()


class Iterates:
    """Monitor that keeps all estimates."""

    def __init__(self):
        self.seen = []

    def __call__(self, step, loss, estimate):
        self.seen.append(estimate().clone())

    def state(self):
        return {}

    def restore(self, state):
        pass


@pytest.mark.parametrize(
    ("method", "build"),
    [
        (WMV, lambda: EarlyStopping(WindowedVariance(4), 6)),
        (EMV, lambda: EarlyStopping(MovingVariance(0.1), 6, 5)),
    ],
)
def test_stops_where_the_iterates_of_dip_say(method, build, ray_problem):
    watch = Iterates()
    Dip(steps=60, window=0, **NETWORK).restore(ray_problem, quick_run(monitor=watch))
    stopping = build()
    for volume in watch.seen:
        stopping.update(volume)
    assert stopping.stopped_at is not None
    assert stopping.stopped_at < 60
    result = method.restore(ray_problem, quick_run())
    assert result.iterations == result.evaluations == stopping.stopped_at
    assert result.repeatable
    assert result.estimate.tobytes() == stopping.best.numpy().tobytes()
    assert result.estimate.tobytes() == watch.seen[stopping.best_step - 1].numpy().tobytes()
    seen = result.details["early_stopping"]
    assert (seen["step"], seen["stopped_at"]) == (stopping.best_step, stopping.stopped_at)
    tested = [v for s, v in zip(seen["steps"], seen["variances"], strict=True) if s > 5]
    assert seen["variance"] == stopping.best_variance == min(tested)
    assert seen["criterion"] == ("es_wmv" if method is WMV else "es_emv")
    assert seen["ends"] is True
    assert result.others == {}


@pytest.mark.parametrize("method", [WMV, EMV])
def test_killed_and_taken_up(method, ray_problem, restore_with_cuts):
    method = dataclasses.replace(method, patience=15)
    whole, rows, _ = restore_with_cuts(method, ray_problem)
    cut, again, attempts = restore_with_cuts(method, ray_problem, (2, 5, 9, 17))
    assert attempts == 5
    assert cut.estimate.tobytes() == whole.estimate.tobytes()
    assert cut.details == whole.details
    assert cut.iterations == whole.iterations > 17
    assert again == rows


def test_the_watched_run_goes_on_to_the_same(ray_problem, restore_with_cuts):
    method = Dip(steps=20, window=4, patience=6, **NETWORK)
    whole, rows, _ = restore_with_cuts(method, ray_problem)
    cut, again, _ = restore_with_cuts(method, ray_problem, (3, 11))
    assert cut.estimate.tobytes() == whole.estimate.tobytes()
    assert cut.others["es_wmv"].tobytes() == whole.others["es_wmv"].tobytes()
    assert (cut.details, again) == (whole.details, rows)


@pytest.mark.parametrize("method", [WMV, EMV])
def test_steps_that_end_first(method, ray_problem):
    """The best so far is kept, and the record says that nothing was detected."""
    few = dataclasses.replace(method, steps=9, patience=1000).restore(ray_problem, quick_run())
    assert few.iterations == 9
    assert few.details["early_stopping"]["stopped_at"] is None
    assert few.details["early_stopping"]["step"] <= 9
    fewer = dataclasses.replace(method, steps=1).restore(ray_problem, quick_run())
    last = Dip(steps=1, window=0, **NETWORK).restore(ray_problem, quick_run())
    assert fewer.details["early_stopping"]["step"] is None
    assert fewer.estimate.tobytes() == last.estimate.tobytes()


@pytest.mark.parametrize("method", [WMV, EMV])
def test_a_blind_problem_is_refused_by_name(method):
    name = "dip_es_wmv" if method is WMV else "dip_es_emv"
    blind = Problem("multifocus", np.ones((3, 4, 4), np.float32), "ZYX", (1.0, 1.0, 1.0))
    with pytest.raises(InputError, match=f"^{name}: the problem has no imaging model"):
        method.restore(blind, quick_run())


@pytest.mark.parametrize(
    ("method", "name", "value", "accepted"),
    [
        (DipEsWmv, "window", 0, "a whole number from 2 up"),
        (DipEsWmv, "patience", 0, "from 1 up"),
        (DipEsEmv, "alpha", 1.0, "between 0 and 1"),
        (DipEsEmv, "alpha", 0, "above 0"),
        (DipEsEmv, "warm_up", -1, "from 0 up"),
        (DipEsEmv, "constant", 1.0, "between 0 and 1"),
    ],
)
def test_bad_parameters(method, name, value, accepted):
    with pytest.raises(ValueError, match=f"^{name}.*{accepted}") as error:
        method(**{name: value})
    assert "\n" not in str(error.value)
