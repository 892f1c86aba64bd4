# Raw data and procedural phantoms -> prepared ground truth.


rule truth:
    input:
        source=lambda wildcards: plan.source_files(CONFIG, wildcards.sample),
    output:
        volume="results/{track}/truth/{sample}.ome.tif",
    params:
        what=lambda wildcards: plan.truth_parameters(CONFIG, wildcards.track, wildcards.sample),
    log:
        "results/logs/{track}/truth/{sample}.log",
    resources:
        mem_mb=4000,
        runtime=30,
    conda:
        "../envs/focusbench.yaml"
    script:
        "../workflow/scripts/truth.py"
