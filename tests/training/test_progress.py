import json
import math

import numpy as np
import pytest
import torch

from focusbench.training import progress
from focusbench.training.progress import Silent, Trace, as_array, duration


def trace(every=3, score=None, **more):
    return Trace(None, score, every, "job", **{"quiet": True} | more)


def test_rows_at_first_every_and_last():
    one = trace()
    for step in range(1, 8):
        one(step, 1 / step, None)
    one.finish()
    one.finish()
    assert [row.step for row in one.rows] == [1, 3, 6, 7]
    assert [row.psnr for row in one.rows] == [None] * 4
    assert len(one.seconds) == 4
    two = trace()
    for step in range(1, 7):
        two(step, 1.0, None)
    two.finish()
    assert [row.step for row in two.rows] == [1, 3, 6]


def test_estimate_is_asked_for_only_if_wanted():
    asked = []

    def estimate():
        asked.append(True)
        return torch.full((2, 2, 2), 0.5, requires_grad=True)

    own = trace(every=5, score=lambda x: float(x.sum()))
    for step in range(1, 11):
        own(step, 1.0, estimate)
    assert len(asked) == 3
    assert [row.psnr for row in own.rows] == [4.0] * 3
    blind = trace()
    blind(1, 1.0, estimate)
    assert len(asked) == 3


@pytest.mark.parametrize("wrap", [np.array, torch.tensor, lambda x: lambda: torch.tensor(x)])
def test_estimates_of_all_kinds(wrap):
    array = as_array(wrap([1.0, 2.0]))
    assert isinstance(array, np.ndarray)
    assert array.tolist() == [1.0, 2.0]


def test_csv(tmp_path):
    own = trace(every=1, score=lambda x: math.inf if x else 30.1)
    own.write_csv(tmp_path / "empty.csv")
    assert (tmp_path / "empty.csv").read_text() == "step,loss,psnr\n"
    own(1, 0.1 + 0.2, 0)
    own(2, np.float32(0.5), 1)
    own.write_csv(tmp_path / "trace.csv")
    text = (tmp_path / "trace.csv").read_text()
    assert text == "step,loss,psnr\n1,0.30000000000000004,30.1\n2,0.5,inf\n"
    blind = trace()
    blind(1, 1e-9, None)
    blind.write_csv(tmp_path / "blind.csv")
    assert (tmp_path / "blind.csv").read_text() == "step,loss,psnr\n1,1e-09,\n"


def test_goes_on_where_it_was(monkeypatch):
    clock = {"wall": 5.0, "cpu": 1.0}
    monkeypatch.setattr(progress.time, "perf_counter", lambda: clock["wall"])
    monkeypatch.setattr(progress.time, "process_time", lambda: clock["cpu"])

    def score(estimate):  # costs time that is not the method's
        clock["wall"] += 100
        clock["cpu"] += 200
        return 20.0

    one = trace(score=score)
    clock |= {"wall": 7.0, "cpu": 5.0}
    one(1, 3.0, 0)
    assert one.seconds == [(2.0, 4.0)]
    assert one.used == (2.0, 4.0)
    saved = json.loads(json.dumps(one.state()))
    clock |= {"wall": 1000.0, "cpu": 0.5}  # another process
    two = trace(score=score)
    two(1, 9.0, 0)
    two.restore(saved)
    assert two.rows == one.rows
    clock["wall"] += 1
    clock["cpu"] += 2
    two(3, 2.0, 0)
    assert two.seconds == [(2.0, 4.0), (3.0, 6.0)]
    assert two.rows[-1] == (3, 2.0, 20.0)
    two.restore({})  # of a monitor that notes nothing
    assert len(two.rows) == 2


def test_lines(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    own = trace(every=100, score=lambda x: 35.214, quiet=False)
    own.begin("constant", 4)
    for step in range(1, 5):
        now[0] += 8
        own.tell(step, 0.5)
    own.begin("main", 5000)
    for step in range(1, 302):
        own(step, 0.00123456, 0)
        now[0] += 0.5 if step < 300 else 20
    own.finish()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "job: constant step 2/4  loss 0.5  16 s left"
    assert lines[1] == "job: constant step 4/4  loss 0.5  0 s left"
    assert lines[2].startswith("job: step 21/5000  loss 0.001235  PSNR 35.21 dB  41 min 30 s left")
    assert lines[-1] == "job: step 301/5000  loss 0.001235  PSNR 35.21 dB"
    assert 15 < len(lines) < 25


def test_quiet(capsys):
    own = trace(quiet=True)
    own.begin("main", 2)
    own(1, 1.0, None)
    own.tell(1, 1.0)
    own.finish()
    assert capsys.readouterr() == ("", "")


def test_bar_on_a_terminal(monkeypatch, capsys):
    pytest.importorskip("rich")
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
    own = Trace(2, None, 1, "job")
    own.begin("constant", 2)
    own.tell(1, 1.0)
    own.begin("main", 2)
    own(1, 1.0, None)
    own(2, 0.25, None)
    own.finish()
    assert "job: step 2/2  loss 0.25" in capsys.readouterr().err


def test_duration():
    assert [duration(x) for x in (0.4, 59.4, 130, 3600, 90061)] == [
        "0 s",
        "59 s",
        "2 min 10 s",
        "1 h 0 min",
        "25 h 1 min",
    ]


def test_bad_distance():
    with pytest.raises(ValueError, match="every must be at least 1, not 0"):
        trace(every=0)


def test_silent():
    silent = Silent()
    silent(1, 1.0, None)
    silent.restore(silent.state())
    assert silent.state() == {}


def test_the_best_row_is_measured_once_it_is_wanted():
    measured = []

    def measure(estimate):
        measured.append(float(estimate[0]))
        return {"twice": 2 * float(estimate[0])}

    trace = Trace(None, lambda x: float(x[0]), 1, "", quiet=True, measure=measure)
    buffer = np.zeros(3)
    for step, value in enumerate((1.0, 3.0, 2.0, 3.0), start=1):
        buffer[:] = value  # a method may write over what it reported
        trace(step, 0.0, buffer)
    assert measured == []
    state = json.loads(json.dumps(trace.state()))
    assert state["best"] == {"step": 2, "psnr": 3.0, "twice": 6.0}
    again = Trace(None, lambda x: float(x[0]), 1, "", quiet=True, measure=measure)
    again.restore(state)
    buffer[:] = 2.5
    again(5, 0.0, buffer)
    again.finish()
    assert again.best == state["best"]
    assert measured == [3.0]
    unscored = Trace(None, None, 1, "", quiet=True, measure=measure)
    unscored(1, 0.0, buffer)
    assert unscored.best is None
