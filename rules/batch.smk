# One observation and all methods that cost little -> estimates and scores, in one job.


rule batch:
    input:
        observed="results/{track}/observed/{sample}/{degradation}.ome.tif",
        about="results/{track}/observed/{sample}/{degradation}.json",
        base=observed_from_other,
        truth=truth_of,
        models=batch_models,
        levels=batch_levels,
        again=batch_again,
    output:
        "results/{track}/batches/{sample}/{degradation}.json",
    log:
        "results/logs/{track}/batches/{sample}/{degradation}.log",
    conda:
        "../envs/focusbench.yaml"
    threads: threads_of
    resources:
        mem_mb=memory(8000),
        runtime=minutes(720),
        gpu=batch_gpus,
    params:
        what=batch_parameters,
        scripts=SCRIPTS,
    script:
        "../workflow/scripts/batch.py"
