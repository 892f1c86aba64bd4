# Ground truth (or a recorded stack) -> what a method may see.


rule observed:
    input:
        truth=observed_from_truth,
        source=observed_from_source,
        base=observed_from_other,
    output:
        volume="results/{track}/observed/{sample}/{degradation}.ome.tif",
        record="results/{track}/observed/{sample}/{degradation}.json",
    log:
        "results/logs/{track}/observed/{sample}/{degradation}.log",
    priority: 2  # quick, and all else waits for them
    conda:
        "../envs/focusbench.yaml"
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
    params:
        what=lambda wildcards: plan.observed_parameters(
            CONFIG, wildcards.track, wildcards.sample, wildcards.degradation
        ),
    script:
        "../workflow/scripts/observed.py"
