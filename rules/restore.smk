# One observation and one method -> an estimate.


rule restore:
    input:
        observed="results/{track}/observed/{sample}/{degradation}.ome.tif",
        about="results/{track}/observed/{sample}/{degradation}.json",
        truth=truth_of,
        model=weights_of,
        levels=levels_of,
        again=restored_again,
    output:
        volume="results/{track}/restored/{sample}/{degradation}/{method}-seed{seed}.ome.tif",
        trace="results/{track}/restored/{sample}/{degradation}/{method}-seed{seed}.trace.csv",
        record="results/{track}/restored/{sample}/{degradation}/{method}-seed{seed}.json",
    log:
        "results/logs/{track}/restored/{sample}/{degradation}/{method}-seed{seed}.log",
    conda:
        "../envs/focusbench.yaml"
    threads: threads_of
    resources:
        mem_mb=memory(8000),
        runtime=minutes(720),
        gpu=gpus_of,
    params:
        what=lambda wildcards: plan.restore_parameters(
            CONFIG,
            wildcards.track,
            wildcards.sample,
            wildcards.degradation,
            wildcards.method,
        ),
    script:
        "../workflow/scripts/restore.py"
