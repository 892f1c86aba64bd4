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
