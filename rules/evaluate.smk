# Estimates -> metrics; and what a method costs, measured alone.


rule score:
    input:
        volume="results/{track}/restored/{sample}/{degradation}/{method}-seed{seed}.ome.tif",
        record="results/{track}/restored/{sample}/{degradation}/{method}-seed{seed}.json",
        observed="results/{track}/observed/{sample}/{degradation}.ome.tif",
        about="results/{track}/observed/{sample}/{degradation}.json",
        base=observed_from_other,
        truth=truth_of,
    output:
        "results/{track}/scores/{sample}/{degradation}/{method}-seed{seed}.json",
    log:
        "results/logs/{track}/scores/{sample}/{degradation}/{method}-seed{seed}.log",
    conda:
        "../envs/focusbench.yaml"
    resources:
        mem_mb=memory(4000),
        runtime=minutes(30),
        packed=1,  # one at a time in an allocation, where the profile says so
    params:
        what=lambda wildcards: plan.score_parameters(
            CONFIG, wildcards.track, wildcards.sample, wildcards.method
        ),
    script:
        "../workflow/scripts/score.py"


rule timing:
    input:
        record="results/{track}/restored/{sample}/{degradation}/{method}-seed{seed}.json",
        observed="results/{track}/observed/{sample}/{degradation}.ome.tif",
        about="results/{track}/observed/{sample}/{degradation}.json",
        model=weights_of,
        levels=levels_of,
    output:
        "results/{track}/timing/{sample}/{degradation}/{method}-seed{seed}.json",
    log:
        "results/logs/{track}/timing/{sample}/{degradation}/{method}-seed{seed}.log",
    conda:
        "../envs/focusbench.yaml"
    # all cores: nothing else runs meanwhile; the method itself keeps to its own count of threads
    threads: all_cores()
    resources:
        cpus_per_task=threads_of,  # of a node that is asked for whole
        slurm_extra="--exclusive",
        mem_mb=memory(8000),
        runtime=minutes(120),
        gpu=gpus_of,
    params:
        what=lambda wildcards: plan.timing_parameters(
            CONFIG,
            wildcards.track,
            wildcards.sample,
            wildcards.degradation,
            wildcards.method,
        ),
    script:
        "../workflow/scripts/timing.py"


rule network_times:
    output:
        "results/{track}/timing/networks.json",
    log:
        "results/logs/{track}/timing/networks.log",
    conda:
        "../envs/focusbench.yaml"
    # all cores: nothing else runs meanwhile; the networks keep to their own count of threads
    threads: all_cores()
    resources:
        cpus_per_task=threads_of,  # of a node that is asked for whole
        slurm_extra="--exclusive",
        mem_mb=memory(8000),
        runtime=minutes(120),
        gpu=lambda wildcards: int(CONFIG["device"] != "cpu"),
    params:
        what=lambda wildcards: plan.network_times_parameters(CONFIG, wildcards.track),
    script:
        "../workflow/scripts/network_times.py"
