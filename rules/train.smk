# Training data -> weights.


rule train:
    input:
        training_inputs,
    output:
        model="results/{track}/models/{method}/{training}/model.safetensors",
        record="results/{track}/models/{method}/{training}/model.json",
        trace="results/{track}/models/{method}/{training}/trace.csv",
    log:
        "results/logs/{track}/models/{method}/{training}.log",
    priority: 1  # first: what waits for them waits longest
    conda:
        "../envs/focusbench.yaml"
    threads: threads_of
    resources:
        mem_mb=memory(8000),
        runtime=minutes(720),
        gpu=gpus_of,
        packed=1,  # one at a time in an allocation, where the profile says so
    params:
        what=lambda wildcards: plan.train_parameters(
            CONFIG, wildcards.track, wildcards.method, wildcards.training
        ),
        seed=lambda wildcards: int(wildcards.training.rpartition("seed")[2]),
    script:
        "../workflow/scripts/train.py"
