# One observation and one method -> an estimate.


rule restore:
    input:
        observed="results/{track}/observed/{sample}/{degradation}.ome.tif",
        truth=truth_of,
        model=weights_of,
    output:
        volume="results/{track}/restored/{sample}/{degradation}/{method}-seed{seed}.ome.tif",
        trace="results/{track}/restored/{sample}/{degradation}/{method}-seed{seed}.trace.csv",
        record="results/{track}/restored/{sample}/{degradation}/{method}-seed{seed}.json",
    params:
        what=lambda wildcards: plan.restore_parameters(
            CONFIG, wildcards.track, wildcards.sample, wildcards.degradation, wildcards.method
        ),
    threads: lambda wildcards: CONFIG["tracks"][wildcards.track]["threads"]
    log:
        "results/logs/{track}/restored/{sample}/{degradation}/{method}-seed{seed}.log",
    resources:
        mem_mb=8000,
        runtime=720,
        gpu=lambda wildcards: int(CONFIG["methods"][wildcards.track][wildcards.method]["gpu"]),
    conda:
        "../envs/focusbench.yaml"
    script:
        "../workflow/scripts/restore.py"
