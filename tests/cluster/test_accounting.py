"""`profiles/slurm` on a cluster that keeps accounts: it learns of its jobs from `sacct`."""

import os
import shutil
import time

import pytest
from cluster_copy import ClusterCopy
from one_node_slurm import ACCOUNT, Unavailable, install, temporary

SCORE = "results/multifocus/scores/cell/clean/walk-seed0.json"
# as it stands in the profile
NO_ACCOUNT = "# default-resources:\n#   slurm_account: my_project "
OUTAGE = 10  # seconds; the long one is in test_interruptions.py


@pytest.fixture(scope="module")
def accounting(slurm):
    """A cluster with accounts; a skip where what keeps them cannot be installed."""
    try:
        install(accounts=True)
    except Unavailable as error:
        pytest.skip(str(error))
    with temporary(cpus=os.cpu_count() or 2, accounts=True) as cluster:
        yield cluster


@pytest.fixture
def checkout(observed, tmp_path, accounting):
    """A working copy for that cluster."""
    shutil.copytree(observed.folder, tmp_path / "checkout")
    checkout = ClusterCopy(tmp_path / "checkout", accounting)
    yield checkout
    checkout.end()


def numbers(checkout):
    return [step.number for step in checkout.diary()]


def attempts(checkout, field):
    """What the accounts know of the jobs that walked, in their order."""
    jobs = dict.fromkeys(step.job for step in checkout.diary())
    return [checkout.cluster.accounted(job, field) for job in jobs]


def test_a_restoration_and_its_score_on_a_named_account(checkout):
    checkout.walk(steps=3)
    named = f"default-resources:\n  slurm_account: {ACCOUNT} "
    checkout.edit("profiles/slurm/config.yaml", NO_ACCOUNT, named)
    before = set(checkout.cluster.jobs())
    said = checkout.submit(SCORE).wait(seconds=90)
    known = [
        checkout.cluster.accounted(job, "Account,State")
        for job in set(checkout.cluster.jobs()) - before
    ]
    assert known == [f"{ACCOUNT}|COMPLETED"] * 2
    assert "Trying to restart" not in said


def test_killed_for_its_memory_it_finishes_at_the_next_attempt(checkout):
    target = checkout.walk(steps=20, seconds=0.2, megabytes=1000)
    checkout.edit("rules/restore.smk", "memory(8000)", "memory(900)")
    checkout.variables["FOCUSBENCH_SAVE_SECONDS"] = "0"
    checkout.submit(target).wait(seconds=90)
    (first, failed), (second, completed) = (
        one.split("|") for one in attempts(checkout, "ReqMem,State")
    )
    assert (first, second) == ("900M", "1800M")
    assert failed != completed == "COMPLETED"
    assert numbers(checkout) == list(range(1, 21))


def test_cancelled_under_a_run_that_goes_on_it_is_sent_again(checkout):
    target = checkout.walk(steps=60, seconds=0.1)
    run = checkout.submit(target)
    checkout.cluster.ask("scancel", checkout.wait_for_step(20).job)
    run.wait(seconds=90)
    first, second = attempts(checkout, "State")
    assert first.startswith("CANCELLED by ")
    assert second == "COMPLETED"
    assert numbers(checkout) == list(range(1, 61))


def test_the_controller_and_the_accounts_may_be_restarted(checkout):
    checkout.walk(steps=100, seconds=0.1)
    run = checkout.submit(SCORE)
    checkout.wait_for_step(10)
    checkout.cluster.stop_controller()
    checkout.cluster.stop_accounts()
    time.sleep(OUTAGE)
    checkout.cluster.start_accounts()
    checkout.cluster.start_controller()
    said = run.wait(seconds=120)
    assert numbers(checkout) == list(range(1, 101))
    assert "Trying to restart" not in said
