"""Runs that are interrupted from outside lose nothing and do nothing twice."""

import os
import signal
import time

STEPS = list(range(1, 151))
OUTAGE = 75  # seconds; five questions in vain, at which the plug-in gives up by default, take 45


def walk(checkout):
    checkout.variables["FOCUSBENCH_SAVE_SECONDS"] = "3600"  # saves on SIGTERM alone
    return checkout.walk(steps=150, seconds=0.1)


def numbers(checkout):
    return [step.number for step in checkout.diary()]


def test_cancelled_and_run_again_it_goes_on_where_it_was(checkout):
    target = walk(checkout)
    run = checkout.submit("--retries", "0", target)
    checkout.cluster.ask("scancel", checkout.wait_for_step(40).job)
    run.wait(status=1)
    assert 40 <= len(numbers(checkout)) < 150
    checkout.submit(target).wait()
    assert numbers(checkout) == STEPS
    assert checkout.made(target) == checkout.undisturbed(target)


def test_cancelled_under_a_run_that_goes_on_it_is_sent_again(checkout):
    target = walk(checkout)
    run = checkout.submit(target)
    checkout.cluster.ask("scancel", checkout.wait_for_step(40).job)
    run.wait()
    assert numbers(checkout) == STEPS


def test_interrupting_the_run_cancels_its_jobs_and_the_next_one_goes_on(checkout):
    target = walk(checkout)
    run = checkout.submit(target)
    job = checkout.wait_for_step(40).job
    os.kill(run.process.pid, signal.SIGINT)
    run.wait(status=1)
    checkout.cluster.wait_until_ended(job)
    checkout.submit(target).wait()
    assert numbers(checkout) == STEPS


def test_the_controller_may_be_restarted(checkout):
    walk(checkout)
    target = "results/multifocus/scores/cell/clean/walk-seed0.json"
    run = checkout.submit(target)
    checkout.wait_for_step(10)
    checkout.cluster.stop_controller()
    time.sleep(OUTAGE)
    checkout.cluster.start_controller()
    said = run.wait()
    assert numbers(checkout) == STEPS
    assert "Trying to restart" not in said
