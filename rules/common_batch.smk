# What batches ask: which restorations share a job, and what they read.
from focusbench.batch_singles import Singles
from focusbench.files import sha256

BATCHES = {track: plan.batches(CONFIG, track) for track in CONFIG["tracks"]}
# the job runs them: an edit must rerun it as it does their own rules
SCRIPTS = {
    name: sha256(Path(workflow.basedir, "workflow/scripts", name))
    for name in ("restore.py", "score.py")
}
SINGLES = jobs.OneLine(Singles(CONFIG, SCRIPTS))


def restored_again(wildcards):
    """Have a restoration made anew that a batch made from something else; reads nothing.

    The runner knows nothing of a batch's members: to it such a file is one that stands. It asks
    for a job's inputs just where a plan has that job, so that the others cost nothing.
    """
    if workflow.is_main_process:
        item = paths.Restored(
            wildcards.sample,
            wildcards.degradation,
            wildcards.method,
            int(wildcards.seed),
        )
        workflow.dag.forcefiles.update(SINGLES.stale(wildcards.track, item))
    return []


def batch_again(wildcards):
    """Have a batch look again whose members have been made by jobs of their own; reads nothing."""
    ids = (wildcards.track, wildcards.sample, wildcards.degradation)
    if workflow.is_main_process and Path(paths.outdated(*ids)).exists():
        workflow.dag.forcefiles.add(paths.batch(*ids))
    return []


def adopt_singles():
    """At the end of a run: what it made singly stands for a batch too."""
    if workflow.is_main_process:
        try:
            SINGLES.adopt(STARTED)
        except OSError as error:
            sys.exit(f"{jobs.MARK}{jobs.line(error)}")


def batch_of(wildcards):
    """Restorations of a batch."""
    return BATCHES[wildcards.track].get((wildcards.sample, wildcards.degradation), [])


def batch_parameters(wildcards):
    """What a batch's job must know."""
    ids = (wildcards.track, wildcards.sample, wildcards.degradation)
    return plan.batch_parameters(CONFIG, *ids, batch_of(wildcards))


def batch_models(wildcards):
    """Weights that members of a batch start from, each once."""
    found = (
        plan.weights(CONFIG, wildcards.track, item.method, item.seed, item.sample)
        for item in batch_of(wildcards)
    )
    return [path for path in dict.fromkeys(found) if path]


def batch_levels(wildcards):
    """Levels that members of a batch are told, each once."""
    found = (plan.levels(CONFIG, wildcards.track, item) for item in batch_of(wildcards))
    return [path for path in dict.fromkeys(found) if path]


def batch_gpus(wildcards):
    """GPUs that a batch asks a cluster for: its members run one after another."""
    known = CONFIG["methods"][wildcards.track]
    wanted = any(known[item.method]["gpu"] for item in batch_of(wildcards))
    return int(wanted and CONFIG["device"] != "cpu")
