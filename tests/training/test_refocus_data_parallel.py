"""A training in several processes is that of one, and ends when one of them ends."""

import copy
import logging
import operator
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from refocus_two_learners import Two
from torch import distributed

from focusbench import jobs
from focusbench.errors import InputError
from focusbench.methods.mfpinet import Mfpinet
from focusbench.parameters import check_whole
from focusbench.training.data_parallel import learning
from focusbench.training.focal_fields import FocalFields
from focusbench.training.followers import Followers
from focusbench.training.run import quick_run


def fields():
    """Spots of any colour; no crop is another's."""
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 256, (3, 12, 12, 3), np.uint8)
    return FocalFields({"one": coarse.repeat(4, axis=1).repeat(4, axis=2)})


@pytest.fixture(scope="module")
def trained():
    """Three steps in one process and in two, then what became of the two; and warnings."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    how, data = Two(fails_at=6), fields()
    said = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logging.getLogger("focusbench").addHandler(handler)
    found = {"said": said}
    with learning(how, data, quick_run(3), 1) as (_, stepper):
        found["one losses"] = [stepper.step() for _ in range(3)]
        found["one"] = stepper.state()
    try:
        with learning(how, data, quick_run(3, threads=2), 2) as (learner, stepper):
            found["threads"] = learner.threads
            found["wrapped"] = [type(n).__name__ for n in learner.parts["with"].called.values()]
            losses = [stepper.step()]
            after_one = copy.deepcopy(stepper.state())
            found["two losses"] = losses + [stepper.step() for _ in range(2)]
            found["two"] = stepper.state()
            stepper.load(*after_one)
            stepper.step()
            stepper.step()
            found["resumed"] = stepper.state()
            stepper.step()
    except RuntimeError as error:
        found["error"] = error
    logging.getLogger("focusbench").removeHandler(handler)
    torch.set_num_threads(before)
    return found


def test_two_processes_learn_as_one(trained):
    assert trained["wrapped"] == ["DistributedDataParallel"] * 2
    assert trained["two losses"] == pytest.approx(trained["one losses"], rel=1e-6)
    (one, told_one), (two, told_two) = trained["one"], trained["two"]
    assert one.keys() == two.keys()
    for part in ("with", "without"):
        assert told_two[part]["losses"] == pytest.approx(told_one[part]["losses"], rel=2e-6)
        # Adam divides by the size of the gradients: of those that are next to nothing in the
        # discriminator, real less made, it makes whole steps
        for name, limit in (("generator", 1e-6), ("discriminator", 2e-5)):
            keys = [key for key in one if key.startswith(f"{part}/{name}/")]
            assert bool(keys) == (name == "generator" or part == "with")
            for key in keys if name == "generator" else ():
                assert (two[key] - one[key]).norm() <= limit * one[key].norm(), key
            if keys:
                both = [torch.cat([state[key].flatten() for key in keys]) for state in (one, two)]
                assert (both[1] - both[0]).norm() <= limit * both[0].norm()


def test_followers_take_up_the_state(trained):
    two, resumed = trained["two"][0], trained["resumed"][0]
    assert two.keys() == resumed.keys()
    assert all(torch.equal(two[key], resumed[key]) for key in two)


def test_failure_of_a_follower_ends_the_training(trained):
    text = "process 2 of 2 of this training failed: ValueError: no more paper"
    assert str(trained["error"]) == text
    assert "refocus_two_learners.py" in "".join(trained["error"].__notes__)  # its traceback
    assert not distributed.is_initialized()


def test_threads_are_shared_and_the_cpu_is_told(trained):
    assert trained["threads"] == 1
    assert trained["said"] == ["processes is 2, and no GPU for them; computing on the CPU"]


def test_batches_are_divided_equally():
    with pytest.raises(InputError, match="batch_size is 3 and processes 2; a batch_size that is a"):
        Mfpinet(batch_size=3, processes=2)
    with pytest.raises(InputError, match="processes is 0"):
        Mfpinet(processes=0)
    learners = [
        Mfpinet(batch_size=6, width=1, discriminator_width=1).learner(
            fields(), quick_run(), Part(rank)
        )
        for rank in range(3)
    ]
    assert [list(one.items) for one in learners] == [[0, 1], [2, 3], [4, 5]]


class Part:
    """As `planes_learner.Share`, without the others."""

    processes = 3

    def __init__(self, rank):
        self.rank = rank

    def prepare(self, network):
        return network

    wrap = mean = prepare


def started(work, *arguments):
    followers = Followers()
    followers.start(work, [arguments])
    return followers, followers.processes[0]


def test_reasons_of_a_failure():
    followers, process = started(operator.call)  # waits for what it is told
    followers.wait_until_ready()
    process.kill()
    with pytest.raises(ChildProcessError, match=r"process 2 of 2 .* was ended by signal 9"):
        followers.check(10)
    followers.end()
    followers, _ = started(check_whole, 0, 1)  # refuses its arguments
    with pytest.raises(InputError, match="a whole number from 1 up is accepted"):
        followers.wait_until_ready()
        followers.check(10)
    followers.end()


def test_signals_to_all_are_for_the_leader():
    followers, process = started(operator.call)
    followers.wait_until_ready()
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.1)
    followers.tell(None)
    followers.end()
    assert process.returncode == 0


LEADER = """
import operator, sys, time
from focusbench.training import followers
followers.GRACE = 0.1
both = followers.Followers()
both.start(operator.call, [(), ()])
both.wait_until_ready()
print(both.folder, *(one.pid for one in both.processes), flush=True)
if sys.argv[1] == "stuck":
    both.processes[0].kill()
time.sleep(100)
"""


@pytest.mark.parametrize("kind", ["killed", "stuck"])
def test_nobody_is_left_behind(kind):
    leader = subprocess.Popen(
        [sys.executable, "-c", LEADER, kind],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    folder, *followers = leader.stdout.readline().split()
    followers = [int(one) for one in followers]
    assert len(followers) == 2
    assert os.path.isdir(folder)
    if kind == "killed":
        assert all(map(lives, followers))
        leader.kill()
    _, said = leader.communicate(timeout=20)
    until = time.monotonic() + 20
    while any(map(lives, followers)) and time.monotonic() < until:
        time.sleep(0.02)
    assert not any(map(lives, followers))
    assert not os.path.exists(folder)
    if kind == "stuck":  # where no exception reaches it, it ends all the same
        assert leader.returncode == 1
        assert said == f"{jobs.MARK}process 2 of 3 of this training was ended by signal 9\n"


def lives(process):
    try:
        os.kill(process, 0)
        with open(f"/proc/{process}/stat") as file:  # not one that nobody has waited for
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
