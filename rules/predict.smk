# Observations and trained predictors -> how far what is out of focus; and how well that is told.


rule levels:
    input:
        observed="results/{track}/observed/{sample}/{degradation}.ome.tif",
        model=weights_of,
    output:
        "results/{track}/levels/{sample}/{degradation}/{method}-seed{seed}.csv",
    log:
        "results/logs/{track}/levels/{sample}/{degradation}/{method}-seed{seed}.log",
    conda:
        "../envs/focusbench.yaml"
    threads: threads_of
    resources:
        mem_mb=memory(4000),
        runtime=minutes(60),
        gpu=gpus_of,
    params:
        what=lambda wildcards: plan.levels_parameters(
            CONFIG,
            wildcards.track,
            wildcards.sample,
            wildcards.degradation,
            wildcards.method,
        ),
    script:
        "../workflow/scripts/levels.py"


rule accuracy:
    input:
        truths=judged_files,
        model="results/{track}/models/{method}/{training}/model.safetensors",
    output:
        "results/{track}/accuracy/{method}/{training}.csv",
    log:
        "results/logs/{track}/accuracy/{method}/{training}.log",
    conda:
        "../envs/focusbench.yaml"
    threads: threads_of
    resources:
        mem_mb=memory(8000),
        runtime=minutes(240),
        gpu=gpus_of,
    params:
        what=lambda wildcards: plan.accuracy_parameters(
            CONFIG, wildcards.track, wildcards.method
        ),
    script:
        "../workflow/scripts/accuracy.py"


rule predictor_timing:
    input:
        lambda wildcards: [
            paths.model(wildcards.track, *one)
            for one in plan.timed_predictors(CONFIG, wildcards.track)
        ],
    output:
        "results/{track}/timing/predictors-seed{seed}.json",
    log:
        "results/logs/{track}/timing/predictors-seed{seed}.log",
    conda:
        "../envs/focusbench.yaml"
    # all cores: nothing else runs meanwhile; the predictors keep to their own count of threads
    threads: all_cores()
    resources:
        cpus_per_task=threads_of,  # of a node that is asked for whole
        slurm_extra="--exclusive",
        mem_mb=memory(8000),
        runtime=minutes(120),
        gpu=lambda wildcards: int(CONFIG["device"] != "cpu"),
    params:
        what=lambda wildcards: plan.predictor_timing_parameters(CONFIG, wildcards.track),
    script:
        "../workflow/scripts/predictor_timing.py"
