# What batches ask: which restorations share a job, and what they read.
import hashlib

BATCHES = {track: plan.batches(CONFIG, track) for track in CONFIG["tracks"]}
# the job runs them: an edit must rerun it as it does their own rules
SCRIPTS = {
    name: Path(workflow.basedir, "workflow/scripts", name)
    for name in ("restore.py", "score.py")
}


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
