# Raw data and procedural phantoms -> prepared ground truth.


rule truth:
    input:
        source=lambda wildcards: plan.source_files(CONFIG, wildcards.sample),
    output:
        volume="results/{track}/truth/{sample}.ome.tif",
    log:
        "results/logs/{track}/truth/{sample}.log",
    conda:
        "../envs/focusbench.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        what=lambda wildcards: plan.truth_parameters(
            CONFIG, wildcards.track, wildcards.sample
        ),
    script:
        "../workflow/scripts/truth.py"
