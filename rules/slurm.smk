# What the plug-in for SLURM (2.8.0) leaves to be wished.
import dataclasses
import math
import sys

from snakemake.iocontainers import ResourceList


# A controller that is away for a minute must not cost the jobs that run meanwhile. Before each look at its
# jobs the plug-in asks the controller how long that remembers jobs. Without an answer it looks with sacct
# instead, which on a cluster without accounting never gives one, and then it forgets its jobs and waits for
# ever. The answer is the same throughout a run.
def remembered(ask):
    """Ask until there is an answer, and then no more."""
    known = []

    def answer():
        if not known:
            known.extend(found for found in [ask()] if found is not None)
        return known[0] if known else None

    return answer


# Times grow with the attempt, and add up where jobs share an allocation: soon no partition allows them, and
# the job would wait for one for ever. What is cut off goes on: the longest that there is will do.
def within_limits(choose):
    """Choose a partition as `choose` does, for no more minutes than one gives that takes the job."""

    def chosen(partitions, job, logger):
        timeless = lambda one: dataclasses.replace(
            one, limits=dataclasses.replace(one.limits, max_runtime=math.inf)
        )
        able = [
            one for one in partitions if timeless(one).score_job_fit(job) is not None
        ]
        longest = max((one.limits.max_runtime for one in able), default=math.inf)
        wanted = job.resources.get("runtime", 0)
        if isinstance(wanted, (int, float)) and wanted > longest:
            logger.info(
                f"Job {job.name}: {longest} minutes, not {wanted}: no partition gives more"
            )
            resources = {**dict(job.resources.items()), "runtime": longest}
            job._resources = ResourceList(fromdict=resources)
        return choose(partitions, job, logger)

    return chosen


# A job that was cancelled must be sent again. sacct says "CANCELLED by 1000", with the number of who did it;
# the plug-in knows "CANCELLED" alone, takes the job for one that runs, and waits for ever.
def first_words(ask):
    """Of each job's state, leave the first word."""

    async def answer(command, logger):
        states, seconds = await ask(command, logger)
        if states is not None:
            states = {job: state.partition(" ")[0] for job, state in states.items()}
        return states, seconds

    return answer


if plugin := sys.modules.get("snakemake_executor_plugin_slurm"):
    plugin.get_min_job_age = remembered(plugin.get_min_job_age)
    plugin.get_best_partition = within_limits(plugin.get_best_partition)
    plugin.query_job_status = first_words(plugin.query_job_status)
