# What the rules share: which of a job's inputs exist, and how its errors are repeated.
import os
import time
from pathlib import Path

from focusbench import paths
from focusbench.training import kept_states

STARTED = time.time()


def source_of(wildcards):
    """Files that a sample is prepared from; the time of a download says nothing of its content."""
    files = plan.source_files(CONFIG, wildcards.sample)
    return ancient(files) if plan.downloaded(CONFIG, wildcards.sample) else files


def truth_of(wildcards):
    """The truth, in a list that is empty where there is none."""
    if not plan.has_truth(CONFIG, wildcards.sample):
        return []
    return paths.truth(wildcards.track, wildcards.sample)


def observed_from_truth(wildcards):
    """The truth, where the observation is rendered from it."""
    ids = (wildcards.track, wildcards.sample, wildcards.degradation)
    return paths.truth(*ids[:2]) if plan.needs_truth(CONFIG, *ids) else []


def observed_from_source(wildcards):
    """The source's own files, where the observation is made from them."""
    ids = (wildcards.track, wildcards.sample, wildcards.degradation)
    return source_of(wildcards) if plan.needs_source(CONFIG, *ids) else []


def observed_from_other(wildcards):
    """The observation that this one is derived from, in a list that is empty where it is not."""
    other = plan.derived_from(wildcards.track, wildcards.degradation)
    return paths.observed(wildcards.track, wildcards.sample, other) if other else []


def weights_of(wildcards):
    """The weights that a method starts from, in a list that is empty if it does not train."""
    ids = (wildcards.track, wildcards.method, int(wildcards.seed), wildcards.sample)
    return plan.weights(CONFIG, *ids) or []


def training_inputs(wildcards):
    """Volumes that a training reads; none where it makes its own."""
    ids = (wildcards.track, wildcards.training, wildcards.method)
    return [
        path
        for files in plan.training_files(CONFIG, *ids).values()
        for path in files.values()
    ]


def levels_of(wildcards):
    """The levels that a method is told, in a list that is empty if it needs none."""
    item = paths.Restored(
        wildcards.sample, wildcards.degradation, wildcards.method, int(wildcards.seed)
    )
    return plan.levels(CONFIG, wildcards.track, item) or []


def judged_files(wildcards):
    """Truths, and real stacks, that a predictor is judged on."""
    roles = plan.accuracy_files(CONFIG, wildcards.track, wildcards.method)
    stacks = CONFIG["tracks"][wildcards.track][plan.STACKS]
    real = [path for sample in stacks for path in plan.source_files(CONFIG, sample)]
    return [path for files in roles.values() for path in files.values()] + real


def threads_of(wildcards):
    """Threads of a method: part of its result, so the same wherever it runs."""
    return CONFIG["tracks"][wildcards.track]["threads"]


def all_cores():
    """All cores of this computer; 1 where a cluster's nodes compute, whose profile asks for more."""
    return workflow.resource_settings.cores or 1


def gpus_of(wildcards):
    """GPUs that a job asks a cluster for."""
    wanted = CONFIG["methods"][wildcards.track][wildcards.method]["gpu"]
    return int(wanted and CONFIG["device"] != "cpu")


def memory(first):
    """MB that a cluster is asked for: twice as much with every attempt."""
    return lambda wildcards, attempt: first * 2 ** (attempt - 1)


def minutes(first):
    """Time that a cluster is asked for: what was cut off goes on, so each attempt adds as much."""
    return lambda wildcards, attempt: first * attempt


def remove_kept_states():
    """At the end of a whole run: a job of it, in a process of its own, cannot tell."""
    if workflow.is_main_process:
        kept_states.sweep(Path(paths.RESULTS, ".resume"))


def repeat_errors():
    """Say once more, at the end, what went wrong: the runner's own lines bury it."""
    logs = sorted(Path(paths.RESULTS, "logs").rglob("*.log"))
    for text in jobs.errors_in([one for one in logs if one.stat().st_mtime >= STARTED]):
        print(text, file=sys.stderr)


def check_results():
    """Refuse a folder that cannot be written; date files back that are dated in the future."""
    from focusbench import time_stamps  # here: only the start of a run needs it

    folder = Path(paths.RESULTS)
    place = folder if folder.exists() else Path()
    if not os.access(place, os.W_OK | os.X_OK):
        sys.exit(
            f"{jobs.MARK}{place.resolve()}: cannot be written; a run writes all it makes there"
        )
    try:
        count, seconds = time_stamps.straighten(folder)
    except OSError as error:
        sys.exit(f"{jobs.MARK}{jobs.line(error)}")
    if count:
        text = f"focusbench: {count} results dated up to {seconds:.0f} s in the future: dated now"
        print(text, file=sys.stderr)


def write_manifest():
    """Describe what is there; a disk that takes no more is one line and no success."""
    from focusbench import manifest  # here: only the end of a run needs it

    def sources(sample):
        with suppress(InputError):  # of an earlier run with another configuration
            return planning.source_files(CONFIG, sample)
        return []

    try:
        manifest.write(CONFIG, workflow.basedir, sources)
    except OSError as error:
        sys.exit(f"{jobs.MARK}{jobs.line(error)}")
