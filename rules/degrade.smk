# Ground truth (or a recorded stack) -> what a method may see.


rule observed:
    input:
        truth=observed_from_truth,
        source=observed_from_source,
    output:
        volume="results/{track}/observed/{sample}/{degradation}.ome.tif",
    params:
        what=lambda wildcards: plan.observed_parameters(
            CONFIG, wildcards.track, wildcards.sample, wildcards.degradation
        ),
    log:
        "results/logs/{track}/observed/{sample}/{degradation}.log",
    resources:
        mem_mb=4000,
        runtime=30,
    conda:
        "../envs/focusbench.yaml"
    script:
        "../workflow/scripts/observed.py"
