"""A job that meets a limit of the cluster is sent again with more, and goes on where it was."""

import sys


def attempts(checkout):
    """What the cluster knows of the jobs that walked, in their order."""
    jobs = dict.fromkeys(step.job for step in checkout.diary())
    return [checkout.cluster.show(job) for job in jobs]


def walked_once(checkout, steps):
    return [step.number for step in checkout.diary()] == list(range(1, steps + 1))


def test_killed_for_its_memory_it_finishes_at_the_next_attempt(checkout):
    target = checkout.walk(steps=20, seconds=0.2, megabytes=1000)
    checkout.edit("rules/restore.smk", "memory(8000)", "memory(900)")
    checkout.variables["FOCUSBENCH_SAVE_SECONDS"] = "0"
    checkout.submit(target).wait()
    first, second = attempts(checkout)
    assert first["JobState"] != "COMPLETED"
    assert (first["MinMemoryNode"], second["MinMemoryNode"]) == ("900M", "1800M")
    assert walked_once(checkout, 20)
    assert checkout.made(target) == checkout.undisturbed(target)


def test_past_its_time_it_goes_on_where_it_was(checkout):
    target = checkout.walk(steps=600, seconds=0.15)
    checkout.edit("rules/restore.smk", "minutes(720)", "minutes(1)")
    checkout.variables["FOCUSBENCH_SAVE_SECONDS"] = "3600"  # saves on SIGTERM alone
    checkout.submit(target).wait()
    first, second = attempts(checkout)
    assert first["JobState"] == "TIMEOUT"
    assert (first["TimeLimit"], second["TimeLimit"]) == ("00:01:00", "00:02:00")
    assert walked_once(checkout, 600)


def test_a_whole_run_in_one_job_past_its_time_goes_on_with_the_same_command(checkout):
    target = checkout.walk(steps=600, seconds=0.15)
    checkout.variables["FOCUSBENCH_SAVE_SECONDS"] = "3600"  # saves on SIGTERM alone
    command = f"{sys.executable} -m snakemake --profile profiles/gpu {target}"
    for state in ("TIMEOUT", "COMPLETED"):
        limit = "--time=1" if state == "TIMEOUT" else "--time=10"
        job = checkout.sbatch(command, limit, "--mem=4000")
        checkout.cluster.wait_until_ended(job, 300)
        assert checkout.cluster.show(job)["JobState"] == state
    assert walked_once(checkout, 600)


def test_it_asks_for_no_more_time_than_a_partition_gives(checkout):
    target = checkout.walk(steps=3)
    checkout.edit("rules/restore.smk", "minutes(720)", "minutes(5000)")
    checkout.submit(target).wait()
    (job,) = attempts(checkout)
    assert job["TimeLimit"] == "2-00:00:00"
