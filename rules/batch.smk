# One observation and all methods that cost little -> estimates and scores, in one job.
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


def batch_reads(kind):
    """Files of one kind that members of a batch read of their own, each once."""

    def found(wildcards):
        members = batch_parameters(wildcards)["members"]
        return list(dict.fromkeys(one[kind] for one in members if one[kind]))

    return found


def batch_gpus(wildcards):
    """GPUs that a batch asks a cluster for: its members run one after another."""
    known = CONFIG["methods"][wildcards.track]
    wanted = any(known[item.method]["gpu"] for item in batch_of(wildcards))
    return int(wanted and CONFIG["device"] != "cpu")


rule batch:
    input:
        observed="results/{track}/observed/{sample}/{degradation}.ome.tif",
        about="results/{track}/observed/{sample}/{degradation}.json",
        base=observed_from_other,
        truth=truth_of,
        models=batch_reads("model"),
        levels=batch_reads("levels"),
    output:
        "results/{track}/batches/{sample}/{degradation}.json",
    log:
        "results/logs/{track}/batches/{sample}/{degradation}.log",
    conda:
        "../envs/focusbench.yaml"
    threads: threads_of
    resources:
        mem_mb=8000,
        runtime=720,
        gpu=batch_gpus,
    params:
        what=batch_parameters,
        scripts={
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for name, path in SCRIPTS.items()
        },
    script:
        "../workflow/scripts/batch.py"
