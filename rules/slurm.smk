# Two faults of the plug-in for SLURM (2.8.0), mended for the run.
#
# A controller that is away for a minute must not cost the jobs that run meanwhile. Before each look at
# its jobs the plug-in asks the controller how long that remembers jobs. Without an answer it looks with
# sacct instead, which on a cluster without accounting never gives one, and then it forgets its jobs and
# waits for ever. The answer is the same throughout a run.
#
# A job that was cancelled must be sent again. sacct says "CANCELLED by 1000", with the number of who did
# it; the plug-in knows "CANCELLED" alone, takes the job for one that runs, and waits for ever.
import sys


def remembered(ask):
    """Ask until there is an answer, and then no more."""
    known = []

    def answer():
        if not known:
            known.extend(found for found in [ask()] if found is not None)
        return known[0] if known else None

    return answer


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
    plugin.query_job_status = first_words(plugin.query_job_status)
