import json
from dataclasses import dataclass

import numpy as np
import pytest

from focusbench import running
from focusbench.errors import InputError
from focusbench.problem import Problem, Restoration
from focusbench.training.state import NoState

PROBLEM = Problem("multifocus", np.ones((3, 4, 5), np.float32), "ZYX", (1.0, 1.0, 1.0))
HOW = {"device": "cpu", "threads": 1, "budget_seconds": None}


@dataclass(frozen=True)
class Shaped:
    """Gives back what its parameters say."""

    shape: tuple = (3, 4, 5)
    value: float = 1.0

    def restore(self, problem, run, weights=None):
        return Restoration(np.full(self.shape, self.value, np.float32), iterations=7)


def restore(**parameters):
    run = running.make_run(HOW, 0, NoState(), running.trace("shaped", None))
    return running.restore(f"{__name__}:Shaped", parameters, PROBLEM, run)


def test_a_restoration_comes_with_its_record():
    restoration, record = restore(value=0.5)
    assert restoration.estimate[0, 0, 0] == 0.5
    assert record["iterations"] == 7
    assert record["device"] == "cpu"
    assert record["parameters"] == {"value": 0.5}
    assert record["versions"]["torch"].startswith("2.")
    assert record["peak_memory_bytes"] > 1e7


@dataclass(frozen=True)
class Stepping:
    """Goes through estimates of equal values, and would rather have given the one before last."""

    values: tuple[float, ...] = (0.2, 0.9, 1.0, 0.6)

    def restore(self, problem, run, weights=None):
        estimates = [np.full(problem.observed.shape, v, np.float32) for v in self.values]
        for step, estimate in enumerate(estimates, start=1):
            run.monitor(step, 0.5, estimate)
        run.monitor.finish()
        return Restoration(
            estimates[-1], others={"earlier": estimates[-2]}, details={"curve": [3, 2]}
        )


def test_the_record_tells_what_the_truth_says_of_the_run():
    def score(estimate):
        return 10 - abs(float(estimate.mean()) - 0.85)

    def measure(estimate):
        return {"mean": round(float(estimate.mean()), 6), "endless": float("inf")}

    def record(score, measure):
        monitor = running.trace("stepping", None, score, measure)
        run = running.make_run(HOW, 0, NoState(), monitor)
        return running.restore(f"{__name__}:Stepping", {}, PROBLEM, run)[1]

    known = record(score, measure)
    assert known["details"] == {"curve": [3, 2]}
    assert known["oracle"] == {"step": 2, "psnr": known["oracle"]["psnr"], "mean": 0.9} | {
        "endless": "inf"
    }
    assert known["oracle"]["psnr"] == pytest.approx(9.95)
    assert known["others"] == {"earlier": {"mean": 1.0, "endless": "inf"}}
    json.dumps(known, allow_nan=False)
    unknown = record(None, None)
    assert (unknown["oracle"], unknown["others"]) == (None, {})


@pytest.mark.parametrize("wrong", [{"shape": (3, 4)}, {"value": float("nan")}])
def test_an_estimate_that_is_none_is_refused(wrong):
    with pytest.raises(InputError, match="gave an estimate"):
        restore(**wrong)


def test_an_unknown_parameter_is_one_line():
    with pytest.raises(InputError, match="strength"):
        restore(strength=3)


def test_a_fingerprint_knows_parameters_and_content(tmp_path):
    path = tmp_path / "a"
    path.write_text("one")
    first = running.fingerprint({"a": 1}, [path])
    assert first == running.fingerprint({"a": 1}, [path])
    assert first != running.fingerprint({"a": 2}, [path])
    path.write_text("two")
    assert first != running.fingerprint({"a": 1}, [path])


def test_timing_scales_to_the_full_run():
    timing = running.time_restoration(
        f"{__name__}:Shaped",
        {},
        PROBLEM,
        HOW,
        seed=0,
        weights=None,
        iterations=0,
        warm_up=1,
        steps=2,
    )
    assert timing["seconds_per_step"] is None
    assert timing["seconds"] > 0
