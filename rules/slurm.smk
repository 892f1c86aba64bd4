# A controller that is away for a minute must not cost the jobs that run meanwhile.
#
# Before each look at its jobs the plug-in for SLURM (2.8.0) asks the controller how long that remembers
# jobs. Without an answer it looks with sacct instead, which on a cluster without accounting never gives
# one, and then it forgets its jobs and waits for ever. The answer is the same throughout a run.
import sys


def remembered(ask):
    """Ask until there is an answer, and then no more."""
    known = []

    def answer():
        if not known:
            known.extend(found for found in [ask()] if found is not None)
        return known[0] if known else None

    return answer


if plugin := sys.modules.get("snakemake_executor_plugin_slurm"):
    plugin.get_min_job_age = remembered(plugin.get_min_job_age)
